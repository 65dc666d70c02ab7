"""What a document connects a call to: a Conversation Relay, or a media stream."""

from typing import cast

from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.parts.relay_mouth import InterruptibleBy
from callbridge.carrier.parts.relays import CarrierRelays, RelayParams
from callbridge.carrier.parts.stream import StreamParams, playing_codec
from callbridge.carrier.parts.streams import CarrierStreams
from callbridge.carrier.texml.running import Connecting
from callbridge.carrier.texml.verbs import BargeInBy, RelayNoun, StreamNoun
from telecodecs import CodecError

ALIASES: dict[BargeInBy, InterruptibleBy] = {"true": "any", "false": "none"}


class TexmlServices:
    def __init__(self, exchange: Exchange, streams: CarrierStreams, relays: CarrierRelays) -> None:
        self._exchange, self._streams, self._relays = exchange, streams, relays

    def connect(self, leg: CarrierLeg, noun: RelayNoun | StreamNoun) -> Connecting:
        """What cannot be connected to is over at once, and the tape says why."""
        if isinstance(noun, StreamNoun):
            return self._stream(leg, noun)
        return self._relay(leg, noun)

    def _relay(self, leg: CarrierLeg, noun: RelayNoun) -> Connecting:
        if not self._exchange.converses:
            return self._cannot(leg, "this local carrier cannot listen: callbridge[speech]")
        if self._relays.of(leg) is not None:
            return self._cannot(leg, "a command has started a Conversation Relay already")
        part = self._relays.add(leg, relay_params(noun))
        return Connecting(lambda: part.ended is not None, part)

    def _stream(self, leg: CarrierLeg, noun: StreamNoun) -> Connecting:
        params, streams = stream_params(noun), self._streams
        if streams.of(leg) is not None:
            return self._cannot(leg, "a command has started a stream already")
        try:
            playing_codec(params, self._exchange.config.l16_order)
        except CodecError as error:
            return self._cannot(leg, f"not in this local carrier: {error}")
        streams.add(leg, params)
        part = streams.of(leg)
        return Connecting(lambda: streams.of(leg) is not part, part)

    def _cannot(self, leg: CarrierLeg, why: str) -> Connecting:
        self._exchange.note(leg, "texml not connected", why=why)
        return Connecting(lambda: True, None)


def relay_params(noun: RelayNoun) -> RelayParams:
    return RelayParams(
        url=noun.url,
        greeting=noun.welcome_greeting,
        interruptible=_interruptible(noun.interruptible),
        interruptible_greeting=_interruptible(noun.welcome_greeting_interruptible),
        dtmf_detection=noun.dtmf_detection,
        language=noun.language,
        custom_parameters=cast("dict[str, object]", noun.parameters),
        voice=noun.voice,
        tts_provider=noun.voice.partition(".")[0].lower(),
        transcription_engine=noun.transcription_provider,
        announced=False,
    )


def _interruptible(value: BargeInBy) -> InterruptibleBy:
    return ALIASES.get(value, cast(InterruptibleBy, value))


def stream_params(noun: StreamNoun) -> StreamParams:
    return StreamParams(
        url=noun.url,
        track=noun.track,
        codec=noun.codec,
        mode=noun.bidirectional_mode,
        bidirectional_codec=noun.bidirectional_codec,
        bidirectional_rate=noun.bidirectional_sampling_rate,
        target="self",  # there is nobody else on the call; a document has no word for it
        custom_parameters=noun.parameters or None,
    )
