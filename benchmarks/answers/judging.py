"""What became of a call, judged from its two recorded tracks, and which words were lost.

All times are seconds of the recording, in which the caller's sound begins at a known one."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from telecodecs import Pcm

Where = Literal["unfinished", "finished", "elsewhere"]
"""After which words the bot cut in: `elsewhere` is in a pause that is not marked, or in none."""

LOUD = 50  # of int16: the bot's silence is digital, its sound is not
APART_S = 0.2  # less silence than this parts no two sounds
LATE_S = 0.5  # an answer so long after a pause still belongs to it: its bot had not heard more yet
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Span(NamedTuple):
    begin: float
    end: float


class Pause(NamedTuple):
    """Silence between two words of a turn, after so many of them."""

    begin: float
    end: float
    finished: bool
    after: int = 0


class TurnJudged(NamedTuple):
    """`answer_s` is from the caller's last voiced sample to the bot's first one; None for a turn
    that was cut into, or never answered. `cut_in` is where the first cut was. `reached` are the
    pauses up to it, each with whether it was cut into."""

    answer_s: float | None
    cut_in: Where | None
    reached: tuple[tuple[Pause, bool], ...]

    @property
    def unanswered(self) -> bool:
        return self.answer_s is None and self.cut_in is None


def sounds(track: Pcm, rate: int) -> list[Span]:
    """From the first to the last sample of each sound; short silences part none."""
    loud = np.flatnonzero(np.abs(track.astype(np.int32)) > LOUD)
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) > APART_S * rate)
    firsts = loud[np.concatenate(([0], breaks + 1))].tolist()
    lasts = loud[np.concatenate((breaks, [len(loud) - 1]))].tolist()
    return [
        Span(first / rate, (last + 1) / rate) for first, last in zip(firsts, lasts, strict=True)
    ]


def begins_s(track: Pcm, rate: int) -> float:
    """When the first sample comes that is none of digital silence."""
    return float(np.flatnonzero(track)[0]) / rate


def judge_turn(
    begins: float, ends: float, pauses: Sequence[Pause], bot: Sequence[Span]
) -> TurnJudged:
    """`begins` is where the turn's own times count from, in the recording; `ends` and `pauses` are
    such times."""
    onsets = [span.begin - begins for span in bot]
    first = next((at for at in onsets if at < ends), None)
    if first is None:
        answer = next((at - ends for at in onsets), None)
        return TurnJudged(answer, None, tuple((pause, False) for pause in pauses))
    before = [pause for pause in pauses if pause.begin <= first]
    in_last = bool(before) and first <= before[-1].end + LATE_S
    where: Where = "elsewhere"
    if in_last:
        where = "finished" if before[-1].finished else "unfinished"
    reached = [(pause, in_last and pause is before[-1]) for pause in before]
    return TurnJudged(None, where, tuple(reached))


# ---- over the bot --------------------------------------------------------------------------------


STOPPED_S = 2.0  # a bot that is silent for so long at the end of the recording has stopped


class OverlapJudged(NamedTuple):
    """What a sound over the bot did. `silent_s` is from its onset to the last sample of a bot that
    stopped; negative when the bot had stopped before. `paused`: it fell silent, and went on, and
    `hole_s` is the longest silence of such a bot."""

    stopped: bool
    paused: bool
    silent_s: float | None = None
    hole_s: float | None = None


def judge_overlap(onset: float, bot: Pcm, undisturbed: Pcm, rate: int) -> OverlapJudged:
    """`onset` is in seconds of the recording, which goes on for longer than STOPPED_S after the
    sound. `undisturbed` is what the bot says to a caller who is silent."""
    said = sounds(bot, rate)
    last = said[-1].end if said else 0.0
    if len(bot) / rate - last >= STOPPED_S:
        return OverlapJudged(stopped=True, paused=False, silent_s=last - onset)
    paused = len(said) > len(sounds(undisturbed[: len(bot)], rate))
    silences = [later.begin - earlier.end for earlier, later in pairwise(said)]
    return OverlapJudged(stopped=False, paused=paused, hole_s=max(silences) if paused else None)


# ---- words ---------------------------------------------------------------------------------------


def words_of(text: str) -> list[str]:
    """Plain words; each digit is one."""
    found = re.findall(r"[a-z']+|\d", text.lower().replace("’", "'"))
    return [DIGITS[int(word)] if word.isdigit() else word for word in found]


def words_lost(said: Sequence[str], heard: Sequence[str]) -> int:
    """How many words of what was said are not among what was heard, in this order."""
    matcher = SequenceMatcher(None, said, heard, autojunk=False)
    return len(said) - sum(block.size for block in matcher.get_matching_blocks())
