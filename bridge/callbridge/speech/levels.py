"""How loud somebody speaks: above the noise of the line, and beside what this caller usually does.

Pure state: no I/O, no clock. A voice in the background, a television or a second person in the
room reads as speech to any voice detector; it is quieter than who holds the telephone. A hum
("mm-hm") is speech, too, but made with closed lips: most of it sounds below 380 Hz, and hardly
anything above 1 kHz."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from telecodecs import Pcm

FULL_SCALE_DB = 90.3  # of a mean square of int16
HUM_HZ, NO_HUM_HZ = 380.0, 1000.0
LOWEST_HZ = 60.0  # below is hum of another kind, from the mains
NOISE_RISES = 1.03  # a window: 4 dB a second
MEMORY_S = 3.0  # of speech, whose level is what counts
PEAKS = 100.0  # a window so much quieter than the loudest one tells nothing of lips


@dataclass(frozen=True)
class LevelSettings:
    """Decibels: dBFS, or relative where it says so."""

    # What is far below this caller's own level is background. People lean back by 6 dB, and drop
    # their voice by 6 more; the next room is 15 and more below.
    background: float = 13.0
    # As long as the caller has not spoken: speech is at -20 to -26 dBFS on most lines, and so
    # quiet on hardly any. Whoever is that quiet nevertheless is heard when the bot is silent.
    quiet: float = -34.5
    unclear: float = 3.0  # so far around that border, it takes longer to tell
    hum: float = -20.0  # above 1 kHz, of all, where lips are closed
    sinks: float = 3.0  # at most, from turn to turn: one quiet answer makes no quiet caller


@dataclass(frozen=True, slots=True)
class WindowSound:
    """A window: its mean square above the noise, and whether the lips are closed."""

    power: float
    hummed: bool
    samples: int


class SpeechLevels:
    """Of one call."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._noise = math.inf  # mean square; until silence was heard there is none to subtract
        self._high_noise = 0.0
        self._caller: float | None = None  # dBFS
        self._taper = np.zeros(0)
        self._all = self._low = self._high = slice(0)

    def measure(self, pcm: Pcm, settings: LevelSettings, *, silent: bool) -> WindowSound:
        """(n,) int16; `silent`: neither a voice nor the bot's echo is in it."""
        if len(pcm) != len(self._taper):
            self._prepare(len(pcm))
        spectrum = np.abs(np.fft.rfft(pcm * self._taper)) ** 2
        power, high = float(spectrum[self._all].sum()), float(spectrum[self._high].sum())
        low = float(spectrum[self._low].sum()) > power / 2
        if silent:
            self._noise = min(self._noise * NOISE_RISES, power)
            self._high_noise = high if self._noise == power else self._high_noise * NOISE_RISES
        noise = self._noise if self._noise < math.inf else 0.0
        power, high = max(power - noise, 1e-3), max(high - self._high_noise, 1e-3)
        hummed = low and 10 * math.log10(high / power) < settings.hum
        return WindowSound(power, hummed, len(pcm))

    def _prepare(self, samples: int) -> None:
        self._taper = np.hanning(samples)
        self._taper *= math.sqrt(2 / (samples * float((self._taper**2).sum())))
        step = self._rate / samples
        self._all = slice(math.ceil(LOWEST_HZ / step), None)
        self._low = slice(math.ceil(LOWEST_HZ / step), math.ceil(HUM_HZ / step))
        self._high = slice(math.ceil(NO_HUM_HZ / step), None)

    def border(self, settings: LevelSettings) -> float:
        """dBFS: what is quieter is background."""
        if self._caller is None:
            return settings.quiet
        return self._caller - settings.background

    def learn(self, stretch: "Stretch", settings: LevelSettings) -> None:
        """It was a turn of the caller's."""
        before = self._caller
        level = stretch.level
        self._caller = level if before is None else max(level, before - settings.sinks)


class Stretch:
    """One stretch of speech: how loud it is of late, and how much of it is no hum."""

    __slots__ = ("_longest", "_windows", "samples")

    def __init__(self, sample_rate: int) -> None:
        self.samples = 0  # that are remembered
        self._longest = round(MEMORY_S * sample_rate)
        self._windows: deque[WindowSound] = deque()

    def add(self, sound: WindowSound) -> None:
        self._windows.append(sound)
        self.samples += sound.samples
        while self.samples > self._longest:
            self.samples -= self._windows.popleft().samples

    def add_before(self, sounds: Sequence[WindowSound]) -> None:
        """Those that were as loud just before it were speech, too."""
        least = sum(window.power for window in self._windows) / max(1, len(self._windows))
        for sound in reversed(sounds):
            if sound.power < least:
                break
            self.add(sound)

    @property
    def level(self) -> float:
        """dBFS; of nothing it is very low."""
        powers = [window.power for window in self._windows]
        return 10 * math.log10(sum(powers) / max(1, len(powers)) + 1e-9) - FULL_SCALE_DB

    @property
    def articulated(self) -> int:
        """Samples said with open lips."""
        loudest = max((window.power for window in self._windows), default=0.0)
        return sum(
            window.samples
            for window in self._windows
            if not window.hummed and window.power * PEAKS >= loudest
        )
