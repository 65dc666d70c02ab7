"""Keys as sound: how they are made. What is heard of them: `test_dtmf_heard.py`."""

import numpy as np
import pytest

from telecodecs import CodecError, Pcm
from telecodecs.dtmf import DIGITS, tones
from telecodecs.g711 import decode_ulaw, encode_ulaw
from tests.telecodecs.pressed import KEYPAD

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
