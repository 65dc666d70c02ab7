"""Media Streaming on legs: when a stream opens, starts and stops, and what a leg keeps of it."""

from typing import Literal

from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg, LegState
from callbridge.carrier.core.report import HeardMark
from callbridge.carrier.core.sockets import CarrierSockets, SocketPart
from callbridge.carrier.parts.sounds import CarrierSounds, NoSound, OnSound, SoundFile
from callbridge.carrier.parts.stream import (
    CarrierStream,
    Received,
    StreamParams,
    playing_codec,
    sending_codec,
)
from callbridge.host.wav import is_wav
from callbridge.media import wire
from telecodecs import Pcm


class CarrierStreams:
    """The streams of all legs."""

    def __init__(self, exchange: Exchange, sockets: CarrierSockets, sounds: CarrierSounds) -> None:
        self._exchange, self._sockets, self._sounds = exchange, sockets, sounds

    def add(self, leg: CarrierLeg, params: StreamParams, *, at_once: bool = False) -> None:
        """Opens when the leg is answered, or at once. The codec is one that is available."""
        part = StreamPart(leg, self._exchange, params, self._sockets, self._sounds)
        leg.add(part)
        leg.answered_with = {"stream_url": params.url, "stream_track": params.track}
        if at_once or leg.state is LegState.ANSWERED:
            part.connect()

    def of(self, leg: CarrierLeg) -> "StreamPart | None":
        return leg.part(StreamPart)


class StreamPart(SocketPart):
    """One stream of one leg, from its command to its end."""

    def __init__(
        self,
        leg: CarrierLeg,
        exchange: Exchange,
        params: StreamParams,
        sockets: CarrierSockets,
        sounds: CarrierSounds,
    ) -> None:
        self._leg, self._exchange, self._params = leg, exchange, params
        self._sockets, self._sounds = sockets, sounds
        self._begins_at = 0  # samples of the leg's recording before the stream started
        order: Literal["little", "big"] = exchange.config.l16_order
        self.stream = CarrierStream(
            exchange.new_uuid(),
            params,
            sending=sending_codec(params.codec, leg.encoding, order),
            playing=playing_codec(params, order),
            send=sockets.send,
            decode=self._decode,
            report=self._take,
            leg_rate=leg.encoding.sample_rate,
        )
        self.stream_id = self.stream.stream_id

    @property
    def doing(self) -> str:
        return "streams"

    @property
    def started(self) -> bool:
        return self.stream.started

    @property
    def _is_open(self) -> bool:
        return self.stream_id in self._sockets

    # ---- its life -----------------------------------------------------------------------------

    def connect(self) -> None:
        """Ask the shell for a socket."""
        self._exchange.note(self._leg, "stream opening", stream_id=self.stream_id)
        params = self._params
        self._sockets.connect(self._leg, self.stream_id, self, params.url, params.connect_headers())

    def leg_answered(self) -> None:
        if not self._is_open:
            self.connect()
        elif self.stream.connected:
            self._start()

    def connected(self) -> None:
        self.stream.connect()
        if self._leg.state is LegState.ANSWERED:
            self._start()

    def _start(self) -> None:
        leg, identity = self._leg, self._leg.identity
        self._exchange.emit(leg, "streaming.started", stream_url=self._params.url)
        self._begins_at = leg.heard_samples
        leg.play(self.stream.channel)
        leg.streaming = True
        self.stream.start(
            wire.StartBody(
                call_control_id=identity.call_control_id,
                media_format=wire.MediaFormat("", 0),  # the stream fills in its own
                user_id=self._exchange.config.user_id,
                call_session_id=identity.call_session_id,
                from_=identity.from_,
                to=identity.to,
                tags=list(leg.routing.tags),
                client_state=leg.client_state,
            )
        )
        self._exchange.note(leg, "stream started", stream_id=self.stream_id)

    def stop(self) -> None:
        """In the order of the contract: the webhook, the last frame, the end of the socket."""
        if not self._is_open:  # its leg was never answered
            return
        self._leave()
        if self.stream.started:
            self._exchange.emit(self._leg, "streaming.stopped", stream_url=self._params.url)
            self.stream.stop(self._leg.call_control_id, self._exchange.config.user_id)
            self._exchange.note(self._leg, "stream stopped", stream_id=self.stream_id)
        self._sockets.close(self.stream_id)

    def leg_ended(self) -> None:
        self.stop()

    def failed(self, reason: str) -> None:
        self._leave()
        self._exchange.note(self._leg, "stream failed", stream_id=self.stream_id, reason=reason)
        self._exchange.emit(
            self._leg,
            "streaming.failed",
            failure_reason=reason,
            stream_id=self.stream_id,
            stream_params={"stream_url": self._params.url, "track": self._params.track},
            stream_type="websocket",
        )

    def closed_by_customer(self) -> None:
        if not self.stream.started:
            self.failed("closed by the customer before the start")
            return
        self._leave()
        self._exchange.note(self._leg, "stream closed by the customer", stream_id=self.stream_id)
        self._exchange.emit(self._leg, "streaming.stopped", stream_url=self._params.url)

    def _leave(self) -> None:
        """Forget the socket and what is queued."""
        self._sockets.let_go(self.stream_id)
        self._leg.silence(self.stream.channel)
        self._leg.remove(self)
        self._leg.streaming = False

    # ---- its sound ----------------------------------------------------------------------------

    def begin_tick(self) -> None:
        if self.stream.started:
            for mark in self.stream.finish_tick():
                kept = self._keep(mark)
                self._exchange.note(self._leg, "mark returned", name=kept.name, sample=kept.sample)

    def end_tick(self, said: Pcm | None, heard: Pcm | None) -> None:
        if self.stream.started:
            self.stream.media(said, heard)

    def digit(self, digit: str, occurred_at: str) -> None:
        self.stream.dtmf(digit, occurred_at)

    def received(self, message: str | bytes) -> None:
        if not self.stream.started:
            return
        self._take(self.stream.receive(message, self._exchange.now))

    def _decode(self, data: bytes, then: OnSound) -> None:
        """A file of the mp3 mode."""
        if is_wav(data):
            then(NoSound("this one is a WAV file, not mp3"))
            return
        rate = self._leg.encoding.sample_rate
        self._sounds.fetch(self._exchange.new_uuid(), SoundFile(content=data), rate, then)

    def _take(self, received: Received) -> None:
        """Note what a message came to, here and in the report; nothing after the end."""
        if not received.kind or not self.stream.started:
            return
        self._leg.stream_errors += received.kind == "error"
        detail = received.detail
        if received.kind == "clear":
            detail = detail | {"sample": self._leg.heard_samples}
            self._leg.keep_clear()
        self._exchange.note(self._leg, received.kind, **detail)
        for mark in received.marks:
            self._keep(mark)
            self._exchange.note(self._leg, "mark returned", name=mark.name, cleared=mark.cleared)

    def _keep(self, mark: HeardMark) -> HeardMark:
        """With its position in samples of the leg's recording, in place of the stream's."""
        ours, theirs = self._leg.encoding.sample_rate, self.stream.playout.sample_rate
        kept = HeardMark(mark.name, self._begins_at + mark.sample * ours // theirs, mark.cleared)
        self._leg.keep_mark(kept)
        return kept
