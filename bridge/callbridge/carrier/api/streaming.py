"""Media streaming: the parameters that several commands share, and the commands of its own."""

from dataclasses import dataclass

import msgspec

from callbridge.carrier.api.operation import CarrierMeans, LegCommand
from callbridge.carrier.api.problems import refused
from callbridge.carrier.audio.playout import Target
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.parts.stream import StreamParams, playing_codec
from telecodecs import CodecError


class NamedValue(msgspec.Struct, frozen=True):
    name: str
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Streamed:
    """The stream of an answer, a dial or a streaming_start."""

    stream_url: str | None = None
    stream_track: str = "inbound_track"
    stream_codec: str = "default"
    stream_auth_token: str | None = None
    stream_bidirectional_mode: str = "mp3"
    stream_bidirectional_codec: str = "PCMU"
    stream_bidirectional_sampling_rate: int | None = None
    stream_bidirectional_target_legs: Target = "opposite"
    enable_dialogflow: bool = False

    def stream(
        self, means: CarrierMeans, custom_parameters: "list[NamedValue] | None" = None
    ) -> StreamParams | None:
        """None without a stream_url. Raises Refused for a codec that is not available here."""
        if self.stream_url is None:
            if self.enable_dialogflow:
                raise refused("90046", "Dialogflow is not supported by this local carrier")
            return None
        pairs = None
        if custom_parameters is not None:
            pairs = {pair.name: pair.value for pair in custom_parameters}
        params = StreamParams(
            url=self.stream_url,
            track=self.stream_track,
            codec=self.stream_codec,
            mode=self.stream_bidirectional_mode,
            bidirectional_codec=self.stream_bidirectional_codec,
            bidirectional_rate=self.stream_bidirectional_sampling_rate,
            target=self.stream_bidirectional_target_legs,
            auth_token=self.stream_auth_token,
            custom_parameters=pairs,
        )
        try:
            playing_codec(params, means.exchange.config.l16_order)
        except CodecError as error:
            raise refused("90046", f"not in this local carrier: {error}",
                          "/stream_bidirectional_codec") from None  # fmt: skip
        return params


@dataclass(frozen=True, kw_only=True)
class StartStreaming(Streamed, LegCommand, operation_id="calls.actions.start_streaming"):
    custom_parameters: list[NamedValue] | None = None

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        if means.streams.of(leg) is not None:
            raise refused("90045", "this call is being streamed already")
        params = self.stream(means, self.custom_parameters)
        if params is None:
            raise refused("10004", "stream_url is required", "/stream_url")
        means.streams.add(leg, params)


@dataclass(frozen=True, kw_only=True)
class StopStreaming(LegCommand, operation_id="calls.actions.stop_streaming"):
    stream_id: str | None = None

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        stream = means.streams.of(leg)
        if stream is None or self.stream_id not in (None, stream.stream_id):
            raise refused("90048", "this call has no such stream")
        with leg.for_part(stream):
            stream.stop()
