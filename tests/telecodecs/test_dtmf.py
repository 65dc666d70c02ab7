import itertools
import wave
from pathlib import Path

import numpy as np
import pytest

from telecodecs import CodecError, Pcm, resample, silence
from telecodecs.dtmf import DIGITS, DtmfDetector, tones
from telecodecs.g711 import decode_ulaw, encode_ulaw

# ITU-T Q.23, table 1.
KEYPAD = {
    "1": (697, 1209), "2": (697, 1336), "3": (697, 1477), "A": (697, 1633),
    "4": (770, 1209), "5": (770, 1336), "6": (770, 1477), "B": (770, 1633),
    "7": (852, 1209), "8": (852, 1336), "9": (852, 1477), "C": (852, 1633),
    "*": (941, 1209), "0": (941, 1336), "#": (941, 1477), "D": (941, 1633),
}  # fmt: skip
ALL_TONES = (697, 770, 852, 941, 1209, 1336, 1477, 1633)


def level_dbm0(pcm: Pcm, frequency: int, sample_rate: int) -> float:
    """The level of one frequency, from a second of sound: every tone has whole periods in it."""
    assert len(pcm) == sample_rate
    spectrum = np.fft.rfft(pcm.astype(np.float64)) / (len(pcm) / 2)
    return float(20 * np.log10(max(abs(spectrum[frequency]), 1e-9) / 32124) + 3.17)


@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050])
@pytest.mark.parametrize("digit", KEYPAD)
def test_two_tones_and_no_others(digit: str, sample_rate: int) -> None:
    pcm = tones(digit, sample_rate, sample_rate)
    low, high = KEYPAD[digit]
    assert abs(level_dbm0(pcm, low, sample_rate) + 9) < 0.01
    assert abs(level_dbm0(pcm, high, sample_rate) + 7) < 0.01
    for other in set(ALL_TONES) - {low, high}:
        assert level_dbm0(pcm, other, sample_rate) < -80


def test_all_sixteen_digits() -> None:
    assert sorted(DIGITS) == sorted(KEYPAD)


def test_a_digit_is_never_clipped_and_survives_the_line() -> None:
    for digit in DIGITS:
        pcm = tones(digit, 8000, 8000)
        assert np.abs(pcm.astype(np.int32)).max() < 20000
        low, high = KEYPAD[digit]
        heard = decode_ulaw(encode_ulaw(pcm))
        assert abs(level_dbm0(heard, low, 8000) + 9) < 0.1
        assert abs(level_dbm0(heard, high, 8000) + 7) < 0.1


def test_length_and_start() -> None:
    pcm = tones("7", 481, 16000)
    assert pcm.shape == (481,)
    assert pcm.dtype == np.int16
    assert pcm[0] == 0
    assert tones("7", 0, 8000).shape == (0,)


@pytest.mark.parametrize("wrong", ["E", "a", "", "12", "w"])
def test_what_is_no_digit_is_refused(wrong: str) -> None:
    with pytest.raises(CodecError, match="no DTMF digit"):
        tones(wrong, 160, 8000)


def heard(pcm: Pcm, rate: int = 8000) -> str:
    """By 20 ms, as a call brings it."""
    detector, step = DtmfDetector(rate), rate // 50
    return "".join(detector.process(pcm[at : at + step]) for at in range(0, len(pcm), step))


def between(*pieces: Pcm, before: int = 800) -> Pcm:
    return np.concatenate([silence(before), *pieces, silence(800)])


def pair(low: float, high: float, *, ms: int = 80, twist_db: float = 0.0) -> Pcm:
    times = np.arange(ms * 8) / 8000
    louder = 4000 * 10 ** (twist_db / 20)
    sound = 4000 * np.sin(2 * np.pi * low * times) + louder * np.sin(2 * np.pi * high * times + 1)
    return np.rint(sound).astype(np.int16)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_every_digit_is_heard_once(rate: int) -> None:
    digits = DIGITS + "5566"
    pieces = [(tones(digit, rate // 20, rate), silence(rate // 20)) for digit in digits]
    assert heard(np.concatenate([pcm for pieces_of in pieces for pcm in pieces_of]), rate) == digits


def test_the_pieces_do_not_matter() -> None:
    pcm = between(tones("7", 800, 8000))
    for step in (1, 37, 160, 5000):
        detector = DtmfDetector(8000)
        found = [detector.process(pcm[at : at + step]) for at in range(0, len(pcm), step)]
        assert "".join(found) == "7"


@pytest.mark.parametrize("before", range(800, 880, 11))
def test_forty_milliseconds_are_a_digit_and_twenty_two_are_none(before: int) -> None:
    """ITU-T Q.24, wherever in a window they begin."""
    for digit in DIGITS:
        assert heard(between(tones(digit, 320, 8000), before=before)) == digit
        assert heard(between(tones(digit, 176, 8000), before=before)) == ""


@pytest.mark.parametrize(("off", "is_heard"), [(0.015, True), (0.035, False)])
def test_frequencies_may_be_a_little_off(off: float, is_heard: bool) -> None:
    for low, high in itertools.product((697, 770, 852, 941), (1209, 1336, 1477, 1633)):
        for way in (1 + off, 1 - off):
            assert bool(heard(between(pair(low * way, high * way)))) == is_heard


@pytest.mark.parametrize(
    ("twist_db", "expected"), [(-12, ""), (-8, "5"), (-4, "5"), (4, "5"), (8, "5"), (12, "")]
)
def test_one_tone_may_be_louder_than_the_other(twist_db: float, expected: str) -> None:
    assert heard(between(pair(770, 1336, twist_db=twist_db))) == expected


def test_the_level_of_a_long_line_is_enough_and_noise_is_no_hindrance() -> None:
    digit = tones("9", 640, 8000)
    assert heard(between((digit * 0.13).astype(np.int16))) == "9"  # -25 dBm0 and -27
    noise = np.random.default_rng(1).normal(0, 0.2 * float(digit.std()), len(digit))
    assert heard(between((digit + noise).astype(np.int16))) == "9"


def test_a_break_of_ten_milliseconds_is_none() -> None:
    piece = tones("3", 480, 8000)
    assert heard(between(piece, silence(80), piece)) == "3"
    assert heard(between(piece, silence(320), piece)) == "33"


def test_other_sounds_are_no_digits() -> None:
    rng = np.random.default_rng(2)
    assert heard(between(tones("5", 8000, 8000)[::2])) == ""  # an octave too high
    assert heard(rng.normal(0, 5000, 80_000).astype(np.int16)) == ""
    assert heard(between(pair(697, 770, ms=500))) == ""  # two tones of one group
    assert heard(np.full(8000, 8000, np.int16)) == ""


def test_people_who_talk_press_nothing() -> None:
    """Talk-off, on all the recordings that are here: people who read, four minutes."""
    folder = Path(str(pytest.importorskip("moonshine_voice").__file__)).parent / "assets"
    for name in sorted(folder.glob("*.wav")):
        with wave.open(str(name)) as file:
            assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
            pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
            rate = file.getframerate()
        assert heard(resample(pcm, rate, 8000)) == ""
