"""The playout ledger: what the caller has heard, in samples, and how sure that is.

One per call and the only truth about speech. It knows three things: how much was sent, when the
carrier must have begun to play it, and which marks came back. Positions count the samples of speech
that were sent on the call's stream, less those that were flushed; time is whatever clock the caller
passes in.

Background sound has no positions: what is sent of it alone is a pause between two stretches of
speech, like the silence of a carrier that has nothing to play."""

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

Certainty = Literal["measured", "reported", "estimated"]

# The carrier's own clock has a ptime: audio that arrives waits for its next tick. Counting from
# then keeps the estimate at or below what was played, from the first sample on.
CARRIER_TICK_S = 0.020

FLUSHED_REMEMBERED = 256  # marks that a clear should bring back and has not yet
ROUNDING = 1e-6  # samples
EARLY_S = 0.060  # a mark earlier than its estimate by more than this ...
EARLY_SHARE = 0.02  # ... and than this share of the stretch (clock drift) is not believed


@dataclass(slots=True, frozen=True)
class PendingMark:
    """A mark on its way: `position` is the sample that it follows, `estimate` when that is due."""

    name: str
    position: int
    estimate: float
    epoch: int


@dataclass(slots=True)
class Ledger:
    """Sent, acknowledged, heard: of one stream at `sample_rate`."""

    sample_rate: int
    sent: int = 0
    epoch: int = 0
    early_marks: int = 0  # came long before their audio could have been played
    early_until: int = -1  # up to this position they did: none of those will come again
    stray_marks: int = 0  # names that were never ours, or came twice
    flushed_marks: int = 0  # returned by a clear, not by playout
    _stretch: tuple[int, float] = (0, 0.0)  # where, when the carrier last began from silence
    _before: tuple[tuple[int, float], ...] = ((0, 0.0),)  # the same of those before, oldest first
    _acknowledged: tuple[int, float] | None = None  # the last believed mark
    _pending: deque[PendingMark] = field(default_factory=deque[PendingMark])
    _flushed: dict[str, tuple[PendingMark, float]] = field(
        default_factory=dict[str, tuple[PendingMark, float]]
    )  # by name: the mark, and when its clear was sent
    _serial: int = 0

    def begin_stretch(self, now: float, at: float | None = None) -> None:
        """The next sample meets a carrier that has nothing more to play, or is about to.

        With `at` it meets one that plays until then what is nobody's speech."""
        before: tuple[tuple[int, float], ...] = ()
        if now < self._stretch[1]:  # the carrier has yet to leave one before it
            stretches = pairwise((*self._before, self._stretch))
            before = tuple(each for each, following in stretches if now < following[1])
        self._before = (*before, self._stretch)
        self._stretch = (self.sent, (now if at is None else at) + CARRIER_TICK_S)

    def add(self, samples: int) -> None:
        self.sent += samples

    def expect_mark(self, estimate: float) -> PendingMark:
        """Name a mark that follows all that was sent. `e3.17`: epoch and number."""
        self._serial += 1
        mark = PendingMark(f"e{self.epoch}.{self._serial}", self.sent, estimate, self.epoch)
        self._pending.append(mark)
        return mark

    def heard(self, now: float) -> int:
        """Samples that the caller has heard by `now`."""
        start, began = self._stretch
        if now >= began:
            played = start + (now - began) * self.sample_rate
        else:  # the carrier may still be at the end of the stretch before
            played = self._played_before(now)
        if self._acknowledged is not None:
            by_mark = self._since(self._acknowledged, now)
            # A mark inside this stretch is better evidence than our guess of its beginning.
            played = by_mark if self._acknowledged[0] > start else min(played, by_mark)
        return min(self.sent, int(played + ROUNDING))

    def _played_before(self, now: float) -> float:
        """Samples of the stretches before this one that were played by `now`."""
        end = self._stretch[0]
        for stretch in reversed(self._before):
            if now >= stretch[1] or stretch is self._before[0]:
                return min(end, self._since(stretch, now))
            end = stretch[0]
        return end

    def _since(self, evidence: tuple[int, float], now: float) -> float:
        position, when = evidence
        return position + max(0.0, now - when) * self.sample_rate

    def certainty(self) -> Certainty:
        """Whether a mark of the present stretch stands behind `heard`."""
        acknowledged = self._acknowledged
        return "measured" if acknowledged and acknowledged[0] > self._stretch[0] else "estimated"

    def returned(self, name: str, now: float) -> PendingMark | None:
        """A mark came back. Returns it if it is believed, else counts why not."""
        if name in self._flushed:
            flushed, cleared_at = self._flushed.pop(name)
            if flushed.estimate < cleared_at:
                return flushed  # played before the clear, on its way when the clear was sent
            self.flushed_marks += 1
            return None
        mark = next((m for m in self._pending if m.name == name), None)
        if mark is None:
            self.stray_marks += 1
            return None
        while self._pending and self._pending[0].position < mark.position:
            self._pending.popleft()  # marks come in order: these are implied by this one
        self._pending.remove(mark)
        slack = max(EARLY_S, EARLY_SHARE * (mark.estimate - self._stretch[1]))
        if now < mark.estimate - slack:
            self.early_marks += 1
            self.early_until = mark.position
            return None
        if self._acknowledged is None or mark.position >= self._acknowledged[0]:
            self._acknowledged = (mark.position, now)
        return mark

    def flush(self, now: float) -> int:
        """The carrier's queue is dropped: close the epoch. Returns how many samples were heard."""
        heard = self.heard(now)
        self._flushed.update({mark.name: (mark, now) for mark in self._pending})
        self._pending.clear()
        while len(self._flushed) > FLUSHED_REMEMBERED:
            del self._flushed[next(iter(self._flushed))]
        self.epoch += 1
        self.sent = heard
        self.early_until = min(self.early_until, heard)
        if self._acknowledged is not None and self._acknowledged[0] > heard:
            self._acknowledged = (heard, now)
        self._stretch = (heard, now)
        self._before = (self._stretch,)
        return heard
