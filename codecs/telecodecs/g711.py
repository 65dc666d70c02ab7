"""G.711: μ-law (PCMU) and A-law (PCMA), 8 bit a sample, 64 kbit/s at 8 kHz.

Expansion is a table without choices. Compression has one, as the Recommendation does not say to
which side a sample on a decision value belongs. Here, as in ITU-T's own software: the sample is
shifted arithmetically to 14 bit (μ) or 13 bit (A), a negative one is replaced by its ones'
complement, and a decision value belongs to the interval above it. So the code of ~x is always the
code of x with the other sign. `audioop` negates in μ-law instead, which turns the faintest noise,
x = -1, into -8 and differs for 508 of the 65,536 samples: it only expands here.

Source: ITU-T G.711 (11/88), tables 1a, 1b, 2a, 2b; ITU-T G.191, `g711.c`, for the choice."""

import numpy as np
from numpy.typing import NDArray

from telecodecs._audioop import alaw2lin, ulaw2lin
from telecodecs.errors import CodecError
from telecodecs.pcm import Pcm, require_pcm

Codes = NDArray[np.uint8]
"""(calls, n) octets: the same frame of many calls."""


def decode_ulaw(payload: bytes) -> Pcm:
    """Expand n octets of μ-law to (n,) int16 within ±32124, read-only. Every octet is valid."""
    return np.frombuffer(ulaw2lin(payload, 2), np.int16)


def decode_alaw(payload: bytes) -> Pcm:
    """Expand n octets of A-law to (n,) int16 within ±32256, read-only. Every octet is valid."""
    return np.frombuffer(alaw2lin(payload, 2), np.int16)


def encode_ulaw(pcm: Pcm) -> bytes:
    """Compress (n,) int16 to n octets of μ-law. Raises CodecError for anything but int16."""
    require_pcm(pcm)
    return _ULAW.take(pcm, mode="wrap").tobytes()


def encode_alaw(pcm: Pcm) -> bytes:
    """Compress (n,) int16 to n octets of A-law. Raises CodecError for anything but int16."""
    require_pcm(pcm)
    return _ALAW.take(pcm, mode="wrap").tobytes()


def decode_ulaw_batch(codes: Codes) -> Pcm:
    """Expand (calls, n) uint8 to (calls, n) int16, read-only. Raises CodecError."""
    return decode_ulaw(_octets(codes)).reshape(codes.shape)


def decode_alaw_batch(codes: Codes) -> Pcm:
    """Expand (calls, n) uint8 to (calls, n) int16, read-only. Raises CodecError."""
    return decode_alaw(_octets(codes)).reshape(codes.shape)


def encode_ulaw_batch(pcm: Pcm) -> Codes:
    """Compress (calls, n) int16 to (calls, n) uint8. Raises CodecError."""
    require_pcm(pcm, ndim=2)
    return _ULAW.take(pcm.view(np.uint16))


def encode_alaw_batch(pcm: Pcm) -> Codes:
    """Compress (calls, n) int16 to (calls, n) uint8. Raises CodecError."""
    require_pcm(pcm, ndim=2)
    return _ALAW.take(pcm.view(np.uint16))


def _octets(codes: Codes) -> bytes:
    if codes.dtype != np.uint8 or codes.ndim != 2:
        raise CodecError(f"expected (calls, n) uint8, got {codes.shape} {codes.dtype.str}")
    return codes.tobytes()


# ---- the tables of compression -----------------------------------------------------------------
#
# Indexed by the sample's 16 bits as an unsigned number: first the codes of 0..32767, then those of
# -32768..-1, which is where signed indices wrap to. Wrapping is what a frame wants, as the unsigned
# view costs more than it saves there (0.75 us against 1.2); in batches its branch a sample makes it
# 5 times slower.


def _by_sample(code_of_positive: Codes) -> Codes:
    """Add the negative half: entry ~x is entry x with the other sign."""
    table = np.concatenate((code_of_positive, code_of_positive[::-1] ^ np.uint8(0x80)))
    table.flags.writeable = False
    return table


def _floating(magnitude: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The exponent (position of the leading one) and the four bits that follow it."""
    exponent = np.frexp(magnitude)[1].astype(np.int64) - 1
    return exponent, (magnitude >> (exponent - 4)) & 0x0F


def _compress_ulaw() -> Codes:
    # Adding 33 makes every segment of table 2a end at a power of two: 31 + 33, 95 + 33, ...
    magnitude = np.minimum(np.arange(32768) >> 2, 8158) + 33
    exponent, mantissa = _floating(magnitude)
    return _by_sample((~((exponent - 5) << 4 | mantissa) & 0xFF).astype(np.uint8))


def _compress_alaw() -> Codes:
    # Table 1a counts in 13 bit, and its finest intervals are two units wide.
    magnitude = (np.arange(32768) >> 3) >> 1
    exponent, mantissa = _floating(np.maximum(magnitude, 16))
    code = np.where(magnitude < 16, magnitude, (exponent - 3) << 4 | mantissa)
    return _by_sample(((code | 0x80) ^ 0x55).astype(np.uint8))


_ULAW = _compress_ulaw()
_ALAW = _compress_alaw()
