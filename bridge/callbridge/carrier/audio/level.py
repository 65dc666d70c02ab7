"""When what somebody sends is loud enough to be a word."""

from collections import deque

import numpy as np

from callbridge.carrier.audio.playout import TICKS_PER_S
from telecodecs import Pcm

FLOOR_S = 2.0  # within which speech has pauses
FLOOR_SHARE = 0.1  # of that time is no louder than the floor
ABOVE_FLOOR = 2.5  # 8 dB
LOUDEST_FLOOR = 300.0  # a mean sample, -38 dBFS of noise; much louder is speech in any case


class SpeechLevel:
    """`threshold` is a mean sample. One that `adapts` also wants to be well above what the line
    itself sounds like, so that noise is no speech."""

    def __init__(self, threshold: int, *, adapts: bool) -> None:
        self._threshold, self._adapts = threshold, adapts
        self._levels: deque[float] = deque(maxlen=round(FLOOR_S * TICKS_PER_S))

    def is_loud(self, pcm: Pcm | None) -> bool:
        """20 ms, None for silence."""
        level = 0.0 if pcm is None else float(np.mean(np.abs(pcm.astype(np.int32))))
        if not self._adapts:
            return level > self._threshold
        if level:  # a line that sends nothing in pauses says nothing of its noise
            self._levels.append(level)
        return level > max(self._threshold, ABOVE_FLOOR * min(self._floor(), LOUDEST_FLOOR))

    def _floor(self) -> float:
        if not self._levels:
            return 0.0
        return sorted(self._levels)[int(FLOOR_SHARE * len(self._levels))]
