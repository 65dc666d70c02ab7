"""Audio that waits to be heard, with marks between its samples."""

from collections import deque
from typing import Literal

import numpy as np
import numpy.typing as npt

from telecodecs import Pcm, Resampler, silence

TICKS_PER_S = 50

Sum = npt.NDArray[np.int32]
Listener = Literal["self", "opposite"]
Target = Literal["self", "opposite", "both"]


class CarrierPlayout:
    """A queue of PCM that gives 20 ms per tick.

    What is taken in one tick is playing until the next, so a mark is due at the first `finish()`
    at which all samples before it have been taken earlier. Positions are samples at `sample_rate`
    since the first tick, silence included: exact, also when audio ends in the middle of a tick."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._step = sample_rate // TICKS_PER_S
        self._chunks: deque[Pcm] = deque()
        self._offset = 0  # samples of the first chunk already taken
        self._queued = 0  # samples ever put
        self._taken = 0  # ... handed out
        self._finished = 0  # ... and heard to the end
        self._marks: deque[tuple[int, str]] = deque()
        self.position = 0  # end of the current tick

    def put(self, pcm: Pcm) -> None:
        if len(pcm):
            self._chunks.append(pcm)
            self._queued += len(pcm)

    def mark(self, name: str) -> bool:
        """True when nothing plays or waits: the mark is reached at once. Else it is queued."""
        if self.idle:
            return True
        self._marks.append((self._queued, name))
        return False

    @property
    def idle(self) -> bool:
        return self._finished == self._queued

    @property
    def waiting(self) -> int:
        """Samples not yet handed out."""
        return self._queued - self._taken

    @property
    def unheard(self) -> int:
        """Samples that were put and have not been heard to the end."""
        return self._queued - self._finished

    @property
    def marks(self) -> int:
        return len(self._marks)

    def finish(self) -> list[tuple[str, int]]:
        """Begin a tick: what the last one took has been heard. Returns the marks reached by it,
        each with its exact position."""
        reached: list[tuple[str, int]] = []
        while self._marks and self._marks[0][0] <= self._taken:
            after, name = self._marks.popleft()
            reached.append((name, self.position - self._step + after - self._finished))
        self._finished = self._taken
        return reached

    def take(self) -> Pcm | None:
        """The next 20 ms, None for silence; audio that ends early is padded."""
        step = self._step
        self.position += step
        if not self._chunks:
            return None
        head = self._chunks[0]
        end = self._offset + step
        if len(head) > end:
            self._taken += step
            self._offset = end
            return head[end - step : end]
        if len(head) == end:
            self._taken += step
            self._chunks.popleft()
            offset, self._offset = self._offset, 0
            return head[offset:] if offset else head
        return self._gather(step)

    def _gather(self, step: int) -> Pcm:
        """20 ms out of several chunks."""
        pieces: list[Pcm] = []
        missing = step
        while missing and self._chunks:
            piece = self._chunks[0][self._offset : self._offset + missing]
            missing -= len(piece)
            self._offset += len(piece)
            pieces.append(piece)
            if self._offset == len(self._chunks[0]):
                self._chunks.popleft()
                self._offset = 0
        self._taken += step - missing
        if missing:
            pieces.append(silence(missing))
        return np.concatenate(pieces)

    def clear(self) -> list[str]:
        """Drop what plays and waits; returns the queued marks in order."""
        names = [name for _, name in self._marks]
        self._marks.clear()
        self._chunks.clear()
        self._offset = 0
        self._queued = self._finished = self._taken
        return names


class RateAdapter:
    """20 ms pieces from one sample rate to another; None is silence and costs nothing.

    The filter's tail is played into the first silent piece, then it rests."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._resampler = Resampler(from_rate, to_rate)
        self._rest = silence(from_rate // TICKS_PER_S)
        self._has_tail = False

    def process(self, pcm: Pcm | None) -> Pcm | None:
        if pcm is None:
            if not self._has_tail:
                return None
            self._has_tail = False
            return self._resampler.process(self._rest)
        self._has_tail = True
        return self._resampler.process(pcm)


class Channel:
    """One thing that a leg's customer plays, and who hears it: the leg itself, the one it is
    bridged with (`opposite`), or both."""

    def __init__(self, playout: CarrierPlayout, target: Target) -> None:
        self.playout = playout
        self.target = target
        self._piece: Pcm | None = None
        self._adapters: dict[tuple[Listener, int], RateAdapter] = {}

    def take(self) -> None:
        self._piece = self.playout.take()

    def heard_by(self, listener: Listener, sample_rate: int) -> Pcm | None:
        """This tick's 20 ms at the listener's rate; to be asked once per tick and listener."""
        piece = self._piece if self.target in (listener, "both") else None
        if sample_rate == self.playout.sample_rate:
            return piece
        adapter = self._adapters.get((listener, sample_rate))
        if adapter is None:
            adapter = RateAdapter(self.playout.sample_rate, sample_rate)
            self._adapters[listener, sample_rate] = adapter
        return adapter.process(piece)

    def clear(self) -> list[str]:
        """Drop everything, the filters' tails included; returns the queued marks."""
        self._adapters.clear()
        return self.playout.clear()
