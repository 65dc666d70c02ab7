"""Background sound: what the caller hears under the bot's speech, and where the bot says nothing.

Pure state, in samples at the rate of the stream's codec. A sound goes round and round and is never
copied whole. It falls quickly, before the first word is over, and rises slowly, when the bot has
been silent for longer than between two sentences: so that neither clicks nor pumps."""

import numpy as np
from numpy.typing import NDArray

from telecodecs import Pcm, silence

FALL_S = 0.050  # from its full level to nothing, and part of it to be ducked
RISE_S = 0.250
HOLD_S = (
    0.400  # how long it stays ducked when nothing is said: pauses between sentences are shorter
)
AUDIBLE = 100  # a sample of speech above it, -50 dBFS, is heard

Mixed = NDArray[np.float64]


class BackgroundSound:
    """One sound, over and over, and how loud it is."""

    __slots__ = ("_at", "_gain", "_pcm", "ducked", "ended", "full")

    def __init__(self, pcm: Pcm, gain_db: float, duck_db: float) -> None:
        """(n,) int16, n > 0, changed by `gain_db`, and by `duck_db` more under speech."""
        if not len(pcm):
            raise ValueError("a background of no samples")
        self.full = 10 ** (gain_db / 20)
        self.ducked = self.full * 10 ** (duck_db / 20)
        self.ended = False
        self._pcm = pcm
        self._at = 0
        self._gain = 0.0

    def next(self, samples: int, target: float, sample_rate: int) -> Mixed | None:
        """(samples,) of it, on the way to the gain `target`; None is silence."""
        gain = self._gain
        if gain == target:
            return self._take(samples) * gain if gain else None
        seconds = FALL_S if target < gain else RISE_S
        steps = np.arange(1, samples + 1) * (self.full / (seconds * sample_rate))
        if target < gain:
            gains = np.maximum(gain - steps, target)
        else:
            gains = np.minimum(gain + steps, target)
        self._gain = float(gains[-1])
        mixed: Mixed = self._take(samples) * gains
        return mixed

    def back(self, samples: int) -> None:
        """The last `samples` were not heard."""
        if self._gain:
            self._at = (self._at - samples) % len(self._pcm)

    def _take(self, samples: int) -> Mixed:
        at, pcm = self._at, self._pcm
        end = at + samples
        self._at = end % len(pcm)
        taken = pcm[at:end] if end <= len(pcm) else pcm.take(np.arange(at, end), mode="wrap")
        return taken.astype(np.float64)


class Bed:
    """The background of one call: the latest sound, the earlier ones wait. True while any is heard.

    `speech_end` is when the last speech sent will have been played, `alone` whether background was
    sent behind it."""

    __slots__ = ("_hold", "_quiet", "_rate", "_sounds", "alone", "speech_end")

    def __init__(self, sample_rate: int, speech_end: float) -> None:
        self.speech_end = speech_end
        self.alone = False
        self._rate = sample_rate
        self._sounds: list[BackgroundSound] = []
        self._hold = round(HOLD_S * sample_rate)
        self._quiet = self._hold  # samples since the last speech

    def __bool__(self) -> bool:
        return bool(self._sounds)

    def add(self, sound: BackgroundSound) -> None:
        self._sounds.append(sound)

    def end(self, sound: BackgroundSound) -> None:
        """It fades."""
        sound.ended = True

    def under(self, speech: Pcm) -> Pcm:
        """Speech, with the background under it."""
        self.alone = False
        if speech.max() > AUDIBLE:  # a wave goes both ways
            self._quiet = 0
        else:
            self._quiet += len(speech)
        background = self._sum(len(speech))
        return speech if background is None else _samples(background + speech)

    def by_itself(self, samples: int) -> Pcm:
        """(samples,) of background that nothing is said over."""
        self.alone = True
        self._quiet += samples
        background = self._sum(samples)
        return silence(samples) if background is None else _samples(background)

    def dropped(self, play_end: float, now: float) -> None:
        """What was to be played between now and then will not be: it goes on from here."""
        samples = max(0, round((play_end - now) * self._rate))
        for sound in self._sounds:
            sound.back(samples)
        self.speech_end = min(self.speech_end, now)

    def _sum(self, samples: int) -> Mixed | None:
        ducked = self._quiet < self._hold
        total: Mixed | None = None
        covered = False  # by a later one
        for sound in reversed(self._sounds):
            target = 0.0
            if not (covered or sound.ended):
                target = sound.ducked if ducked else sound.full
                covered = True
            part = sound.next(samples, target, self._rate)
            if part is not None:
                total = part if total is None else total + part
            elif sound.ended:
                self._sounds = [other for other in self._sounds if other is not sound]
        return total


def _samples(mixed: Mixed) -> Pcm:
    np.rint(mixed, out=mixed)
    np.minimum(mixed, 32767, out=mixed)
    np.maximum(mixed, -32768, out=mixed)
    return mixed.astype(np.int16)
