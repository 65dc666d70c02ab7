"""Sounds over a bot that speaks: some are nobody's interruption, and some are one.

People's voices are recorded. Coughs and hums are those of `tests/callbridge/speech/acoustics.py`,
and the words of who only listens are the offline voice's: no recording of such was found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
from benchmarks.answers import recordings
from benchmarks.answers.calls import Ears, HeardCall, over_the_bot
from benchmarks.answers.judging import OverlapJudged, begins_s, judge_overlap
from benchmarks.answers.material import Catalogue, part
from benchmarks.answers.spoken import SPEECH_DBFS, on_line, trimmed
from tests.callbridge.speech.acoustics import RATE, Wave, at_level, cough, hum

from callbridge.carrier.people.echo import EchoPath
from callbridge.speech import espeak

STARTS_S = (1.1, 2.3, 3.7, 5.2)  # when they come, after the bot began
LENGTHS_S = (0.25, 0.35, 0.45, 0.55)
LISTENING = ("okay", "right", "yeah", "uh-huh", "I see", "sure")
VOICES = ("en-US", "en-GB-x-rp")  # one with a variant, "+f2", differs from process to process
BACKGROUND_DB = (-15, -20, -26)  # against the bot and the caller, who are equally loud
BACKGROUND_S = 3.0
ECHO_DB = -20.0
ECHO_DELAYS_S = (0.08, 0.16, 0.24, 0.4)
LEVELS_DB = (0, -6, -12)
SENTENCES, WORDS = 12, 8  # of those who interrupt
LONGEST_S = 4.0


@dataclass(frozen=True)
class Overlap:
    """A sound that comes when the bot has spoken for `at_s`."""

    case: str
    wave: Wave
    at_s: float
    meant: bool = False  # it is an interruption
    echo: EchoPath | None = None
    noisy: bool = False


def overlaps(catalogue: Catalogue, *, final: bool = False) -> list[Overlap]:
    """Of all cases. Reads recordings."""
    return [*_unmeant(catalogue, final=final), *_meant(catalogue, final=final)]


def _unmeant(catalogue: Catalogue, *, final: bool) -> Iterator[Overlap]:
    for seconds in LENGTHS_S:
        for at in STARTS_S[:3]:
            yield Overlap("cough, synthetic", cough(seconds, SPEECH_DBFS), at)
            yield Overlap("mm-hm, synthetic", hum(seconds, SPEECH_DBFS), at)
    for voice in VOICES:
        for at, text in zip(cycle(STARTS_S), LISTENING, strict=False):
            wave = trimmed(espeak.speak(text, RATE, voice=voice).astype(np.float64))
            yield Overlap("okay, right, ...; synthetic", at_level(wave, SPEECH_DBFS), at)
    readings = part(catalogue["reading"], final=final)
    for db in BACKGROUND_DB:
        for at, recorded in zip(cycle(STARTS_S), readings[:8], strict=False):
            wave = trimmed(recordings.wave(recorded.name))[: round(BACKGROUND_S * RATE)]
            level = at_level(wave, SPEECH_DBFS + db)
            yield Overlap(f"a voice in the background, {db} dB", level, at)
    for noisy in (False, True):
        for delay in ECHO_DELAYS_S:
            line = f"{SPEECH_DBFS - 15:.0f} dBFS of noise" if noisy else "a quiet line"
            case = f"the bot's echo, {ECHO_DB:.0f} dB, {line}"
            echo = EchoPath(ECHO_DB, delay)
            yield Overlap(case, np.zeros(5 * RATE), STARTS_S[0], echo=echo, noisy=noisy)


def _meant(catalogue: Catalogue, *, final: bool) -> Iterator[Overlap]:
    for kind, count in (("sentence", SENTENCES), ("word", WORDS)):
        chosen = part(catalogue["sentence" if kind == "sentence" else "word"], final=final)
        waves = (trimmed(recordings.wave(recorded.name)) for recorded in chosen)
        short = [wave for wave in waves if len(wave) <= LONGEST_S * RATE][:count]
        for db in LEVELS_DB:
            for echo in (None, EchoPath(ECHO_DB)):
                heard = f"echo {ECHO_DB:.0f} dB" if echo else "no echo"
                for at, wave in zip(islice(cycle(STARTS_S), len(short)), short, strict=True):
                    case = f"a {kind}, {db:+d} dB, {heard}"
                    level = at_level(wave, SPEECH_DBFS + db)
                    yield Overlap(case, level, at, meant=True, echo=echo)


OverLine = tuple[Wave, EchoPath | None]
"""What a caller sounds like who speaks over the bot, and the echo of their telephone."""


def over_lines(cases: Sequence[Overlap]) -> list[OverLine]:
    """Each a call of its own, long enough to hear whether the bot goes on; the first is silent."""
    longest = max(each.at_s + len(each.wave) / RATE for each in cases)
    silent = on_line(np.zeros(round(longest * RATE)), noisy=False, seed=0, before_s=0.0)
    lines = [
        on_line(case.wave, noisy=case.noisy, seed=seed, before_s=case.at_s)
        for seed, case in enumerate(cases)
    ]
    return [(silent, None), *zip(lines, (case.echo for case in cases), strict=True)]


def judge_all(cases: Sequence[Overlap], ears: Ears) -> list[OverlapJudged]:
    """Calls to a bot of ours."""
    return judge_calls(cases, [over_the_bot(line, ears, echo) for line, echo in over_lines(cases)])


def judge_calls(cases: Sequence[Overlap], calls: Sequence[HeardCall]) -> list[OverlapJudged]:
    """`calls` are of the `over_lines` of the cases."""
    undisturbed, *heard = calls
    return [
        judge_overlap(
            begins_s(call.caller, call.rate) + case.at_s, call.bot, undisturbed.bot, call.rate
        )
        for case, call in zip(cases, heard, strict=True)
    ]
