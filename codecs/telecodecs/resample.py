"""Change of sample rate: a polyphase FIR filter that streams.

The filter is a sinc under a Kaiser window, 32 samples of the lower rate to each side. It passes
speech (0.425 of the lower rate, 3.4 kHz at 8 kHz) within 0.03 dB and holds images and aliases
80 dB down from half the lower rate on. That costs a constant delay of 4 ms to or from 8 kHz.

Chunked output equals whole-signal output bit for bit, whatever the chunks and the BLAS.
The coefficients are whole multiples of 2**-30, so with 16-bit samples every product is one too,
and every partial sum stays below 2**23: 53 bits hold them all exactly, in any order of summation.

The sums are one matrix product. Outputs repeat their filter phases after `up` samples, so a block
of them is a fixed matrix times the inputs it reaches. The matrix has many zeros, and multiplying by
them is still cheaper in numpy than gathering each output's own samples: for a frame of 20 ms 9 us
against 22 from 8 to 16 kHz, 12 against 61 from 48 to 8, about even from 22.05 to 16."""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, gcd

import numpy as np
from numpy.typing import NDArray

from telecodecs.errors import CodecError
from telecodecs.pcm import Pcm, require_pcm, silence

_HALF_WIDTH = 32
"""Samples of the lower rate to each side of the filter's centre."""

_CUTOFF = 0.92
"""Of half the lower rate, where the filter is 6 dB down: -0.02 dB at 0.85, -80 dB at 1."""

_KAISER_BETA = 8.0

_UNIT = 2.0**-30

_BLOCK = 16
"""Outputs in one row of the product, at least about; larger ones multiply more zeros."""

_MAX_RATIO = 1000
"""Rates whose ratio takes larger numbers (8000:8001) would need matrices of many megabytes."""


