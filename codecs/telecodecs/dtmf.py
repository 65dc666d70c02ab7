"""DTMF digits as sound: two tones, one of the row and one of the column of the keypad.

Source: ITU-T Q.23 (frequencies), Q.24 (reception)."""

from cmath import exp, phase
from functools import cache
from math import log10, pi
from typing import NamedTuple

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

_BLOCK_S = 0.010
_HEARD = 3  # blocks that have to be the two tones, and silence that makes two digits of one
_MAX_OFF = 0.024  # of the frequency: Q.24 has 1.8 % heard and 3.0 % not (NTT), 1.5 and 3.5 (AT&T)
_MAX_TWIST_DB, _MIN_TWIST_DB = 8.5, -8.5  # of the high tone over the low one
_MIN_LEVEL = _peak(-40.5)  # of either tone
_PURE = 0.89  # share of the power that the two tones have; speech has more partials
_LIKELY, _EITHER = 0.5, 0.05  # the same, roughly: of both together, and of each
_GOES_ON = 0.5  # share of a block that the tones of a digit have while it sounds
_FADED = 0.1  # of the power that it began with: this is its echo
_DIAL_TONE, _BALANCED = (350, 440), 1.4  # of North America, 3 dB

_Samples = NDArray[np.float32]


class DtmfDetector:
    """Digits in a line's audio, by the piece; has memory: one for each direction of a call.

    A digit is told once, when it has sounded for 30 to 40 ms; up to 25 ms are none. The same digit
    again needs a pause of 40 ms, and a break of 20 is none. Speech is kept out by what tones have
    and voices do not: two partials that hold nearly all of the power and keep their frequencies.

    Source: ITU-T Q.24 (11/88), table A-1, whose limits differ by administration."""

    # Each 20 ms are looked at roughly: 30 ms of a digit have in them 20 that are two tones. What
    # passes is measured on the 30 ms that end here and on those that end in the next frame.

    __slots__ = (
        "_before",
        "_block",
        "_frame",
        "_held",
        "_hot",
        "_missed",
        "_rest",
        "_shapes",
        "_signal",
        "sounding",
    )

    def __init__(self, sample_rate: int) -> None:
        self.sounding = ""  # the digit that was told, and is not over
        self._shapes = _shapes(sample_rate)
        self._block = self._shapes.block
        self._frame = 2 * self._block
        self._rest: Pcm | None = None  # less than a frame
        self._before: _Samples = np.zeros(self._frame, np.float32)
        self._hot = False  # what is before
        self._held: _Samples | None = None  # (block, 4): the tones that sound
        self._signal = 0.0  # their power in a block
        self._missed = 0  # blocks without them

    def process(self, pcm: Pcm) -> str:
        """The digits that are now known to sound, in order; mostly none. Any number of samples."""
        if self._rest is None and len(pcm) == self._frame:  # as most are
            return self._hear(pcm.astype(np.float32))
        if self._rest is not None:
            pcm = np.concatenate((self._rest, pcm))
        found, at = "", 0
        while at + self._frame <= len(pcm):
            found += self._hear(pcm[at : at + self._frame].astype(np.float32))
            at += self._frame
        self._rest = pcm[at:].copy() if at < len(pcm) else None
        return found

    def _hear(self, frame: _Samples) -> str:
        """20 ms on."""
        before, was_hot = self._before, self._hot
        self._before = frame
        if self._held is not None:
            self._hold(self._held, frame)
        power = float(np.dot(frame, frame))
        hot = self._hot = power >= self._shapes.quietest and self._likely(frame, power)
        if not (hot or was_hot) or (self._held is not None and not self._missed):
            return ""
        found = ""
        if was_hot:
            found = self._measure(np.concatenate((before, frame[: self._block])))
        if hot and not found:
            found = self._measure(np.concatenate((before[self._block :], frame)))
        return found

    def _likely(self, frame: _Samples, power: float) -> bool:
        """Whether 20 ms may be two tones, a row's and a column's.

        In blocks of 10 ms a tone that is off by 2 % still shows, and so do its neighbours."""
        blocks = frame.reshape(2, self._block) @ self._shapes.rough
        powers = np.square(blocks).reshape(4, 8).sum(0).tolist()  # of both blocks, cosine and sine
        low, high = max(powers[:4]), max(powers[4:])
        either = _EITHER * power
        return bool(low + high >= _LIKELY * power and low >= either and high >= either)

    def _measure(self, samples: _Samples) -> str:
        """30 ms: a digit that begins to sound in them, or nothing."""
        heard = self._shapes.measured(samples)
        if heard is None:
            return ""
        self._missed = 0
        if heard.digit == self.sounding:
            return ""
        self.sounding = heard.digit
        self._held = self._shapes.held(heard.hertz)
        self._signal = heard.power / _HEARD
        return heard.digit

    def _hold(self, tones_of_digit: _Samples, frame: _Samples) -> None:
        """Whether what sounds goes on."""
        blocks = frame.reshape(2, self._block)
        there = np.square(blocks @ tones_of_digit).sum(1).tolist()
        powers = np.square(blocks).sum(1).tolist()
        for power, its in zip(powers, there, strict=True):
            if its >= _GOES_ON * power and its >= _FADED * self._signal:
                self._missed = 0
                continue
            self._missed += 1
            if self._missed >= _HEARD:
                self.sounding, self._held = "", None
                return


