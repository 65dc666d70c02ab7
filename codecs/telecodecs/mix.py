"""Several sounds at once: sums, limited to what 16 bits hold."""

import numpy as np
from numpy.typing import NDArray

from telecodecs.pcm import Pcm

Sum = NDArray[np.int32]


def mix(parts: list[Pcm]) -> Pcm | None:
    """The sum of what sounds at once, limited to 16 bit; None when nothing does."""
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    return clip(add(parts))


def add(parts: list[Pcm]) -> Sum:
    """(n,) int32, not limited."""
    return np.asarray(np.sum(parts, axis=0, dtype=np.int32))


def clip(total: Sum) -> Pcm:
    """(n,) int16."""
    return np.clip(total, -32768, 32767).astype(np.int16)
