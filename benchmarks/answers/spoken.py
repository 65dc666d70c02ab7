"""The chosen turns as sound: recordings with pauses in them, at one level, on a line with noise."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.answers import recordings
from benchmarks.answers.judging import Pause, Span
from benchmarks.answers.material import Gap, Kind, PlannedPause, PlannedTurn
from tests.callbridge.speech.acoustics import RATE, Wave, at_level, noise

from callbridge.tape.waterfall import trailing_quiet_s

SPEECH_DBFS = -20.0  # of what is loud enough to be heard as speech
LINE_DBFS = -65.0  # pink noise of a good line
SNR_DB = 15.0  # of a noisy one
STEP = RATE // 100  # 10 ms
QUIET_DB = 24.0  # below the loud pieces of a recording: so quiet it is between two words
PAUSE_S = 0.2  # a recording's own silence from here on is a pause, too
BEFORE_S, AFTER_S = 0.6, 3.5  # of line around a turn
BETWEEN_DIGITS_S = 0.08
FADE = RATE // 200
LAST_S = 0.1  # so soon before its end a turn's last word counts as said


@dataclass(frozen=True)
class SpokenTurn:
    """`wave` begins with the turn's first sound and ends, at `ends_s`, with its last one."""

    kind: Kind
    name: str
    wave: Wave
    pauses: tuple[Pause, ...]
    words: tuple[str, ...]
    one_sentence: bool = True

    @property
    def ends_s(self) -> float:
        return len(self.wave) / RATE

    def words_by(self, at_s: float) -> int:
        """How many words have been said by then: exact in its pauses, and in proportion between."""
        known = [(0.0, 0), *((at, pause.after) for pause in self.pauses for at in pause[:2])]
        times, counts = zip(*known, (self.ends_s - LAST_S, len(self.words)), strict=True)
        return int(np.interp(at_s, times, counts))


def spoken(planned: PlannedTurn, language: str = "en") -> SpokenTurn:
    """Its sound. Reads recordings."""
    words = [word for each in planned.recordings for word in recordings.words(each.name, language)]
    waves = [recordings.wave(each.name, language) for each in planned.recordings]
    if planned.kind == "digits":
        wave, pauses = number([trimmed(each) for each in waves], planned.pauses)
    else:
        wave, pauses = with_pauses(waves[0], planned.recordings[0].gaps, planned.pauses)
    begins = leading_quiet_s(wave)
    sound = trimmed(wave)
    shifted = [
        pause._replace(begin=pause.begin - begins, end=pause.end - begins) for pause in pauses
    ]
    one = all(recordings.sentences(each.name, language) == 1 for each in planned.recordings)
    level = at_level(sound, SPEECH_DBFS)
    return SpokenTurn(planned.kind, planned.name, level, tuple(shifted), tuple(words), one)


# ---- pauses --------------------------------------------------------------------------------------


def with_pauses(
    wave: Wave, gaps: Sequence[Gap], wanted: Iterable[PlannedPause]
) -> tuple[Wave, list[Pause]]:
    """Each of the gaps that are wanted is as long as that, unless it is longer by itself. Returned
    are all pauses at gaps, the recording's own ones too."""
    lengths = {pause.gap: pause.seconds for pause in wanted}
    pieces: list[Wave] = []
    pauses: list[Pause] = []
    taken, added = 0, 0.0
    for gap in sorted(gaps, key=lambda gap: gap.at_s):
        own = quiet_around(wave, gap.at_s)
        more = max(0.0, lengths.get(gap, 0.0) - (own.end - own.begin))
        if gap in lengths:
            middle = round((own.begin + own.end) / 2 * RATE)
            pieces += [_faded(wave[taken:middle]), np.zeros(round(more * RATE))]
            taken = middle
        if gap in lengths or own.end - own.begin >= PAUSE_S:
            pauses.append(Pause(own.begin + added, own.end + added + more, gap.finished, gap.after))
        added += more
    return np.concatenate([*pieces, _faded(wave[taken:])]), pauses


def number(digits: Sequence[Wave], wanted: Iterable[PlannedPause]) -> tuple[Wave, list[Pause]]:
    """Digits in a row, with the pauses that are wanted between them."""
    lengths = {pause.gap.after: pause.seconds for pause in wanted}
    pieces: list[Wave] = []
    pauses: list[Pause] = []
    at = 0.0
    for count, digit in enumerate(digits, 1):
        level = at_level(digit, SPEECH_DBFS)
        gap_s = lengths.get(count, BETWEEN_DIGITS_S) if count < len(digits) else 0.0
        pieces += [level, np.zeros(round(gap_s * RATE))]
        at += len(level) / RATE
        if count in lengths:
            pauses.append(Pause(at, at + gap_s, False, count))
        at += gap_s
    return np.concatenate(pieces), pauses


def quiet_around(wave: Wave, at_s: float) -> Span:
    """The silence between two words there; of no length where they are not that far apart."""
    quiet = _quiet(wave)
    step = min(int(at_s * RATE / STEP), len(quiet) - 1)
    first = last = step
    while first > 0 and quiet[first - 1]:
        first -= 1
    while last < len(quiet) and quiet[last]:
        last += 1
    return Span(first * STEP / RATE, max(first, last) * STEP / RATE)


def _quiet(wave: Wave) -> list[bool]:
    steps = wave[: len(wave) // STEP * STEP].reshape(-1, STEP)
    power = (steps**2).mean(axis=1) + 1e-3
    quiet: list[bool] = (power < np.percentile(power, 95) * 10 ** (-QUIET_DB / 10)).tolist()
    return quiet


def _faded(wave: Wave) -> Wave:
    """Without a click where it was cut."""
    length = min(FADE, len(wave))
    ramp = np.ones(len(wave))
    ramp[:length] = np.arange(length) / FADE
    ramp[len(wave) - length :] = np.minimum(ramp[len(wave) - length :], ramp[:length][::-1])
    return wave * ramp


# ---- where sound begins and ends -----------------------------------------------------------------


def trimmed(wave: Wave) -> Wave:
    """From the first to the last piece that sounds."""
    return wave[
        round(leading_quiet_s(wave) * RATE) : len(wave)
        - round(trailing_quiet_s(wave.astype(np.int16), RATE) * RATE)
    ]


def leading_quiet_s(wave: Wave) -> float:
    return trailing_quiet_s(wave[::-1].astype(np.int16), RATE)


# ---- the line ------------------------------------------------------------------------------------


def on_line(wave: Wave, *, noisy: bool, seed: int, before_s: float = BEFORE_S) -> Wave:
    """With line before and after it, and noise all the while."""
    before, after = (np.zeros(round(s * RATE)) for s in (before_s, AFTER_S))
    whole = np.concatenate([before, wave, after])
    dbfs = SPEECH_DBFS - SNR_DB if noisy else LINE_DBFS
    line: Wave = whole + noise(len(whole) / RATE, dbfs, pink=True, seed=seed)[: len(whole)]
    return line
