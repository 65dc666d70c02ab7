"""The answering machine detections of all legs, and whose greeting is being recognised."""

from collections.abc import Callable

from callbridge.carrier.audio.playout import TICKS_PER_S
from callbridge.carrier.core.effects import Recognise
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.parts.detection import DetectionMode, DetectionPart, understands
from callbridge.carrier.parts.greeting import DetectionSettings
from telecodecs import Pcm, silence


class CarrierDetections:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._hearing: dict[str, Callable[[str | None], None]] = {}
        self._woken = False  # the recogniser, which may have to be loaded

    def begin(self, leg: CarrierLeg, mode: DetectionMode, settings: DetectionSettings) -> None:
        """From the moment that somebody picks up."""
        recognise = self._recognise if self._exchange.converses else None
        if recognise is not None and understands(mode):
            self._wake(leg.encoding.sample_rate)
        leg.add(DetectionPart(leg, self._exchange, mode, settings, recognise))

    def _wake(self, sample_rate: int) -> None:
        """While it rings, so that the first greeting does not have to wait."""
        if not self._woken:
            self._woken = True
            nothing = silence(sample_rate // TICKS_PER_S)
            self._exchange.wish(Recognise(self._exchange.new_uuid(), nothing, sample_rate))

    def _recognise(self, pcm: Pcm, sample_rate: int, then: Callable[[str | None], None]) -> None:
        speech_id = self._exchange.new_uuid()
        self._hearing[speech_id] = then
        self._exchange.wish(Recognise(speech_id, pcm, sample_rate))

    def recognised(self, speech_id: str, text: str | None) -> None:
        """The shell's answer; nothing happens for what somebody else has asked for."""
        if then := self._hearing.pop(speech_id, None):
            then(text)
