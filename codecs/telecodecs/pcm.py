"""The one form in which audio travels: linear PCM, 16 bit, mono."""

import numpy as np
from numpy.typing import NDArray

from telecodecs.errors import CodecError

Pcm = NDArray[np.int16]
"""(n,) int16 in the machine's byte order; any strides, and it may be read-only."""

_INT16 = np.dtype(np.int16)


def silence(samples: int) -> Pcm:
    """(samples,) zeros: what to pad with, always before the encoder."""
    return np.zeros(samples, np.int16)


def require_pcm(pcm: Pcm, ndim: int = 1) -> None:
    """Refuse what would be heard as noise: floats, other widths, foreign byte order, stereo.

    Raises CodecError. Callers' types rule this out already; arrays from files have none."""
    if pcm.dtype != _INT16 or pcm.ndim != ndim:
        raise CodecError(
            f"expected int16 samples in {ndim} dimension(s), got {pcm.dtype.str} in {pcm.ndim}"
        )
