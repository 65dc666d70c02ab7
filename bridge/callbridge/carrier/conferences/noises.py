"""What sounds in a conference beside its members: beeps and comfort noise, and what is played."""

from functools import cache

import numpy as np

from callbridge.carrier.audio.playout import TICKS_PER_S, CarrierPlayout, Channel
from telecodecs import Pcm

BEEP_S = 0.2
# The platform publishes no sounds: somebody comes, somebody goes, a recording begins.
ENTER_HZ, EXIT_HZ, RECORD_HZ = 880.0, 440.0, 1000.0
BEEP_PEAK = 6000
NOISE_PEAK = 16  # -66 dBFS: a line that is not dead, and no speech to any detector
NOISE_S = 2


class ChannelSource:
    """A channel as a source of a room."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def sounds(self, sample_rate: int) -> Pcm | None:
        self._channel.take()
        return self._channel.heard_by("opposite", sample_rate)


class Beeper(ChannelSource):
    """Beeps that all members hear. Who comes or goes while it beeps adds no other: a crowd that
    joins at once is one beep."""

    def __init__(self, sample_rate: int) -> None:
        self._playout = CarrierPlayout(sample_rate)
        super().__init__(Channel(self._playout, "both"))

    def someone_entered(self) -> None:
        self._beep(ENTER_HZ)

    def someone_left(self) -> None:
        self._beep(EXIT_HZ)

    def recording_begins(self) -> None:
        self._beep(RECORD_HZ)

    def _beep(self, hz: float) -> None:
        if self._playout.waiting == 0:
            self._playout.put(beep(hz, self._playout.sample_rate))


class ComfortNoise:
    """The same two seconds of noise over and over."""

    def __init__(self) -> None:
        self._tick = 0

    def sounds(self, sample_rate: int) -> Pcm:
        pieces = noise(sample_rate)
        self._tick = (self._tick + 1) % len(pieces)
        return pieces[self._tick]


@cache
def beep(hz: float, sample_rate: int) -> Pcm:
    """BEEP_S of one tone, faded in and out over 5 ms so that it does not click."""
    at_s = np.arange(round(BEEP_S * sample_rate)) / sample_rate
    fade = np.minimum(1.0, np.minimum(at_s, BEEP_S - at_s) / 0.005)
    return np.asarray(np.rint(BEEP_PEAK * fade * np.sin(2 * np.pi * hz * at_s)), np.int16)


@cache
def noise(sample_rate: int) -> tuple[Pcm, ...]:
    """White noise in pieces of 20 ms; the same every time, so that a test can take it out."""
    step = sample_rate // TICKS_PER_S
    level = np.random.default_rng(1).integers(
        -NOISE_PEAK, NOISE_PEAK, (NOISE_S * TICKS_PER_S, step), dtype=np.int16, endpoint=True
    )
    return tuple(level)
