"""Keys as sound: what is heard of them, to the tolerances of ITU-T Q.24 and beyond them.

`python -m benchmarks.dtmf borders` measures where each of these ends."""

import wave
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from telecodecs import CodecError, Pcm, codec, resample, silence
from telecodecs.dtmf import DIGITS, DtmfDetector
from tests.telecodecs.pressed import (
    DIAL_TONE,
    Wave,
    clipped,
    heard,
    impulses,
    line,
    noise,
    press,
    quiet,
    sines,
    through,
)

# Where in the frames of 20 ms a key begins: it must not matter.
PHASES_MS = (100.0, 103.3, 106.1, 109.4, 112.2, 115.9, 118.7)
RATES = (8000, 16000, 24000, 48000)
MakesKey = Callable[[str, float], Pcm]
"""Of a digit, and milliseconds of silence before it."""


def misheard(
    key: MakesKey, *, rate: int = 8000, times: int = 1, phases: Sequence[float] = PHASES_MS
) -> list[tuple[str, float, str]]:
    """Of all digits, each from several phases on: those that were not heard so often, and what was
    heard instead."""
    found = [(digit, ms, heard(key(digit, ms), rate)) for digit in DIGITS for ms in phases]
    return [each for each in found if each[2] != times * each[0]]


def keys(rate: int = 8000, **of_key: float) -> MakesKey:
    return lambda digit, ms: line(press(digit, **of_key, rate=rate), rate=rate, before_ms=ms)


def beside(other: Callable[[int, int], Wave], **of_key: float) -> MakesKey:
    """A key with something else on the line, given samples and a seed."""

    def made(digit: str, ms: float) -> Pcm:
        wave = np.concatenate([quiet(ms), press(digit, **of_key), quiet(100)])
        return clipped(wave + other(len(wave), round(10 * ms)))

    return made


# ---- the table of Q.24 --------------------------------------------------------------------------

ACCEPTED = {
    "40 ms": {"ms": 40},
    "1.5 % and 2 Hz high": {"ms": 40, "off": 0.015, "off_hz": 2},
    "1.5 % and 2 Hz low": {"ms": 40, "off": -0.015, "off_hz": 2},
    "1.8 % high": {"ms": 40, "off": 0.018},
    "1.8 % low": {"ms": 40, "off": -0.018},
    "0 dBm0, which clips": {"ms": 40, "dbm0": 0},
    "-25 dBm0": {"ms": 40, "dbm0": -25},
    "-40 dBm0": {"ms": 40, "dbm0": -40},
    "the high tone 4 dB louder": {"ms": 40, "twist_db": 4},
    "the high tone 8 dB louder": {"ms": 40, "twist_db": 8},
    "the low tone 8 dB louder": {"ms": 40, "twist_db": -8},
    "all at once": {"ms": 40, "off": -0.015, "off_hz": 2, "dbm0": -25, "twist_db": -8},
    "held for two seconds": {"ms": 2000},
}
REJECTED = {
    "23 ms": {"ms": 23},
    "3 % high": {"ms": 100, "off": 0.03},
    "3 % low": {"ms": 100, "off": -0.03},
    "3.5 % high": {"ms": 100, "off": 0.035},
    "3.5 % low": {"ms": 100, "off": -0.035},
    "6 % high": {"ms": 100, "off": 0.06},
    "-43 dBm0": {"ms": 100, "dbm0": -43},
    "the high tone 10 dB louder": {"ms": 100, "twist_db": 10},
    "the low tone 10 dB louder": {"ms": 100, "twist_db": -10},
}


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("of_key", ACCEPTED.values(), ids=ACCEPTED)
def test_what_q24_accepts_is_heard_once(of_key: dict[str, float], rate: int) -> None:
    phases = PHASES_MS if rate == 8000 else PHASES_MS[::3]
    assert not misheard(keys(rate, **of_key), rate=rate, phases=phases)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("of_key", REJECTED.values(), ids=REJECTED)
def test_what_q24_rejects_is_not_heard(of_key: dict[str, float], rate: int) -> None:
    phases = PHASES_MS if rate == 8000 else PHASES_MS[::3]
    assert not misheard(keys(rate, **of_key), rate=rate, times=0, phases=phases)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("gap_ms", "times"), [(5, 1), (10, 1), (40, 2), (60, 2)])
def test_a_break_of_ten_milliseconds_is_none_and_one_of_forty_is_a_pause(
    gap_ms: float, times: int, rate: int
) -> None:
    def made(digit: str, ms: float) -> Pcm:
        one = press(digit, rate, ms=45)
        return line(one, quiet(gap_ms, rate), one, rate=rate, before_ms=ms)

    phases = PHASES_MS if rate == 8000 else PHASES_MS[::3]
    assert not misheard(made, rate=rate, times=times, phases=phases)


def test_ten_keys_in_a_row_are_ten() -> None:
    for each in ("5555555555", DIGITS):
        pieces = [piece for digit in each for piece in (press(digit, ms=50), quiet(43))]
        assert heard(line(*pieces)) == each


