"""Opus: speech at 8 to 48 kHz in packets of some dozens of octets, with a word for what is lost.

One payload is one packet (RFC 7587): its length says nothing, the packet itself says how long it
sounds. The arithmetic is that of libopus (BSD-3-Clause), reached by ctypes: PyAV's wheel has it
(the extra `hd`), and so has Debian's libopus0. It is loaded with the first codec, not with this
module.

Source: RFC 6716, and libopus 1.3 for the calls."""

import ctypes
from ctypes import c_char_p, c_int, c_int32, c_void_p
from functools import cache

import numpy as np

from telecodecs import _clibrary
from telecodecs.errors import CodecError, MissingLibrary
from telecodecs.pcm import Pcm, require_pcm

RATES = (8000, 16000, 24000, 48000)
CLOCK_RATE = 48000
LONGEST_PACKET_S = 0.120
BIT_RATE = 24000
COMPLEXITY = 5  # of 10: beyond it the cost grows, and hardly what is heard
_MAX_OCTETS = 1276 * 6  # of any packet of 120 ms

_VOIP = 2048  # OPUS_APPLICATION_VOIP
_SET_BITRATE, _SET_COMPLEXITY = 4002, 4010


class OpusCodec:
    """One direction of one call. Both ends keep a memory, in memory of Python's own."""

    __slots__ = ("_decoder", "_encoder", "_library", "_rate")

    def __init__(self, sample_rate: int) -> None:
        """At one of `RATES`. Raises MissingLibrary."""
        self._library = _load()
        self._rate = sample_rate
        self._encoder: ctypes.Array[ctypes.c_char] | None = None
        self._decoder: ctypes.Array[ctypes.c_char] | None = None

    def encode(self, pcm: Pcm) -> bytes:
        """(n,) int16 of 2.5, 5, 10 or 20 to 120 ms, by twenties -> a packet. Raises CodecError."""
        require_pcm(pcm)
        if self._encoder is None:
            self._encoder = self._new_encoder()
        samples = np.ascontiguousarray(pcm)
        packet = ctypes.create_string_buffer(_MAX_OCTETS)
        size = self._library.opus_encode(
            self._encoder, samples.ctypes.data, len(samples), packet, _MAX_OCTETS
        )
        if size < 0:
            raise CodecError(f"Opus makes no packet of {len(pcm)} samples at {self._rate} Hz")
        return packet.raw[:size]

    def decode(self, payload: bytes) -> Pcm:
        """A packet -> (n,) int16, up to 120 ms. Raises CodecError for what is no packet."""
        if not payload:
            raise CodecError("an Opus packet has at least one octet")
        return self._decoded(payload, round(LONGEST_PACKET_S * self._rate), fec=False)

    def conceal(self, samples: int, following: bytes) -> Pcm:
        """(samples,) int16 in the place of lost packets: made up from what was heard before, and
        the last packet of them from what `following` repeats of it. Raises CodecError.

        `samples` are cut to what the decoder makes up at once, multiples of 2.5 ms."""
        step = self._rate // 400
        left = samples - samples % step
        repeated = min(left, self._length(following))
        parts: list[Pcm] = []
        while left > repeated:
            size = min(left - repeated, self._rate // 50)
            parts.append(self._decoded(None, size, fec=False))
            left -= size
        if repeated:
            parts.append(self._decoded(following, repeated, fec=True))
        parts.append(np.zeros(samples % step, np.int16))
        return np.concatenate(parts)

    def _length(self, packet: bytes) -> int:
        """Samples."""
        length = int(self._library.opus_packet_get_nb_samples(packet, len(packet), self._rate))
        return length if 0 < length <= LONGEST_PACKET_S * self._rate else 0

    def _decoded(self, packet: bytes | None, most: int, *, fec: bool) -> Pcm:
        if self._decoder is None:
            self._decoder = self._new_decoder()
        pcm = np.empty(most, np.int16)
        size = len(packet) if packet is not None else 0
        samples = self._library.opus_decode(
            self._decoder, packet, size, pcm.ctypes.data, most, int(fec)
        )
        if samples < 0:
            raise CodecError(f"{size} octets are no Opus packet")
        return pcm[:samples]

    def _new_encoder(self) -> "ctypes.Array[ctypes.c_char]":
        state = ctypes.create_string_buffer(self._library.opus_encoder_get_size(1))
        if self._library.opus_encoder_init(state, self._rate, 1, _VOIP):
            raise CodecError(f"Opus at {self._rate} Hz is not supported")
        self._library.opus_encoder_ctl(state, _SET_BITRATE, c_int32(BIT_RATE))
        self._library.opus_encoder_ctl(state, _SET_COMPLEXITY, c_int32(COMPLEXITY))
        return state

    def _new_decoder(self) -> "ctypes.Array[ctypes.c_char]":
        state = ctypes.create_string_buffer(self._library.opus_decoder_get_size(1))
        if self._library.opus_decoder_init(state, self._rate, 1):
            raise CodecError(f"Opus at {self._rate} Hz is not supported")
        return state


@cache
def _load() -> ctypes.CDLL:
    library = _clibrary.load("libopus", symbol="opus_decode")
    if library is None:
        raise MissingLibrary("OPUS", "libopus (of PyAV, or Debian's libopus0)")
    library.opus_encoder_init.argtypes = (c_void_p, c_int32, c_int, c_int)
    library.opus_encoder_ctl.argtypes = (c_void_p, c_int)  # and what the request takes
    library.opus_encode.argtypes = (c_void_p, c_void_p, c_int, c_char_p, c_int32)
    library.opus_encode.restype = c_int32
    library.opus_decoder_init.argtypes = (c_void_p, c_int32, c_int)
    library.opus_decode.argtypes = (c_void_p, c_char_p, c_int32, c_void_p, c_int, c_int)
    library.opus_packet_get_nb_samples.argtypes = (c_char_p, c_int32, c_int32)
    return library
