"""AMR-WB (G.722.2): 16 kHz audio at 6.6 to 23.85 kbit/s, what mobile phones call HD voice.

One payload is one or more frames of 20 ms (RFC 4867, see `amrwb_payload`). The arithmetic is that
of opencore-amr, which decodes, and vo-amrwbenc, which encodes (both Apache-2.0), reached by ctypes:
PyAV's wheel has the first up to version 18 (the extra `hd`), Debian has both. They are loaded with
the first codec.

Source: 3GPP TS 26.190 (ITU-T G.722.2)."""

import ctypes
from ctypes import c_char_p, c_int, c_void_p
from functools import cache

import numpy as np

from telecodecs import _clibrary
from telecodecs.amrwb_payload import NO_FRAME, pack, unpack
from telecodecs.errors import CodecError, MissingLibrary
from telecodecs.pcm import Pcm, require_pcm

SAMPLE_RATE = 16000
FRAME = 320  # samples
MODE = 2  # 12.65 kbit/s: the best of 0 to 2, the modes that networks commonly agree on
_MAX_OCTETS = 64  # of a frame: the longest has 61


class AmrWbCodec:
    """One direction of one call. Both ends keep a memory, in memory of the libraries' own.

    Both ends together delay the audio by 94 samples."""

    __slots__ = ("_decoder", "_encoder", "_mode")

    def __init__(self, mode: int = MODE) -> None:
        """`mode` 0 to 8 is what is encoded; all are decoded."""
        if not 0 <= mode <= 8:
            raise CodecError(f"AMR-WB has modes 0 to 8, not {mode}")
        self._mode = mode
        self._encoder: _Encoder | None = None
        self._decoder: _Decoder | None = None

    def encode(self, pcm: Pcm) -> bytes:
        """(320n,) int16 at 16 kHz -> n frames, octet-aligned. Raises CodecError for another length,
        and MissingLibrary."""
        require_pcm(pcm)
        if not len(pcm) or len(pcm) % FRAME:
            raise CodecError(f"AMR-WB takes frames of {FRAME} samples, these are {len(pcm)}")
        encoder = self._encoder
        if encoder is None:
            encoder = self._encoder = _Encoder(load_encoder())
        samples = pcm.tobytes()
        if len(pcm) == FRAME:
            return pack((encoder.frame(samples, self._mode),))
        starts = range(0, len(samples), 2 * FRAME)
        return pack([encoder.frame(samples[at : at + 2 * FRAME], self._mode) for at in starts])

    def decode(self, payload: bytes) -> Pcm:
        """A payload -> (320n,) int16 at 16 kHz for its n frames, comfort noise where a frame is
        SID or NO_DATA. Raises CodecError for what is no payload, and MissingLibrary."""
        frames = unpack(payload).frames
        decoder = self._decoder
        if decoder is None:
            decoder = self._decoder = _Decoder(load_decoder())
        if len(frames) == 1:
            return np.frombuffer(decoder.samples(frames[0]), np.int16)
        return np.frombuffer(b"".join(map(decoder.samples, frames)), np.int16)

    def noise(self, samples: int) -> Pcm:
        """(samples,) int16 of comfort noise, in a pause that is not sent (3GPP TS 26.193)."""
        return self.decode(pack([NO_FRAME] * -(-samples // FRAME)))[:samples]


class _Encoder:
    __slots__ = ("_buffer", "_encode", "_free", "_state")

    def __init__(self, library: ctypes.CDLL) -> None:
        self._encode, self._free = library.E_IF_encode, library.E_IF_exit
        self._buffer = ctypes.create_string_buffer(_MAX_OCTETS)
        self._state = library.E_IF_init()

    def frame(self, samples: bytes, mode: int) -> bytes:
        """20 ms -> a frame in the form of storage."""
        size = self._encode(self._state, mode, samples, self._buffer, 0)
        return self._buffer.raw[:size]

    def __del__(self) -> None:
        self._free(self._state)


class _Decoder:
    __slots__ = ("_buffer", "_decode", "_free", "_state")

    def __init__(self, library: ctypes.CDLL) -> None:
        self._decode, self._free = library.D_IF_decode, library.D_IF_exit
        self._buffer = ctypes.create_string_buffer(2 * FRAME)
        self._state = library.D_IF_init()

    def samples(self, frame: bytes) -> bytes:
        """A frame in the form of storage -> 20 ms."""
        self._decode(self._state, frame, self._buffer, 0)
        return self._buffer.raw

    def __del__(self) -> None:
        self._free(self._state)


@cache
def load_encoder() -> ctypes.CDLL:
    """libvo-amrwbenc. Raises MissingLibrary."""
    library = _clibrary.load("libvo-amrwbenc", symbol="E_IF_encode")
    if library is None:
        install = "apt-get install libvo-amrwbenc0 (Debian), brew install vo-amrwbenc (macOS)"
        raise MissingLibrary("AMR-WB", "libvo-amrwbenc to encode", install)
    library.E_IF_init.restype = c_void_p
    library.E_IF_encode.argtypes = (c_void_p, c_int, c_char_p, c_char_p, c_int)
    library.E_IF_exit.argtypes = (c_void_p,)
    return library


@cache
def load_decoder() -> ctypes.CDLL:
    """libopencore-amrwb. Raises MissingLibrary."""
    library = _clibrary.load("libopencore-amrwb", symbol="D_IF_decode")
    if library is None:
        library_of = "libopencore-amrwb (of PyAV before 19, or Debian's libopencore-amrwb0)"
        raise MissingLibrary("AMR-WB", library_of)
    library.D_IF_init.restype = c_void_p
    library.D_IF_decode.argtypes = (c_void_p, c_char_p, c_char_p, c_int)
    library.D_IF_decode.restype = None
    library.D_IF_exit.argtypes = (c_void_p,)
    return library
