"""DTMF digits as sound: two tones, one of the row and one of the column of the keypad.

Source: ITU-T Q.23 (frequencies), Q.24 (reception)."""

from collections.abc import Sequence
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


# ---- hearing them -------------------------------------------------------------------------------

_WINDOW_S, _HOP_S = 0.020, 0.010
_MAX_OFF = 0.025  # of the frequency: Q.24 asks for 1.5 % to be heard and 3.5 % not to
_MAX_TWIST_DB, _MIN_TWIST_DB = 8.5, -8.5  # of the high tone over the low one
_MIN_LEVEL = _peak(-27)  # of either tone
_PURE = 0.85  # share of the power that the two tones have; speech has more partials
_ON, _OFF = 2, 5  # windows in a row that begin a digit, and that end it


class DtmfDetector:
    """Digits in a line's audio, by the piece; has memory: one for each direction of a call.

    A digit is told once, when it has sounded for 40 ms; less than 23 ms are none, and the same
    digit again needs 40 ms between. Speech is kept out by what tones have and voices do not: two
    partials that hold nearly all of the power and keep their frequencies.

    Source: ITU-T Q.24 (11/88), table A-1, whose limits differ by administration."""

    def __init__(self, sample_rate: int) -> None:
        self._window, self._hop = round(_WINDOW_S * sample_rate), round(_HOP_S * sample_rate)
        times = np.arange(self._window) / sample_rate
        self._times = times
        self._low = _waves(_ROWS, times)
        self._high = _waves(_COLUMNS, times)
        self._rest: NDArray[np.float64] = np.zeros(0)
        self._before: tuple[complex, complex] = (0j, 0j)  # of the last window's strongest tones
        self._pair = (-1, -1)  # which they were
        self._candidate, self._seen, self._missed = "", 0, 0
        self._sounding = ""  # told, and not over

    def process(self, pcm: Pcm) -> str:
        """The digits that are now known to sound, in order; mostly none."""
        samples = np.concatenate((self._rest, pcm.astype(np.float64)))
        found = ""
        at = 0
        while at + self._window <= len(samples):
            found += self._step(self._digit(samples[at : at + self._window]))
            at += self._hop
        self._rest = samples[at:]
        return found

    def _step(self, digit: str) -> str:
        """One window on; returns a digit when it is to be told."""
        if digit and digit == self._sounding:
            self._missed = 0
            return ""
        self._missed += 1
        if self._missed >= _OFF:
            self._sounding = ""
        self._seen = self._seen + 1 if digit and digit == self._candidate else int(bool(digit))
        self._candidate = digit
        if self._seen < _ON or self._sounding:
            return ""
        self._sounding, self._missed = digit, 0
        return digit

    def _digit(self, samples: NDArray[np.float64]) -> str:
        """What one window holds; empty for anything else."""
        power = float(np.mean(samples * samples))
        low, high = self._low @ samples, self._high @ samples
        pair = int(np.argmax(np.abs(low))), int(np.argmax(np.abs(high)))
        now = complex(low[pair[0]]), complex(high[pair[1]])
        before, before_pair = self._before, self._pair
        self._before, self._pair = now, pair
        if pair != before_pair or power < _MIN_LEVEL * _MIN_LEVEL:
            return ""
        nominal = (_ROWS[pair[0]], _COLUMNS[pair[1]])
        measured = [
            _measured(hz, then, since) for hz, then, since in zip(nominal, before, now, strict=True)
        ]
        if any(abs(m - n) > _MAX_OFF * n for m, n in zip(measured, nominal, strict=True)):
            return ""
        if not self._are_all(samples, power, measured):
            return ""
        return _KEYPAD[pair[0]][pair[1]]

    def _are_all(
        self, samples: NDArray[np.float64], power: float, measured: Sequence[float]
    ) -> bool:
        """Whether two tones of these frequencies are the window, and are as loud as they should
        be: the best fit says how much of the power they hold."""
        turns = 2 * pi * np.outer(self._times, measured)
        basis = np.hstack((np.cos(turns), np.sin(turns)))
        fit, *_ = np.linalg.lstsq(basis, samples, rcond=None)
        rest = samples - basis @ fit
        low, high = np.hypot(fit[:2], fit[2:])
        if min(low, high) < _MIN_LEVEL or float(np.mean(rest * rest)) > (1 - _PURE) * power:
            return False
        return bool(_MIN_TWIST_DB <= 20 * np.log10(high / low) <= _MAX_TWIST_DB)


def _waves(frequencies: Sequence[int], times: NDArray[np.float64]) -> NDArray[np.complex128]:
    waves: NDArray[np.complex128] = np.exp(-2j * pi * np.outer(frequencies, times))
    return waves


def _measured(nominal: float, before: complex, now: complex) -> float:
    """The frequency of a tone by how far its phase turned from one window to the next."""
    turned = np.angle(now * np.conj(before) * np.exp(-2j * pi * nominal * _HOP_S))
    return nominal + float(turned) / (2 * pi * _HOP_S)
