"""Figures of many calls, and the rows of tables."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from benchmarks.answers.judging import OverlapJudged, TurnJudged, Where
from benchmarks.answers.material import Kind
from benchmarks.answers.overlaps import Overlap

Row = dict[str, str | int]
PAUSE_BOUNDS_S = (0.2, 0.4, 0.65, 2.0)


class Measured(NamedTuple):
    """A turn as it was answered. `words` are how many it has, `lost` how many of them the bot was
    not told; `lost_whole` are lost where the recogniser hears the turn in one piece."""

    kind: Kind
    noisy: bool
    judged: TurnJudged
    words: int = 0
    lost: int = 0
    lost_whole: int = 0
    one_sentence: bool = True


def per_hundred(count: int, of: int) -> str:
    return f"{100 * count / of:.0f}" if of else "-"


def milliseconds(seconds: Iterable[float]) -> str:
    """Median / 95th percentile."""
    values = [1000 * each for each in seconds]
    if not values:
        return "-"
    return f"{np.median(values):.0f} / {np.percentile(values, 95):.0f}"


def answer_times(turns: Iterable[Measured]) -> list[float]:
    """Of turns that were heard to their end."""
    return [s for each in turns if (s := each.judged.answer_s) is not None]


def cut_share(turns: Sequence[Measured], where: Where | None = None) -> float:
    """Turns of a hundred that were cut into; first of all there."""
    cuts = [each.judged.cut_in for each in turns]
    return 100 * sum(cut is not None and where in (None, cut) for cut in cuts) / max(1, len(cuts))


# ---- turns ---------------------------------------------------------------------------------------

GROUPS: dict[str, Callable[[Measured], bool]] = {
    "clean": lambda each: not each.noisy and each.kind != "digits",
    "noise 15 dB below": lambda each: each.noisy and each.kind != "digits",
    "digits, clean": lambda each: not each.noisy and each.kind == "digits",
    "digits, noise 15 dB below": lambda each: each.noisy and each.kind == "digits",
    "one sentence or less": lambda each: each.one_sentence and each.kind != "digits",
    "prompts": lambda each: each.kind == "sentence",
    "readings": lambda each: each.kind == "reading",
    "one or two words": lambda each: each.kind == "word",
    "all": lambda each: True,
}


def turn_rows(turns: Sequence[Measured]) -> list[Row]:
    chosen = {name: [each for each in turns if holds(each)] for name, holds in GROUPS.items()}
    return [_turn_row(name, group) for name, group in chosen.items() if group]


def _turn_row(name: str, turns: Sequence[Measured]) -> Row:
    words = sum(each.words for each in turns)
    return {
        "turns": name,
        "calls": len(turns),
        "answer ms": milliseconds(answer_times(turns)),
        "cut into, of 100": f"{cut_share(turns):.0f}",
        "words unfinished": f"{cut_share(turns, 'unfinished'):.0f}",
        "words finished": f"{cut_share(turns, 'finished'):.0f}",
        "elsewhere": f"{cut_share(turns, 'elsewhere'):.0f}",
        "unanswered": sum(each.judged.unanswered for each in turns),
        "words lost, of 100": per_hundred(sum(each.lost for each in turns), words),
        "in one piece": per_hundred(sum(each.lost_whole for each in turns), words),
    }


def pause_rows(turns: Sequence[Measured]) -> list[Row]:
    """How many of the pauses that callers made were taken for the end of their turn."""
    rows: list[Row] = []
    for low, high in pairwise(PAUSE_BOUNDS_S):
        row: Row = {"pause": f"{low:g} to {high:g} s" if high < 2 else f"from {low:g} s"}
        for name, digits, finished in (
            ("words unfinished", False, False),
            ("words finished", False, True),
            ("digits", True, False),
        ):
            cuts = [
                cut
                for each in turns
                for pause, cut in each.judged.reached
                if low <= pause.end - pause.begin < high
                and pause.finished == finished
                and (each.kind == "digits") == digits
            ]
            row[name] = f"{sum(cuts)} of {len(cuts)}"
        rows.append(row)
    return rows


# ---- over the bot --------------------------------------------------------------------------------


def overlap_rows(
    cases: Sequence[Overlap], judged: Sequence[OverlapJudged], *, meant: bool
) -> list[Row]:
    groups: dict[str, list[OverlapJudged]] = {}
    for case, each in zip(cases, judged, strict=True):
        if case.meant == meant:
            groups.setdefault(case.case, []).append(each)
    everything = [each for group in groups.values() for each in group]
    row = _meant_row if meant else _unmeant_row
    return [row(name, group) for name, group in {**groups, "all": everything}.items()]


def _unmeant_row(name: str, judged: Sequence[OverlapJudged]) -> Row:
    return {
        "nobody interrupts": name,
        "calls": len(judged),
        "stopped": sum(each.stopped for each in judged),
        "of 100": per_hundred(sum(each.stopped for each in judged), len(judged)),
        "paused and went on": sum(each.paused for each in judged),
        "silent for ms": milliseconds(s for each in judged if (s := each.hole_s) is not None),
    }


def _meant_row(name: str, judged: Sequence[OverlapJudged]) -> Row:
    silent = [each.silent_s for each in judged if each.silent_s is not None]
    return {
        "interrupts": name,
        "calls": len(judged),
        "missed": sum(not each.stopped for each in judged),
        "of 100": per_hundred(sum(not each.stopped for each in judged), len(judged)),
        "silent after ms": milliseconds(s for s in silent if s >= 0),
        "silent before": sum(s < 0 for s in silent),
    }


# ---- a stopwatch ---------------------------------------------------------------------------------


class Point(NamedTuple):
    """An operating point: what is waited for, and what it costs. Times are medians and 95th
    percentiles in milliseconds, cuts are of a hundred turns."""

    name: str
    median_ms: float
    p95_ms: float
    cut: float
    cut_unfinished: float


def point(name: str, turns: Sequence[Measured]) -> Point:
    times = [1000 * each for each in answer_times(turns)] or [float("nan")]
    return Point(
        name,
        float(np.median(times)),
        float(np.percentile(times, 95)),
        cut_share(turns),
        cut_share(turns, "unfinished"),
    )


def point_rows(points: Sequence[tuple[Point, Point]]) -> list[Row]:
    """`points` are pairs: of speech, and of digits."""
    return [
        {
            "what ends a turn": words.name,
            "answer ms": f"{words.median_ms:.0f} / {words.p95_ms:.0f}",
            "cut into, of 100": f"{words.cut:.0f}",
            "words unfinished": f"{words.cut_unfinished:.0f}",
            "digits: answer ms": f"{number.median_ms:.0f} / {number.p95_ms:.0f}",
            "digits: cut into, of 100": f"{number.cut:.0f}",
        }
        for words, number in points
    ]
