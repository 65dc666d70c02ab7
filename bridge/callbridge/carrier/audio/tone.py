"""Lasting single tones in what somebody sends: the beep of a machine, the tones of a fax.

Voices have many partials at once and do not stay on one; a tone has nearly all its power beside one
frequency and keeps it."""

from collections import deque

import msgspec
import numpy as np

from callbridge.carrier.audio.playout import TICKS_PER_S
from telecodecs import Pcm

MIN_LEVEL = 300.0  # rms; -41 dBFS
STEADY_HZ = 25.0  # that a tone may move from one 20 ms to the next
FIND_PURITY = 0.85  # of 20 ms, beside whose frequency there is little room for another
WIDTH_HZ = 25.0  # to either side of a tone, in the window that confirms it


class ToneEnd(msgspec.Struct, frozen=True):
    """A tone that has ended: its mean frequency and how long it lasted.

    `swing` is the standard deviation of its loudness, as a share of the mean. `purity` is the share
    of the power beside its frequency, in the middle of the tone: two tones close to each other are
    one for 20 ms, and no longer one here."""

    hz: float
    seconds: float
    swing: float = 0.0
    purity: float = 1.0


class ToneFinder:
    """`purity` is the share of the power that has to be beside the frequency, from 0 to 1;
    `window_ms` is how much of the middle of a tone is measured for `ToneEnd.purity`."""

    def __init__(
        self, sample_rate: int, *, purity: float = FIND_PURITY, window_ms: int = 200
    ) -> None:
        size = sample_rate // TICKS_PER_S
        self._window = np.hanning(size + 1)[:-1]
        self._rate = sample_rate
        self._purity = purity
        self._window_ticks = max(2, window_ms * TICKS_PER_S // 1000)
        self._hz: list[float] = []  # of each 20 ms of the tone that sounds
        self._levels: list[float] = []
        self._pieces: deque[Pcm] = deque(maxlen=2 * self._window_ticks)
        self._gap: Pcm | None = None  # a single 20 ms in which it seems to be broken off

    @property
    def sounding_s(self) -> float:
        return len(self._hz) / TICKS_PER_S

    @property
    def hz(self) -> float:
        """Of the tone that sounds; 0 without one."""
        return float(np.mean(self._hz)) if self._hz else 0.0

    def hear(self, pcm: Pcm | None) -> ToneEnd | None:
        """20 ms, None for silence. A tone that they end, of whatever length."""
        level = 0.0 if pcm is None else float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2)))
        if pcm is None or level < MIN_LEVEL:
            return self._end()
        hz = self._frequency(pcm)
        if hz is not None and self._hz and abs(hz - self._hz[-1]) <= STEADY_HZ:
            self._go_on(hz, pcm)
            return None
        if len(self._hz) > 1 and self._gap is None:  # a fax turns the phase of its tone around
            self._gap = pcm
            return None
        ended = self._end()
        if hz is not None:
            self._go_on(hz, pcm)
        return ended

    def _go_on(self, hz: float, pcm: Pcm) -> None:
        if self._gap is not None:
            self._hz.append(hz)
            self._pieces.append(self._gap)
            self._gap = None
        self._hz.append(hz)
        self._levels.append(float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2))))
        self._pieces.append(pcm)

    def _end(self) -> ToneEnd | None:
        self._gap = None
        if not self._hz:
            return None
        # The first and the last 20 ms are cut somewhere.
        levels = np.asarray(self._levels[1:-1] or self._levels)
        ended = ToneEnd(
            self.hz,
            self.sounding_s,
            swing=float(levels.std() / levels.mean()),
            purity=self._confirmed(),
        )
        self._hz, self._levels = [], []
        self._pieces.clear()
        return ended

    def _confirmed(self) -> float:
        pieces = list(self._pieces)
        beside = max(0, (len(pieces) - self._window_ticks) // 2)
        samples = np.concatenate(pieces[beside : beside + self._window_ticks]).astype(np.float64)
        power = np.abs(np.fft.rfft(samples * np.hanning(len(samples) + 1)[:-1])) ** 2
        width = max(2, round(WIDTH_HZ * len(samples) / self._rate))
        peak = int(np.argmax(power))
        near = power[max(0, peak - width) : peak + width + 1]
        return float(near.sum() / power.sum())

    def _frequency(self, pcm: Pcm) -> float | None:
        """None for what is no single tone."""
        power = np.abs(np.fft.rfft(pcm.astype(np.float64) * self._window)) ** 2
        peak = int(np.argmax(power[2:-2])) + 2
        if float(power[peak - 2 : peak + 3].sum()) < self._purity * float(power.sum()):
            return None
        # A Hann window's lobe in dB is near a parabola: its top lies between the bins.
        below, at, above = np.log(power[peak - 1 : peak + 2] + 1e-9)
        bend = below - 2 * at + above
        shift = 0.5 * (below - above) / bend if bend else 0.0
        return float((peak + shift) * self._rate / len(pcm))
