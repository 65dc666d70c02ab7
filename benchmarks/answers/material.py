"""Which turns are measured: chosen by a seed out of a catalogue, without looking at a sound."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["sentence", "reading", "digits", "word"]

SEED = 20
COUNTS: dict[Kind, int] = {"sentence": 28, "reading": 10, "digits": 14, "word": 12}
FINAL_COUNTS: dict[Kind, int] = {"sentence": 28, "reading": 4, "digits": 14, "word": 10}
FINAL_SHARE = 1 / 3  # of the recordings of each kind
PAUSES_S = (0.25, 0.9)
WITHOUT_PAUSE = 0.25  # of the sentences and readings
UNFINISHED = 0.6  # of the pauses, where a recording has gaps of both sorts
LONG_WORDS = 12  # from here on a turn has two pauses
APART_S = 0.7  # between two gaps of one recording that both get a pause
GROUPS = ((3, 3, 4), (3, 4), (4, 4), (2, 2, 2), (4,), (3, 2), (3, 3))  # digits of a number
DIGITS = tuple(f"digits/{digit}" for digit in range(10))


class Gap(NamedTuple):
    """Between two words of a recording. `finished`: the words so far could be all."""

    after: int  # so many words
    at_s: float
    finished: bool


class Recorded(NamedTuple):
    """A recording, or a passage of one."""

    name: str
    gaps: tuple[Gap, ...] = ()
    words: int = 1


class PlannedPause(NamedTuple):
    gap: Gap
    seconds: float  # of silence altogether, with what the recording has there itself


@dataclass(frozen=True)
class PlannedTurn:
    """One turn of a caller: a recording with pauses, or the digits of a number in groups.

    Of digits a gap's `after` counts the recordings, and its `at_s` says nothing."""

    kind: Kind
    recordings: tuple[Recorded, ...]
    pauses: tuple[PlannedPause, ...] = ()

    @property
    def name(self) -> str:
        return " ".join(each.name for each in self.recordings)


Catalogue = Mapping[Kind, Sequence[Recorded]]
"""What there is to choose from; digits are made of DIGITS and need no entry."""


def choose(catalogue: Catalogue, *, final: bool = False, seed: int = SEED) -> list[PlannedTurn]:
    """The turns of a measurement. Those of `final` share no recording with the others, but for the
    digits, whose numbers differ."""
    turns: list[PlannedTurn] = []
    for kind, count in (FINAL_COUNTS if final else COUNTS).items():
        chance = random.Random(f"{seed} {kind} {final}")
        lengths = _spread(count, chance)
        if kind == "digits":
            turns += _numbers(count, chance)
            continue
        recordings = part(catalogue[kind], final=final, seed=seed)
        chance.shuffle(recordings)
        turns += [
            _with_pauses(kind, recorded, length, chance)
            for recorded, length in zip(recordings[:count], lengths, strict=False)
        ]
    return turns


def part(recordings: Sequence[Recorded], *, final: bool, seed: int = SEED) -> list[Recorded]:
    """The third that is for the final measurement, or the rest."""
    mixed = sorted(recordings)
    random.Random(f"{seed} parts").shuffle(mixed)
    border = round(FINAL_SHARE * len(mixed))
    return mixed[:border] if final else mixed[border:]


def _spread(count: int, chance: random.Random) -> list[float]:
    """Lengths of pauses that lie evenly over the range, in disorder."""
    shortest, longest = PAUSES_S
    lengths = [shortest + (longest - shortest) * (n + 0.5) / count for n in range(count)]
    chance.shuffle(lengths)
    return lengths


def _with_pauses(
    kind: Kind, recorded: Recorded, length: float, chance: random.Random
) -> PlannedTurn:
    """No pause, one, or in a longer turn two; `length` is that of the first one."""
    if chance.random() < WITHOUT_PAUSE or not recorded.gaps:
        return PlannedTurn(kind, (recorded,))
    gaps = [_gap(recorded.gaps, chance)]
    if recorded.words >= LONG_WORDS:
        apart = [gap for gap in recorded.gaps if abs(gap.at_s - gaps[0].at_s) >= APART_S]
        gaps += [_gap(apart, chance)] if apart else []
    lengths = [length, *(chance.uniform(*PAUSES_S) for _ in gaps[1:])]
    pauses = [PlannedPause(gap, round(s, 3)) for gap, s in zip(gaps, lengths, strict=True)]
    return PlannedTurn(kind, (recorded,), tuple(sorted(pauses)))


def _gap(gaps: Sequence[Gap], chance: random.Random) -> Gap:
    unfinished = chance.random() < UNFINISHED
    return chance.choice([gap for gap in gaps if gap.finished != unfinished] or list(gaps))


def _numbers(count: int, chance: random.Random) -> list[PlannedTurn]:
    """Numbers as they are told: by groups of digits, with a pause behind each group."""
    groups = [GROUPS[n % len(GROUPS)] for n in range(count)]
    lengths = _spread(sum(len(each) - 1 for each in groups), chance)
    turns: list[PlannedTurn] = []
    for sizes in groups:
        digits = tuple(Recorded(chance.choice(DIGITS)) for _ in range(sum(sizes)))
        ends = [sum(sizes[: n + 1]) for n in range(len(sizes) - 1)]
        pauses = [PlannedPause(Gap(end, 0.0, False), round(lengths.pop(), 3)) for end in ends]
        turns.append(PlannedTurn("digits", digits, tuple(pauses)))
    return turns