@pytest.mark.parametrize("step", [1, 37, 80, 160, 161, 999, 20_000])
def test_the_pieces_do_not_matter(step: int) -> None:
    pcm = line(press("7"), quiet(50), press("7"), quiet(50), press("*"))
    assert heard(pcm, step=step) == "77*"


def test_a_digit_sounds_until_it_is_over() -> None:
    """It lasts from the frame 5 to 14; it is told 40 ms after its begin, and over 30 after its
    end."""
    detector, pcm = DtmfDetector(8000), line(press("8", ms=200))
    sounding: list[int] = []
    for number, at in enumerate(range(0, len(pcm), 160)):
        told = detector.process(pcm[at : at + 160])
        assert told == ("8" if number == 6 else "")
        if detector.sounding:
            sounding.append(number)
    assert sounding == list(range(6, 16))


# ---- on bad lines -------------------------------------------------------------------------------


@pytest.mark.parametrize("snr_db", [18, 15, 12])
def test_noise_is_no_hindrance(snr_db: float) -> None:
    """White noise below both tones together, which have -8 dBm0 each."""
    assert not misheard(beside(lambda n, seed: noise(n, -5 - snr_db, seed), ms=40))


def test_dial_tone_is_none() -> None:
    def dial_tone(samples: int, _: int) -> Wave:
        return sines(DIAL_TONE, (-10, -10), samples, 8000)

    assert not misheard(beside(dial_tone, ms=50))
    assert heard(clipped(dial_tone(80_000, 0))) == ""


def test_clicks_are_none() -> None:
    def clicks(samples: int, seed: int) -> Wave:
        return impulses(samples, 8000, a_second=20, dbm0=0, seed=seed)

    assert not misheard(beside(clicks, ms=70))
    assert heard(clipped(impulses(800_000, 8000, a_second=20, dbm0=3))) == ""


CODECS = [
    ("PCMU", 8000, 40), ("PCMA", 8000, 40), ("G722", 16000, 40), ("OPUS", 8000, 40),
    ("OPUS", 16000, 40), ("OPUS", 24000, 40), ("OPUS", 48000, 40), ("AMR-WB", 16000, 100),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rate", "shortest_ms"), CODECS)
def test_codecs_leave_keys_as_they_are(name: str, rate: int, shortest_ms: float) -> None:
    require(name, rate)

    def coded(key: MakesKey) -> MakesKey:
        return lambda digit, ms: through(name, key(digit, ms), rate)

    for dbm0 in (-5.0, -20.0, -36.0):
        key = coded(keys(rate, ms=shortest_ms, dbm0=dbm0))
        assert not misheard(key, rate=rate, phases=PHASES_MS[::3])
    short = coded(keys(rate, ms=23))
    assert not misheard(short, rate=rate, times=0, phases=PHASES_MS[::3])


@pytest.mark.parametrize(("name", "rate", "most"), [
    ("PCMU", 8000, 0), ("PCMA", 8000, 0), ("G722", 16000, 1), ("OPUS", 16000, 3),
])  # fmt: skip
def test_a_lost_frame_makes_no_second_key(name: str, rate: int, most: int) -> None:
    """20 ms anywhere in a key of 100 ms, and before and behind it, made up for as the codec does:
    of 256 keys all but these few are heard, and none is heard twice."""
    require(name, rate)
    missed = 0
    for lost in range(4, 12):

        def made(digit: str, ms: float, lost: int = lost) -> Pcm:
            return through(name, keys(rate, ms=100)(digit, ms), rate, (lost,))

        found = misheard(made, rate=rate, phases=PHASES_MS[::6])
        assert {each[2] for each in found} <= {""}
        missed += len(found)
    assert missed <= most


def require(name: str, rate: int) -> None:
    try:
        codec(name, rate).encode(silence(rate // 50))
    except CodecError as error:
        pytest.skip(str(error))


# ---- what is no key -----------------------------------------------------------------------------


def test_other_sounds_are_no_keys() -> None:
    rng = np.random.default_rng(2)
    assert heard(line(press("5", ms=1000))[::2]) == ""  # an octave too high
    assert heard(clipped(rng.normal(0, 5000, 800_000))) == ""
    assert heard(line(sines((697, 770), (-8, -8), 4000, 8000))) == ""  # two tones of one group
    assert heard(line(sines((697,), (-8,), 4000, 8000))) == ""
    third = sines((697, 1209, 1800), (-8, -8, -10), 4000, 8000)
    assert heard(line(third)) == ""
    assert heard(np.full(8000, 8000, np.int16)) == ""


def test_people_who_talk_press_nothing() -> None:
    """Talk-off, on all the recordings that are here: people who read, a minute and a half, as they
    are and a tenth slower and faster."""
    folder = Path(str(pytest.importorskip("moonshine_voice").__file__)).parent / "assets"
    for name in sorted(folder.glob("*.wav")):
        with wave.open(str(name)) as file:
            assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
            pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
            rate = file.getframerate()
        for slower in (7200, 8000, 8800):
            assert heard(resample(resample(pcm, rate, 8000), 8000, slower)) == ""
