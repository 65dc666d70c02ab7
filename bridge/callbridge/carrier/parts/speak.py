"""Text that the platform speaks on a leg: one utterance after the other."""

from collections import deque
from typing import Literal

import msgspec

from callbridge.carrier.audio.playout import CarrierPlayout, Channel, Target
from callbridge.carrier.core.effects import Synthesise
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.core.part import Part
from callbridge.carrier.core.routing import Routing
from telecodecs import Pcm

SPEAK_ID_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

Which = Literal["current", "all"]


class CarrierSpeech:
    """The speech of all legs: who waits for which synthesis."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._waiting: dict[str, SpeakPart] = {}

    def say(
        self, leg: CarrierLeg, text: str, *, ssml: bool, target: Target, times: int | None
    ) -> None:
        """`times` None repeats it until it is stopped."""
        part = leg.part(SpeakPart)
        if part is None:
            part = SpeakPart(leg, self._exchange)
            leg.add(part)
        speak_id = self._exchange.new_id(SPEAK_ID_CHARS, 10)
        part.queue.add(CarrierUtterance(speak_id, target, times))
        part.routings[speak_id] = leg.rerouted
        self._waiting[speak_id] = part
        self._exchange.wish(Synthesise(speak_id, text, leg.encoding.sample_rate, ssml))

    def synthesised(self, speak_id: str, pcm: Pcm | None) -> None:
        """The shell's answer to `Synthesise`; None when there is no voice after all."""
        part = self._waiting.pop(speak_id, None)
        if part is not None:
            part.synthesised(speak_id, pcm)

    def stop(self, leg: CarrierLeg, which: Which) -> None:
        part = leg.part(SpeakPart)
        if part is not None:
            part.stop(which, "completed")


class SpeakPart(Part):
    """What one leg is told, with its webhooks."""

    def __init__(self, leg: CarrierLeg, exchange: Exchange) -> None:
        self._leg, self._exchange = leg, exchange
        self.queue = SpeechQueue(leg.encoding.sample_rate)
        self.routings: dict[str, Routing | None] = {}  # of the commands, by speak_id
        leg.play(self.queue.channel)

    def synthesised(self, speak_id: str, pcm: Pcm | None) -> None:
        if pcm is None:
            self._exchange.note(self._leg, "speak failed", speak_id=speak_id)
            self.queue.drop(speak_id)
        else:
            self.queue.synthesised(speak_id, pcm)

    def begin_tick(self) -> None:
        for progress in self.queue.step() if self.queue.active else ():
            if progress.event == "started":
                self._tell("call.speak.started", progress.speak_id)
            else:
                self._ended(progress.speak_id, "completed")

    def stop(self, which: Which, status: str) -> None:
        for speak_id in self.queue.stop(which):
            self._ended(speak_id, status)

    def leg_ended(self) -> None:
        self.stop("all", "call_hangup")

    def _ended(self, speak_id: str, status: str) -> None:
        self._tell("call.speak.ended", speak_id, status=status)
        del self.routings[speak_id]

    def _tell(self, event_type: str, speak_id: str, **fields: str) -> None:
        with self._leg.rerouting(self.routings[speak_id]):
            self._exchange.emit(self._leg, event_type, speak_id=speak_id, **fields)


class CarrierUtterance(msgspec.Struct, frozen=True, eq=False):
    speak_id: str
    target: Target
    times: int | None  # None repeats until stopped


class CarrierProgress(msgspec.Struct, frozen=True):
    speak_id: str
    event: Literal["started", "completed"]


class SpeechQueue:
    """Utterances in the order of their commands; one that is still being synthesised holds up the
    ones behind it."""

    def __init__(self, sample_rate: int) -> None:
        self.channel = Channel(CarrierPlayout(sample_rate), "self")
        self._waiting: deque[CarrierUtterance] = deque()
        self._audio: dict[str, Pcm] = {}
        self._current: CarrierUtterance | None = None
        self._left: int | None = 0

    def add(self, utterance: CarrierUtterance) -> None:
        self._waiting.append(utterance)

    def synthesised(self, speak_id: str, pcm: Pcm) -> None:
        if any(utterance.speak_id == speak_id for utterance in self._waiting):
            self._audio[speak_id] = pcm

    def drop(self, speak_id: str) -> None:
        """Its synthesis failed."""
        self._waiting = deque(each for each in self._waiting if each.speak_id != speak_id)

    @property
    def active(self) -> bool:
        return self._current is not None or bool(self._waiting)

    def step(self) -> list[CarrierProgress]:
        """Begin a tick: end what has been heard to the end, start what is next."""
        self.channel.playout.finish()
        progress: list[CarrierProgress] = []
        if self._current is not None and self.channel.playout.idle:
            if self._left is None or self._left > 0:
                self._repeat(self._current)
            else:
                progress.append(CarrierProgress(self._current.speak_id, "completed"))
                del self._audio[self._current.speak_id]
                self._current = None
        if self._current is None and self._waiting and self._waiting[0].speak_id in self._audio:
            self._current = self._waiting.popleft()
            self.channel.target = self._current.target
            self._left = self._current.times
            self._repeat(self._current)
            progress.append(CarrierProgress(self._current.speak_id, "started"))
        return progress

    def _repeat(self, utterance: CarrierUtterance) -> None:
        self.channel.playout.put(self._audio[utterance.speak_id])
        if self._left is not None:
            self._left -= 1

    def stop(self, which: Which) -> list[str]:
        """Drop the current utterance or all; returns the ids of those that had started."""
        self.channel.clear()
        started = [self._current.speak_id] if self._current is not None else []
        for speak_id in started:
            del self._audio[speak_id]
        self._current = None
        if which == "all":
            self._waiting.clear()
            self._audio.clear()
        return started
