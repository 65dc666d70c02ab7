"""Telephone audio in numpy: codecs, resampling, DTMF. No I/O, and no knowledge of any wire.

Audio is `Pcm` everywhere: (n,) int16, mono. A codec turns it into the payload of one frame and
back; `codec("PCMU")` gives one for a call and a direction."""

# ruff: noqa: E402 - numpy may only be imported below the next lines.

import os

# A bridge serves many calls from one thread, and a call's products are a few microseconds long: a
# BLAS that wakes a thread per core for them makes every other call wait. The libraries read these
# once, when numpy loads; a value that the user has set wins, and so does a numpy loaded before us.
for _variable in (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
):
    os.environ.setdefault(_variable, "1")

from telecodecs.errors import CodecError
from telecodecs.pcm import Pcm, silence
from telecodecs.registry import Codec, Encoding, codec
from telecodecs.resample import Resampler, resample

__all__ = [
    "Codec",
    "CodecError",
    "Encoding",
    "Pcm",
    "Resampler",
    "codec",
    "resample",
    "silence",
]
