"""What is said on a leg, as text: `call.transcription`, by the recogniser of this machine.

Where the documents are silent this carrier does the following. What is being said when a call or
its transcription ends is not told any more. The recogniser does not say how sure it is: it always
is, as there are programs that print the `confidence`."""

from typing import Literal

import msgspec

from callbridge.carrier.core.effects import Recognise
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.core.part import Part
from callbridge.carrier.parts.relay_ear import CarrierEar
from telecodecs import Pcm

HeardTrack = Literal["inbound", "outbound"]

CONFIDENCE = 1.0


class TranscriptionOrder(msgspec.Struct, frozen=True, kw_only=True):
    tracks: Literal["inbound", "outbound", "both"] = "inbound"
    interim_results: bool = False


class CarrierTranscriptions:
    """The transcriptions of all legs, and whose speech is being recognised."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._hearing: dict[str, TrackEar] = {}

    def begin(self, leg: CarrierLeg, order: TranscriptionOrder) -> None:
        leg.add(TranscriptionPart(leg, self._exchange, order, self))

    def of(self, leg: CarrierLeg) -> "TranscriptionPart | None":
        return leg.part(TranscriptionPart)

    def recognise(self, ear: "TrackEar", pcm: Pcm, sample_rate: int) -> None:
        self._hearing[ear.session_id] = ear
        self._exchange.wish(Recognise(ear.session_id, pcm, sample_rate))

    def recognised(self, session_id: str, text: str | None) -> None:
        """The shell's answer; nothing happens for what somebody else has asked for."""
        if ear := self._hearing.pop(session_id, None):
            ear.recognised(text)


class TranscriptionPart(Part):
    """From its command to its stop, or to the end of the call."""

    def __init__(
        self,
        leg: CarrierLeg,
        exchange: Exchange,
        order: TranscriptionOrder,
        transcriptions: CarrierTranscriptions,
    ) -> None:
        self._leg, self._exchange = leg, exchange
        self._both = order.tracks == "both"
        self._over = False
        tracks: tuple[HeardTrack, ...] = ("inbound", "outbound")
        self._ears = {
            track: TrackEar(self, track, exchange.new_uuid(), order, transcriptions)
            for track in tracks
            if order.tracks in (track, "both")
        }

    @property
    def doing(self) -> str:
        return "transcribes"

    @property
    def sample_rate(self) -> int:
        return self._leg.encoding.sample_rate

    def end_tick(self, said: Pcm | None, heard: Pcm | None) -> None:
        for track, ear in self._ears.items():
            ear.hear(said if track == "inbound" else heard)

    def tell(self, track: HeardTrack, text: str, *, is_final: bool) -> None:
        if self._over:
            return
        told: dict[str, object] = {
            "confidence": CONFIDENCE,
            "is_final": is_final,
            "transcript": text,
        }
        if self._both:
            told["transcription_track"] = track
        with self._leg.rerouting(self.routing):
            self._exchange.emit(self._leg, "call.transcription", transcription_data=told)

    def stop(self) -> None:
        self._over = True
        self._leg.remove(self)

    def leg_ended(self) -> None:
        self.stop()


class TrackEar:
    """One direction."""

    def __init__(
        self,
        part: TranscriptionPart,
        track: HeardTrack,
        session_id: str,
        order: TranscriptionOrder,
        transcriptions: CarrierTranscriptions,
    ) -> None:
        self.session_id = session_id
        self._part, self._transcriptions = part, transcriptions
        self._track: HeardTrack = track
        self._ear = CarrierEar(part.sample_rate, self._ask, interim=order.interim_results)

    def _ask(self, pcm: Pcm) -> None:
        self._transcriptions.recognise(self, pcm, self._part.sample_rate)

    def hear(self, pcm: Pcm | None) -> None:
        self._ear.hear(pcm)

    def recognised(self, text: str | None) -> None:
        heard = self._ear.recognised(text or "")
        if heard is not None:
            self._part.tell(self._track, heard.text, is_final=heard.last)
