"""The keys of one call: each is counted once, offered first to who has asked for it, then kept.

Keys do not always come in the order in which they were pressed; with stamps they are sorted."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from callbridge.outcomes import Gathered
from callbridge.timing.signal import Signal

ALL = "0123456789*#ABCD"
KEPT = 256  # keys that nobody takes; the oldest is dropped
REMEMBERED = 256
TERMINATOR_S = 3.0  # so long after a full entry its terminator may still come
TWIN_S = 5.0  # a key that is heard as sound, and told as well, comes twice within this time


@dataclass(frozen=True, slots=True)
class Digit:
    """One key. `occurred_at` is the platform's time, ISO 8601, or empty."""

    digit: str
    occurred_at: str

    @property
    def stamped(self) -> bool:
        """Whether its time tells it from another press of the same key.

        A stamp in whole seconds does not: two presses fit into one."""
        return self.occurred_at.partition(".")[2].strip("0Z+:") != ""


T = TypeVar("T")

Taker = Callable[[Digit], bool]
"""Is offered a key; returns whether the key is used up."""


class Twins:
    """The same keys by two ways, as sound and as what the platform tells: each counts once.

    Either may come first. A key of one way is the twin of one key of the other and of no second, so
    that ten presses of the same key stay ten."""

    __slots__ = ("_alone",)

    def __init__(self) -> None:
        self._alone: list[tuple[str, bool, float]] = []  # the digit, whether as sound, and when

    def repeats(self, digit: str, now: float, *, as_sound: bool) -> bool:
        """Whether the other way has brought this key already."""
        self._alone = [each for each in self._alone if now - each[2] <= TWIN_S]
        for index, (other, other_as_sound, _) in enumerate(self._alone):
            if other == digit and other_as_sound is not as_sound:
                del self._alone[index]
                return True
        self._alone.append((digit, as_sound, now))
        return False


class Keypad:
    """Where keys arrive, and where they wait."""

    # A call has one, and most calls have no key: nothing here is large before the first.
    __slots__ = (
        "_from_frames",
        "_kept",
        "_seen",
        "_takers",
        "_terminator",
        "_twins",
        "changed",
        "dropped",
    )

    def __init__(self, *, as_sound: bool = False) -> None:
        """`as_sound`: keys are heard in the audio, too."""
        self.changed = Signal()
        self._twins = Twins() if as_sound else None
        self.dropped = 0  # keys that nobody took
        self._kept: list[Digit] = []
        self._takers: tuple[Taker, ...] = ()
        self._seen: dict[tuple[str, str], None] = {}  # in order
        self._from_frames: dict[tuple[str, str], int] = {}
        self._terminator: tuple[str, float] | None = None  # what may still belong to an entry

    def __len__(self) -> int:
        return len(self._kept)

    def press(self, digit: Digit, now: float, *, by_webhook: bool = False) -> bool:
        """A key has come; False if it repeats one that is counted already.

        While a stream lives, webhooks repeat its frames and must not be given here. Keys whose
        stamps do not tell them apart are never merged with each other; a webhook that repeats a
        frame is known by being the webhook."""
        key = (digit.occurred_at, digit.digit)
        if digit.stamped:
            if key in self._seen:
                return False
            _remember(self._seen, key, None)
        elif by_webhook and digit.occurred_at and self._from_frames.get(key):
            self._from_frames[key] -= 1
            return False
        elif not by_webhook and digit.occurred_at:
            _remember(self._from_frames, key, self._from_frames.get(key, 0) + 1)
        return self._count(digit, now, as_sound=False)

    def hear(self, digit: str, now: float) -> bool:
        """A key was heard in the audio; False if the platform has told of it already."""
        return self._count(Digit(digit, ""), now, as_sound=True)

    def _count(self, digit: Digit, now: float, *, as_sound: bool) -> bool:
        if self._twins is not None and self._twins.repeats(digit.digit, now, as_sound=as_sound):
            return False
        if not self._ends_entry(digit, now) and not self._offer(digit):
            self._keep(digit)
        self.changed.notify()
        return True

    @contextmanager
    def offered_to(self, taker: Taker) -> Generator[None]:
        """While the block lasts, keys go to `taker` first; who came last is asked first."""
        offer = partial(taker)  # an identity of its own: the same taker twice is two listeners
        self._takers = (*self._takers, offer)
        try:
            yield
        finally:
            self._takers = tuple(other for other in self._takers if other is not offer)

    def entry(self, count: int, end_on: str, now: float) -> Gathered | None:
        """Take an entry of `count` keys, or of fewer and a key of `end_on`; None if there is none.

        A key of `end_on` that follows a full entry at once belongs to that entry."""
        ordered = in_order(self._kept)
        for index, digit in enumerate(ordered):
            if digit.digit in end_on:
                self._kept = ordered[index + 1 :]
                return Gathered(text(ordered[:index]), "end_key")
            if index + 1 == count:
                rest = ordered[count:]
                if rest and rest[0].digit in end_on:
                    del rest[0]
                elif end_on:
                    self._terminator = (end_on, now + TERMINATOR_S)
                self._kept = rest
                return Gathered(text(ordered[:count]), "complete")
        return None

    def has_entry(self, count: int, end_on: str) -> bool:
        return len(self._kept) >= count or any(key.digit in end_on for key in self._kept)

    def take_all(self) -> str:
        """Everything pressed so far, in order."""
        keys, self._kept = text(self._kept), []
        return keys

    def _ends_entry(self, digit: Digit, now: float) -> bool:
        """Whether this is the terminator of the entry before it."""
        expected, self._terminator = self._terminator, None
        return expected is not None and digit.digit in expected[0] and now <= expected[1]

    def _offer(self, digit: Digit) -> bool:
        return any(taker(digit) for taker in reversed(self._takers))

    def _keep(self, digit: Digit) -> None:
        if len(self._kept) >= KEPT:
            del self._kept[0]
            self.dropped += 1
        self._kept.append(digit)


def _remember(memory: dict[tuple[str, str], T], key: tuple[str, str], value: T) -> None:
    """In a memory that forgets the oldest."""
    memory[key] = value
    if len(memory) > REMEMBERED:
        del memory[next(iter(memory))]


def in_order(digits: Sequence[Digit]) -> list[Digit]:
    """By the time they were pressed; as they came, if one of them has no time."""
    if all(digit.occurred_at for digit in digits):
        return sorted(digits, key=lambda digit: digit.occurred_at)
    return list(digits)


def text(digits: Sequence[Digit]) -> str:
    return "".join(digit.digit for digit in in_order(digits))
