"""Text that the platform speaks on a leg: one utterance after the other."""

from collections import deque
from typing import Literal

import msgspec

from callbridge.carrier.audio.playout import CarrierPlayout, Channel, Target
from telecodecs import Pcm


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

    def stop(self, which: Literal["current", "all"]) -> list[str]:
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
