"""A person at a browser: says what the microphone hears, does what is clicked.

Frames of 20 ms come over a network, by the browser's clock, and are said by the carrier's. Between
the two is a buffer that is never long: what is too much is dropped, what is missing is silence."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from callbridge.carrier.audio.playout import TICKS_PER_S
from callbridge.carrier.people.person import Act, Situation
from telecodecs import Pcm

MAX_FRAMES = 15  # 300 ms; the oldest goes when one more comes
FIRST_TARGET, MAX_TARGET = 2, 6  # frames that wait before any is said: 40 to 120 ms
WATCHED_TICKS = 2 * TICKS_PER_S  # so long there was a frame too much before one is left out
MUCH, SOON_TICKS = 3, TICKS_PER_S // 4  # with so many too much only so long
CALM_TICKS = 20 * TICKS_PER_S  # so long nothing was missing before the target goes down
MAX_ACTS = 100  # in one tick; nobody clicks so fast


class PhoneBuffer:
    """The jitter buffer of one microphone. `put` as frames come, `take` every 20 ms.

    It waits until `target` frames are there and then gives one a tick. When one is missing the last
    one fades out, and it waits anew, for one frame more. A browser whose clock is fast, or a burst
    behind a stall, leaves too much: a frame is then blended with the next, so that nothing clicks.
    """

    def __init__(self, sample_rate: int) -> None:
        step = sample_rate // TICKS_PER_S
        self._fall = np.asarray(np.linspace(1, 0, step, endpoint=False), np.float32)
        self._waiting: deque[Pcm] = deque()
        self._last: Pcm | None = None  # None while nothing is said
        self._least = MAX_FRAMES  # frames that were left over, at the least, since ...
        self._watched = self._calm = 0  # ... so many ticks
        self.target = FIRST_TARGET
        self.dropped = self.blended = self.missed = 0  # frames; for the tests and the page

    def put(self, pcm: Pcm) -> None:
        """(sample_rate / 50,) int16."""
        if len(self._waiting) == MAX_FRAMES:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(pcm)

    @property
    def depth(self) -> int:
        return len(self._waiting)

    def take(self) -> Pcm | None:
        """The next 20 ms, None for silence."""
        if self._last is None:
            return self._begin()
        if not self._waiting:
            return self._stop()
        frame = self._waiting.popleft()
        if self._is_too_much():
            frame = self._blend(frame, self._waiting.popleft())
            self.blended += 1
        self._last = frame
        return frame

    def _begin(self) -> Pcm | None:
        if len(self._waiting) < self.target:
            return None
        while len(self._waiting) > self.target:  # nobody misses what comes before the beginning
            self._waiting.popleft()
            self.dropped += 1
        self._least, self._watched, self._calm = MAX_FRAMES, 0, 0
        first = self._waiting.popleft()
        self._last = first
        return _scaled(first, 1 - self._fall)

    def _stop(self) -> Pcm:
        assert self._last is not None
        self.missed += 1
        self.target = min(self.target + 1, MAX_TARGET)
        last, self._last = self._last, None
        return _scaled(last[::-1], self._fall)  # backwards: it goes on where the last one ended

    def _is_too_much(self) -> bool:
        """Whether there has always been a frame more than the target, for a while."""
        self._least = min(self._least, len(self._waiting))
        self._watched += 1
        self._calm += 1
        if self._calm >= CALM_TICKS:
            self._calm = 0
            self.target = max(self.target - 1, FIRST_TARGET)
        too_much = self._least + 1 - self.target
        if self._watched < (WATCHED_TICKS if too_much < MUCH else SOON_TICKS):
            return False
        self._least, self._watched = MAX_FRAMES, 0
        return too_much > 0

    def _blend(self, first: Pcm, second: Pcm) -> Pcm:
        mixed = first * self._fall + second * (1 - self._fall)
        return np.asarray(mixed, np.int16)


def _scaled(pcm: Pcm, by: NDArray[np.float32]) -> Pcm:
    return np.asarray(pcm * by, np.int16)


class BrowserPerson:
    """See `Person`. Told from outside: `said`, `does`."""

    step: object = None
    where = "at a browser"
    says = ""

    def __init__(self, sample_rate: int) -> None:
        self.buffer = PhoneBuffer(sample_rate)
        self._acts: list[Act] = []

    def said(self, pcm: Pcm) -> None:
        """20 ms from the microphone."""
        self.buffer.put(pcm)

    def does(self, act: Act) -> None:
        """Something to be done with the next tick."""
        if len(self._acts) < MAX_ACTS:
            self._acts.append(act)

    def mouth(self) -> Pcm | None:
        return self.buffer.take()

    def listen(self, now: Situation) -> list[Act]:
        acts, self._acts = self._acts, []
        return acts

    def left_undone(self) -> str | None:
        return None
