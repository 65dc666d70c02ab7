"""G.722: 16 kHz audio in two bands, 64 kbit/s. One octet is two samples.

Source: ITU-T G.722 (09/2012). The arithmetic is that of libg722 (public domain), in the wheel
`G722`: the extra `hd`. It is imported with the first codec, not with this module."""

from functools import cache
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np

from telecodecs.errors import CodecError, MissingLibrary
from telecodecs.pcm import Pcm, require_pcm

SAMPLE_RATE = 16000
BIT_RATE = 64000


class G722Codec:
    """One direction of one call: both bands adapt to what was said before.

    The filters of both ends together delay the audio by 22 samples."""

    __slots__ = ("_decode", "_encode")

    def __init__(self) -> None:
        """Raises MissingLibrary."""
        state = _library()(SAMPLE_RATE, BIT_RATE)
        self._encode, self._decode = state.encode, state.decode

    def encode(self, pcm: Pcm) -> bytes:
        """(2n,) int16 at 16 kHz -> n octets. Raises CodecError for an odd number of samples."""
        require_pcm(pcm)
        if len(pcm) % 2:
            raise CodecError(f"G722 takes samples in pairs, these are {len(pcm)}")
        return self._encode(pcm)

    def decode(self, payload: bytes) -> Pcm:
        """n octets -> (2n,) int16 at 16 kHz. Every octet is valid."""
        return np.frombuffer(self._decode(payload), np.int16)


class _State(Protocol):
    def encode(self, samples: Pcm, /) -> bytes: ...
    def decode(self, payload: bytes, /) -> Any: ...  # array.array("h")


class _Library(Protocol):
    def __call__(self, sample_rate: int, bit_rate: int, /) -> _State: ...


@cache
def _library() -> _Library:
    try:
        return cast("_Library", import_module("G722").G722)
    except ImportError:
        raise MissingLibrary("G722", "the package G722") from None
