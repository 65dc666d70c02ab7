"""Codecs by the names that the wire uses.

A new codec is one entry of `_SUPPORTED`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from telecodecs import g711, l16
from telecodecs.errors import CodecError
from telecodecs.pcm import Pcm


@dataclass(frozen=True, slots=True)
class Encoding:
    """What a payload is: its codec's name on the wire, its rates, and its length.

    `sample_rate` is that of the audio, `clock_rate` that of RTP timestamps. They are equal but for
    historical accidents: G722 is 16000 Hz audio on an 8000 Hz clock (RFC 3551, section 4.5.2)."""

    name: str
    sample_rate: int
    clock_rate: int
    ptime_ms: int = 20


class Codec(Protocol):
    """Encodes or decodes one direction of one call; may have memory, so frames come in order."""

    @property
    def encoding(self) -> Encoding: ...

    def encode(self, pcm: Pcm, /) -> bytes:
        """(n,) int16 at `encoding.sample_rate` -> payload. Raises CodecError."""
        ...

    def decode(self, payload: bytes, /) -> Pcm:
        """Payload -> (n,) int16 at `encoding.sample_rate`, maybe read-only. Raises CodecError."""
        ...


def codec(name: str, sample_rate: int | None = None, *, l16_order: l16.Order = "little") -> Codec:
    """A fresh codec for one direction of one call.

    `name` is that of the wire ("PCMU"; case counts), `sample_rate` None its usual one. `l16_order`
    matters to L16 alone. Raises CodecError, with what is supported, for any other combination."""
    entry = _SUPPORTED.get(name)
    if entry is None:
        raise CodecError(f"codec {name!r} is not supported; supported: {_supported()}")
    rate = entry.default_rate if sample_rate is None else sample_rate
    for encoding in entry.encodings:
        if encoding.sample_rate == rate:
            return entry.build(encoding, l16_order)
    raise CodecError(f"{name} at {rate} Hz is not supported; supported: {_supported()}")


def names() -> tuple[str, ...]:
    """The supported names, as the wire spells them."""
    return tuple(_SUPPORTED)


# ---- the table -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stateless:
    """A codec without memory is two functions; called with every frame, so there is no method
    between."""

    encoding: Encoding
    encode: Callable[[Pcm], bytes]
    decode: Callable[[bytes], Pcm]


def _ulaw(encoding: Encoding, _: l16.Order) -> Codec:
    return _Stateless(encoding, g711.encode_ulaw, g711.decode_ulaw)


def _alaw(encoding: Encoding, _: l16.Order) -> Codec:
    return _Stateless(encoding, g711.encode_alaw, g711.decode_alaw)


def _l16(encoding: Encoding, order: l16.Order) -> Codec:
    encode, decode = partial(l16.encode, order=order), partial(l16.decode, order=order)
    return _Stateless(encoding, encode, decode)


@dataclass(frozen=True, slots=True)
class _Entry:
    encodings: tuple[Encoding, ...]
    default_rate: int
    build: Callable[[Encoding, l16.Order], Codec]


_L16_RATES = (8000, 16000, 22050, 24000, 48000)

_SUPPORTED = {
    "PCMU": _Entry((Encoding("PCMU", 8000, 8000),), 8000, _ulaw),
    "PCMA": _Entry((Encoding("PCMA", 8000, 8000),), 8000, _alaw),
    "L16": _Entry(tuple(Encoding("L16", rate, rate) for rate in _L16_RATES), 16000, _l16),
}


def _supported() -> str:
    """For messages: PCMU at 8000 Hz, L16 at 8000 or 16000 Hz, ..."""
    return ", ".join(
        f"{name} at {' or '.join(str(encoding.sample_rate) for encoding in entry.encodings)} Hz"
        for name, entry in _SUPPORTED.items()
    )