class Resampler:
    """Resamples one stream; has memory, so one per call and direction.

    After n input samples ceil(n x to_rate / from_rate) have come out: 20 ms in, 20 ms out. Output
    sample m is the input of time m / to_rate - delay_s. Between equal rates nothing is copied."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        """Rates in Hz. Raises CodecError when they are not positive or have no simple ratio."""
        self._bank = _bank(from_rate, to_rate)
        self._delay_s = self._bank.delay / to_rate if self._bank else 0.0
        self._received = 0
        self._tail = silence(self._bank.reach if self._bank else 0)

    @property
    def delay_s(self) -> float:
        """By how much the output lags, in seconds: always a whole number of output samples."""
        return self._delay_s

    def process(self, pcm: Pcm) -> Pcm:
        """Resample the next (n,) int16, n >= 0. Raises CodecError for anything but int16."""
        require_pcm(pcm)
        bank = self._bank
        if bank is None:
            return pcm
        waiting = self._received % bank.block_in
        self._received += len(pcm)
        samples = np.concatenate((self._tail, pcm))
        fresh = waiting + len(pcm)
        # A copy, as a view would keep all of `samples` alive between the calls.
        self._tail = samples[fresh - fresh % bank.block_in :].copy()
        return bank.filter(samples)[bank.due(waiting) : bank.due(fresh)]

    def flush(self) -> Pcm:
        """The rest of the stream, which the delay held back; the next `process` starts a new one.

        All outputs of a stream of n samples are delay_s x to_rate + round(n x to_rate / from_rate)
        samples."""
        bank = self._bank
        if bank is None:
            return silence(0)
        wanted = bank.delay + round(self._received * bank.up / bank.down)
        rest = wanted - bank.due(self._received)
        last = self.process(silence(ceil(rest * bank.down / bank.up)))[:rest]
        self._received = 0
        self._tail = silence(bank.reach)
        return last


def resample(pcm: Pcm, from_rate: int, to_rate: int) -> Pcm:
    """Resample a whole signal: (n,) -> (round(n x to_rate / from_rate),) int16, without the delay.

    Between equal rates the signal itself is returned. Raises CodecError."""
    resampler = Resampler(from_rate, to_rate)
    if from_rate == to_rate:
        return resampler.process(pcm)
    # A second at a time: a block's row overlaps its neighbours', so at worst the product takes over
    # a hundred times the memory of the signal.
    pieces = [resampler.process(pcm[at : at + from_rate]) for at in range(0, len(pcm), from_rate)]
    return np.concatenate((*pieces, resampler.flush()))[round(resampler.delay_s * to_rate) :]


def resample_round(pcm: Pcm, from_rate: int, to_rate: int) -> Pcm:
    """`resample` for a sound that is played over and over: its end leads into its beginning, as if
    it had been resampled many rounds long. Raises CodecError."""
    if from_rate == to_rate or not len(pcm):
        return resample(pcm, from_rate, to_rate)
    require_pcm(pcm)
    unit = from_rate // gcd(from_rate, to_rate)  # input samples that are a whole number of outputs
    reach = unit * ceil(2 * _HALF_WIDTH * max(1.0, from_rate / to_rate) / unit)
    around = pcm.take(np.arange(-reach, len(pcm) + reach), mode="wrap")
    first = reach * to_rate // from_rate
    samples = max(1, round(len(pcm) * to_rate / from_rate))
    return resample(around, from_rate, to_rate)[first : first + samples]


@dataclass(frozen=True, slots=True)
class _Bank:
    """The filter's phases for one pair of rates, arranged for a product per block of outputs."""

    up: int
    down: int
    delay: int
    """Output samples."""
    reach: int
    """Input samples that a block needs from before its own."""
    block_in: int
    coefficients: NDArray[np.float64]
    """(reach + block_in, outputs of a block)"""

    def due(self, received: int) -> int:
        """How many outputs `received` inputs make: those whose time has begun."""
        return -(-received * self.up // self.down)

    def filter(self, samples: Pcm) -> Pcm:
        """(reach + n,) -> outputs of as many blocks as n inputs begin, the last one to be cut."""
        blocks = -(-(len(samples) - self.reach) // self.block_in)
        missing = self.reach + blocks * self.block_in - len(samples)
        if missing:
            samples = np.concatenate((samples, silence(missing)))
        windows: Pcm = np.ndarray(
            (blocks, self.reach + self.block_in),
            np.int16,
            samples,
            strides=(self.block_in * samples.itemsize, samples.itemsize),
        )
        sums = (windows.astype(np.float64) @ self.coefficients).reshape(-1)
        np.rint(sums, out=sums)
        np.clip(sums, -32768, 32767, out=sums)
        return sums.astype(np.int16)


@lru_cache(maxsize=64)
def _bank(from_rate: int, to_rate: int) -> _Bank | None:
    """None between equal rates. Raises CodecError."""
    if from_rate <= 0 or to_rate <= 0:
        raise CodecError(f"sample rates are positive, not {from_rate} and {to_rate}")
    if from_rate == to_rate:
        return None
    divisor = gcd(from_rate, to_rate)
    up, down = to_rate // divisor, from_rate // divisor
    if max(up, down) > _MAX_RATIO:
        raise CodecError(f"{from_rate} to {to_rate} Hz is {down}:{up}, too fine a ratio")
    half_width = _HALF_WIDTH * max(up, down)
    delay = ceil(half_width / down)
    reach = ceil((half_width + delay * down) / up)
    phases = max(1, _BLOCK // up)
    block_in, block_out = phases * down, phases * up
    # Time in units in which both sample periods are whole: `up` for an input, `down` for an output.
    inputs = (np.arange(reach + block_in) - reach) * up
    outputs = (np.arange(block_out) - delay) * down
    coefficients = _quantised(_impulse_response((inputs[:, None] - outputs) / max(up, down)))
    return _Bank(up, down, delay, reach, block_in, coefficients)


def _impulse_response(time: NDArray[np.float64]) -> NDArray[np.float64]:
    """The filter at these times, which are in samples of the lower rate; zero outside."""
    response = np.zeros_like(time)
    inside = np.abs(time) < _HALF_WIDTH
    within = time[inside]
    window = np.i0(_KAISER_BETA * np.sqrt(1 - (within / _HALF_WIDTH) ** 2))
    response[inside] = np.sinc(_CUTOFF * within) * window
    return response


def _quantised(response: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns as multiples of `_UNIT` that sum to exactly 1, so that a level keeps its value."""
    steps: NDArray[np.float64] = np.rint(response / response.sum(axis=0) / _UNIT)
    largest = steps.argmax(axis=0)
    steps[largest, range(len(largest))] += 1 / _UNIT - steps.sum(axis=0)
    return steps * _UNIT
