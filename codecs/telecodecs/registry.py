"""Codecs by the names that the wire uses.

A new codec is one entry of `_SUPPORTED`. What a codec is made of is loaded with the first one that
is made, so `encoding` answers without it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from telecodecs import amrwb, g711, g722, l16, opus
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

    @property
    def named_rate(self) -> int:
        """The rate that a wire calls it by: G722 is "8000 Hz", by its clock, which is the slower
        one; all others go by their audio, and Opus has a clock of 48000 Hz at any rate."""
        return min(self.sample_rate, self.clock_rate)


class Codec(Protocol):
    """Encodes or decodes one direction of one call; may have memory, so frames come in order."""

    @property
    def encoding(self) -> Encoding: ...

    @property
    def has_memory(self) -> bool:
        """Whether a frame depends on those before it, so that none may be left out or shared."""
        ...

    def encode(self, pcm: Pcm, /) -> bytes:
        """(n,) int16 at `encoding.sample_rate` -> payload. Raises CodecError."""
        ...

    def decode(self, payload: bytes, /) -> Pcm:
        """Payload -> (n,) int16 at `encoding.sample_rate`, maybe read-only. Raises CodecError."""
        ...

    @property
    def conceal(self) -> "Concealment | None":
        """The codec's own way to make up for lost frames, if it has one."""
        ...

    @property
    def in_packets(self) -> bool:
        """Whether a payload is one packet, which cannot be cut or joined to others."""
        ...


Concealment = Callable[[int, bytes], Pcm]
"""How many samples were lost, and the payload behind them -> (samples,) int16. Comes before that
payload is decoded. Raises CodecError."""


def codec(
    name: str,
    sample_rate: int | None = None,
    *,
    l16_order: l16.Order = "little",
    decodes_only: bool = False,
) -> Codec:
    """A fresh codec for one direction of one call.

    `name` is that of the wire ("PCMU"; case counts), `sample_rate` None its usual one. `l16_order`
    matters to L16 alone. With `decodes_only`, a library that only encodes may be missing. Raises
    CodecError, with what is supported, for any other combination, and MissingLibrary, with what to
    install."""
    found = encoding(name, sample_rate)
    entry = _SUPPORTED[name]
    if entry.encoder is not None and not decodes_only:
        entry.encoder()
    return entry.build(found, l16_order)


def encoding(name: str, sample_rate: int | None = None) -> Encoding:
    """What `codec` would have, whether or not its library is there. Raises CodecError.

    A rate is that of the audio, or one that a wire calls it by: G722 and AMR-WB are 16000, and 8000
    where a wire has that number for whatever has no choice of rates."""
    entry = _SUPPORTED.get(name)
    if entry is None:
        raise CodecError(f"codec {name!r} is not supported; supported: {_supported()}")
    rate = entry.default_rate if sample_rate is None else sample_rate
    for one in entry.encodings:
        if rate in (one.sample_rate, one.named_rate, entry.also_called):
            return one
    raise CodecError(f"{name} at {rate} Hz is not supported; supported: {_supported()}")


def names() -> tuple[str, ...]:
    """The supported names, as the wire spells them."""
    return tuple(_SUPPORTED)


# ---- the table -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Functions:
    """A codec is two functions, with or without a memory behind them; called with every frame, so
    there is no method between."""

    encoding: Encoding
    encode: Callable[[Pcm], bytes]
    decode: Callable[[bytes], Pcm]
    has_memory: bool = False
    in_packets: bool = False
    conceal: Concealment | None = None


def _ulaw(encoding: Encoding, _: l16.Order) -> Codec:
    return _Functions(encoding, g711.encode_ulaw, g711.decode_ulaw)


def _alaw(encoding: Encoding, _: l16.Order) -> Codec:
    return _Functions(encoding, g711.encode_alaw, g711.decode_alaw)


def _l16(encoding: Encoding, order: l16.Order) -> Codec:
    encode, decode = partial(l16.encode, order=order), partial(l16.decode, order=order)
    return _Functions(encoding, encode, decode)


def _g722(encoding: Encoding, _: l16.Order) -> Codec:
    made = g722.G722Codec()
    return _Functions(encoding, made.encode, made.decode, has_memory=True)


def _opus(encoding: Encoding, _: l16.Order) -> Codec:
    made = opus.OpusCodec(encoding.sample_rate)
    return _Functions(
        encoding, made.encode, made.decode, has_memory=True, in_packets=True, conceal=made.conceal
    )


def _amrwb(encoding: Encoding, _: l16.Order) -> Codec:
    # The decoder's own way with lost frames all but mutes them: see docs/codecs.md.
    amrwb.load_decoder()
    made = amrwb.AmrWbCodec()
    return _Functions(encoding, made.encode, made.decode, has_memory=True, in_packets=True)


@dataclass(frozen=True, slots=True)
class _Entry:
    encodings: tuple[Encoding, ...]
    default_rate: int
    build: Callable[[Encoding, l16.Order], Codec]
    also_called: int | None = None  # a rate on the wire that is neither the audio's nor the clock's
    encoder: Callable[[], object] | None = None  # loads what `build` does not need to decode


_L16_RATES = (8000, 16000, 22050, 24000, 48000)

_SUPPORTED = {
    "PCMU": _Entry((Encoding("PCMU", 8000, 8000),), 8000, _ulaw),
    "PCMA": _Entry((Encoding("PCMA", 8000, 8000),), 8000, _alaw),
    "G722": _Entry((Encoding("G722", g722.SAMPLE_RATE, 8000),), g722.SAMPLE_RATE, _g722),
    "OPUS": _Entry(
        tuple(Encoding("OPUS", rate, opus.CLOCK_RATE) for rate in opus.RATES), 16000, _opus
    ),
    "AMR-WB": _Entry(
        (Encoding("AMR-WB", amrwb.SAMPLE_RATE, amrwb.SAMPLE_RATE),),
        amrwb.SAMPLE_RATE,
        _amrwb,
        also_called=8000,
        encoder=amrwb.load_encoder,
    ),
    "L16": _Entry(tuple(Encoding("L16", rate, rate) for rate in _L16_RATES), 16000, _l16),
}


def _supported() -> str:
    """For messages: PCMU at 8000 Hz, L16 at 8000 or 16000 Hz, ..."""
    return ", ".join(
        f"{name} at {' or '.join(str(encoding.sample_rate) for encoding in entry.encodings)} Hz"
        for name, entry in _SUPPORTED.items()
    )