class _Heard(NamedTuple):
    """Two tones that are a digit."""

    digit: str
    hertz: tuple[float, float]
    power: float  # in all samples


class _Shapes:
    """What audio of one rate is compared with; the same for all calls."""

    __slots__ = ("_fine", "_lowest", "_rate", "_times", "block", "quietest", "rough")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self.block = block = round(_BLOCK_S * rate)
        self.quietest = 2 * block * _MIN_LEVEL**2 / 2  # of 20 ms, as a sum of squares
        self._lowest = _MIN_LEVEL
        turns = 2 * pi / rate * np.outer(np.arange(2 * block), (*_ROWS, *_COLUMNS))
        waves = np.hstack((np.cos(turns), np.sin(turns)))
        self.rough = np.ascontiguousarray(waves[:block] * (2 / block) ** 0.5, np.float32)
        # The window keeps the two tones of a digit apart: their frequencies are measured.
        self._fine = np.ascontiguousarray(np.hanning(2 * block)[:, None] * waves, np.float32)
        self._times = (2 * pi / rate * np.arange(_HEARD * block)).astype(np.float32)

    def measured(self, samples: _Samples) -> _Heard | None:
        """The digit that all of the samples are, three blocks."""
        block = self.block
        first, second = samples[: 2 * block] @ self._fine, samples[block:] @ self._fine
        then, now = first[:8] - 1j * first[8:], second[:8] - 1j * second[8:]
        loud = np.abs(now)
        row, column = int(loud[:4].argmax()), int(loud[4:].argmax())
        hertz = (
            self._frequency(_ROWS[row], complex(then[row]), complex(now[row])),
            self._frequency(_COLUMNS[column], complex(then[4 + column]), complex(now[4 + column])),
        )
        if (
            abs(hertz[0] / _ROWS[row] - 1) > _MAX_OFF
            or abs(hertz[1] / _COLUMNS[column] - 1) > _MAX_OFF
        ):
            return None
        power = float(np.dot(samples, samples))
        fit, its = self._fit(samples, hertz)
        if its < _PURE * power:
            fit, all_of_it = self._fit(samples, (*hertz, *_DIAL_TONE))
            if all_of_it < _PURE * power or not _is_dial_tone(fit[2], fit[3]):
                return None
        low, high = fit[0], fit[1]
        if min(low, high) < self._lowest:
            return None
        if not _MIN_TWIST_DB <= 20 * log10(high / low) <= _MAX_TWIST_DB:
            return None
        return _Heard(_KEYPAD[row][column], hertz, its)

    def held(self, hertz: tuple[float, float]) -> _Samples:
        """(block, 4): squares of what is projected on it add up to the power of these tones."""
        return np.linalg.qr(self._basis(hertz)[: self.block])[0]

    def _frequency(self, nominal: float, then: complex, now: complex) -> float:
        """By how far the phase turned in the time of a block: within 50 Hz of the nominal one."""
        step = self.block / self._rate
        turned = phase(now * then.conjugate() * exp(-2j * pi * nominal * step))
        return nominal + turned / (2 * pi * step)

    def _basis(self, hertz: tuple[float, ...]) -> _Samples:
        """(3 blocks, 2 for each tone): their cosines, then their sines."""
        turns = np.multiply.outer(self._times, np.array(hertz, np.float32))
        basis = np.empty((len(turns), 2 * len(hertz)), np.float32)
        np.cos(turns, out=basis[:, : len(hertz)])
        np.sin(turns, out=basis[:, len(hertz) :])
        return basis

    def _fit(self, samples: _Samples, hertz: tuple[float, ...]) -> tuple[list[float], float]:
        """Of these tones together, the best: the peak of each, and the power of all."""
        basis = self._basis(hertz)
        along = basis.T @ samples
        fit = np.linalg.solve(basis.T @ basis, along)
        return np.hypot(*fit.reshape(2, -1)).tolist(), float(fit @ along)


def _is_dial_tone(one: float, other: float) -> bool:
    """Its two tones are as loud as each other, which partials of a voice hardly are."""
    return max(one, other) < _BALANCED * min(one, other)


_shapes = cache(_Shapes)
