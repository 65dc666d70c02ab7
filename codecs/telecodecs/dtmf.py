"""DTMF digits as sound: two tones, one of the row and one of the column of the keypad.

Source: ITU-T Q.23 (frequencies)."""

from math import pi

import numpy as np
from numpy.typing import NDArray

from telecodecs.errors import CodecError
from telecodecs.pcm import Pcm

_ROWS = (697, 770, 852, 941)
_COLUMNS = (1209, 1336, 1477, 1633)
_KEYPAD = ("123A", "456B", "789C", "*0#D")
_FREQUENCIES = {
    digit: (row, column)
    for row, digits in zip(_ROWS, _KEYPAD, strict=True)
    for column, digit in zip(_COLUMNS, digits, strict=True)
}

DIGITS = "".join(_KEYPAD)


def _peak(dbm0: float) -> float:
    """The peak of a sine of that level; G.711 puts its largest sine at 3.17 dBm0 (μ-law)."""
    return 32124 * 10 ** ((dbm0 - 3.17) / 20)


# The line attenuates the high group more, so telephones send it about 2 dB louder.
_LOW, _HIGH = _peak(-9), _peak(-7)


def tones(digit: str, samples: int, sample_rate: int) -> Pcm:
    """(samples,) int16 of one digit out of 0-9, A-D, * and #; both tones start at phase 0.

    The high group is at -7 dBm0, the low group at -9. Raises CodecError for another digit."""
    try:
        low, high = _FREQUENCIES[digit]
    except KeyError:
        raise CodecError(f"{digit!r} is no DTMF digit; those are {DIGITS}") from None
    turns = 2 * pi / sample_rate * np.arange(samples)
    both: NDArray[np.float64] = _LOW * np.sin(low * turns) + _HIGH * np.sin(high * turns)
    return np.rint(both).astype(np.int16)
