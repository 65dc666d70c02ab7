"""Lasting single tones in what somebody sends: the beep of a machine, the tones of a fax.

Voices have many partials at once and do not stay on one; a tone has nearly all its power beside one
frequency and keeps it."""

import msgspec
import numpy as np

from callbridge.carrier.audio.playout import TICKS_PER_S
from telecodecs import Pcm

MIN_LEVEL = 300.0  # rms; -41 dBFS
STEADY_HZ = 25.0  # that a tone may move from one 20 ms to the next


class ToneEnd(msgspec.Struct, frozen=True):
    """A tone that has ended: its mean frequency and how long it lasted."""

    hz: float
    seconds: float


class ToneFinder:
    """`purity` is the share of the power that has to be beside the frequency, from 0 to 1."""

    def __init__(self, sample_rate: int, *, purity: float = 0.85) -> None:
        size = sample_rate // TICKS_PER_S
        self._window = np.hanning(size + 1)[:-1]
        self._bin_hz = sample_rate / size
        self._purity = purity
        self._hz: list[float] = []  # of each 20 ms of the tone that sounds

    @property
    def sounding_s(self) -> float:
        return len(self._hz) / TICKS_PER_S

    def hear(self, pcm: Pcm | None) -> ToneEnd | None:
        """20 ms, None for silence. A tone that they end, of whatever length."""
        hz = None if pcm is None else self._frequency(pcm)
        if hz is not None and self._hz and abs(hz - self._hz[-1]) <= STEADY_HZ:
            self._hz.append(hz)
            return None
        ended = ToneEnd(float(np.mean(self._hz)), self.sounding_s) if self._hz else None
        self._hz = [] if hz is None else [hz]
        return ended

    def _frequency(self, pcm: Pcm) -> float | None:
        """None for what is no single tone."""
        samples = pcm.astype(np.float64)
        if float(np.mean(samples * samples)) < MIN_LEVEL * MIN_LEVEL:
            return None
        power = np.abs(np.fft.rfft(samples * self._window)) ** 2
        peak = int(np.argmax(power[2:-2])) + 2
        if float(power[peak - 2 : peak + 3].sum()) < self._purity * float(power.sum()):
            return None
        # A Hann window's lobe in dB is near a parabola: its top lies between the bins.
        below, at, above = np.log(power[peak - 1 : peak + 2] + 1e-9)
        bend = below - 2 * at + above
        shift = 0.5 * (below - above) / bend if bend else 0.0
        return float((peak + shift) * self._bin_hz)
