"""Audio that carries its own number: how an echo is recognised, whatever codecs it went through.

Every 20 ms frame is a square wave of 20 bits, one a millisecond: six to find the beginning, twelve
of number, two to check. A bit is the sign of its samples, which codecs of waves leave alone (for
Opus and AMR-WB see `toned`) and resampling only moves. So one lookup finds the number in a frame
that comes back as it was sent, and a search over all phases finds it in one that comes back a
little late inside its frame.

G.711 and L16 show the signs in their octets. What a codec with a memory has made is decoded first,
and read as L16."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

import telecodecs
from callbridge.errors import CallbridgeError
from telecodecs import Codec, Encoding, Pcm

NUMBERS = 4096  # 82 s, then they come again
FRAME_S = 0.020
BITS = 20
LEVEL = 8000  # of 32767: far from clipping, far from any noise
SYNC, CHECK = (1, 1, 0, 1, 0, 0), (0, 1)


def _bits(number: int) -> tuple[int, ...]:
    return (*SYNC, *(number >> bit & 1 for bit in range(11, -1, -1)), *CHECK)


WORDS: dict[bytes, int] = {bytes(_bits(number)): number for number in range(NUMBERS)}


@dataclass(frozen=True, slots=True)
class Form:
    """How frames look in one codec, and where their signs stand.

    `first` and `stride` are octets: of the first bit's middle, and of a bit. `signs` maps an octet
    to the bit that it stands for. Of a codec with a memory these are octets of what it decodes
    to, as L16."""

    codec: Codec
    size: int  # octets of a frame
    first: int
    stride: int
    signs: bytes

    @property
    def octets_per_s(self) -> float:
        return self.size / FRAME_S

    def payloads(self) -> list[bytes]:
        """The frames of all numbers, in order."""
        samples = self.codec.encoding.sample_rate // 1000
        waves = np.array([_bits(number) for number in range(NUMBERS)], np.int16) * 2 - 1
        return [self.codec.encode(np.repeat(wave * np.int16(LEVEL), samples)) for wave in waves]

    def reader(self) -> "Reader":
        return Reader(self)

    def like(self, codec: Codec) -> "Form":
        return form(codec)


def form(codec: Codec) -> Form:
    """Of a codec that keeps signs. Raises CallbridgeError for a rate that has no whole number of
    samples in a millisecond."""
    encoding = codec.encoding
    require_whole_ms(encoding)
    if codec.has_memory:
        decoded = form(telecodecs.codec("L16", encoding.sample_rate))
        return replace(decoded, codec=codec)
    width = 2 if encoding.name == "L16" else 1
    samples = encoding.sample_rate // 1000
    middle = samples // 2 * width
    if width == 2:
        # A sample of one says which of its two octets has the sign.
        middle += codec.encode(np.array([256], np.int16)).index(1)
    positive = 0 if width == 2 else 1  # what the top bit of an octet is for positive samples
    signs = bytes(1 if octet >> 7 == positive else 0 for octet in range(256))
    return Form(codec, BITS * samples * width, middle, samples * width, signs)


def require_whole_ms(*encodings: Encoding) -> None:
    """Raises CallbridgeError."""
    for each in encodings:
        if each.sample_rate % 1000:
            raise CallbridgeError(
                f"{each.sample_rate} Hz has no whole milliseconds: use 8000, 16000, 24000 or 48000"
            )


class Arrivals:
    """When each octet would have been played: its message's arrival, and its place in there."""

    __slots__ = ("_begins", "_octets_per_s", "_total")

    def __init__(self, octets_per_s: float) -> None:
        self._octets_per_s = octets_per_s
        self._total = 0  # octets ever
        self._begins: deque[tuple[int, float]] = deque()

    def add(self, octets: int, now: float) -> None:
        self._begins.append((self._total, now))
        self._total += octets

    def at(self, position: int) -> float:
        """Of an octet, counted from the end (-1 is the last); never before one asked for."""
        position += self._total
        begins = self._begins
        while len(begins) > 1 and begins[1][0] <= position:
            begins.popleft()
        began, arrival = begins[0]
        return arrival + (position - began) / self._octets_per_s


@dataclass(slots=True)
class Reader:
    """Finds numbers in the audio that comes back, message by message, in any cut and any phase."""

    form: Form
    plain: bool = True  # so far every message was one whole frame
    unread: int = 0  # frames without a number
    _synced: bool = False
    _rest: bytearray = field(default_factory=bytearray)
    _arrivals: Arrivals = field(init=False)
    # Of a codec with a memory.
    _decode: Callable[[bytes], Pcm] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._arrivals = Arrivals(self.form.octets_per_s)
        if self.form.codec.has_memory:
            encoding = self.form.codec.encoding
            self._decode = telecodecs.codec(encoding.name, encoding.sample_rate).decode

    @property
    def decodes(self) -> bool:
        """Whether messages pass through `decoded` first; then no two are alike."""
        return self._decode is not None

    def decoded(self, octets: bytes) -> bytes:
        """A message in the octets that `form` is about. Raises CodecError."""
        return octets if self._decode is None else self._decode(octets).tobytes()

    def whole(self, octets: bytes) -> int:
        """The number of a message that is just one frame; -1 if it is none."""
        form = self.form
        if len(octets) != form.size:
            return -1
        return WORDS.get(octets[form.first :: form.stride].translate(form.signs), -1)

    def read(self, octets: bytes, now: float) -> list[tuple[int, float]]:
        """Every number whose frame is complete, with the time at which the frame's first sample
        would have been played: the arrival of its message, and its place in there."""
        self.plain = False
        self._arrivals.add(len(octets), now)
        self._rest += octets
        size = self.form.size
        if not self._synced and len(self._rest) >= 3 * size:
            self._find_phase()
        found: list[tuple[int, float]] = []
        while self._synced and len(self._rest) >= size:
            number = self.whole(bytes(self._rest[:size]))
            if number < 0:
                self._lose_phase()
                break
            found.append((number, self._arrivals.at(-len(self._rest))))
            del self._rest[:size]
        return found

    def _find_phase(self) -> None:
        """Drop what stands before the first frame of two whose numbers follow each other.

        All phases within a bit of the right one read the same: the middle of them is right."""
        form, rest = self.form, bytes(self._rest)
        sample = form.stride // (form.codec.encoding.sample_rate // 1000)
        fits: list[int] = []
        for phase in range(0, form.size, sample):
            number = self.whole(rest[phase : phase + form.size])
            after = self.whole(rest[phase + form.size : phase + 2 * form.size])
            if number >= 0 and after == (number + 1) % NUMBERS:
                fits.append(phase)
            elif fits:
                break
        if fits:
            self._synced = True
            del self._rest[: 0 if fits[0] == 0 else fits[len(fits) // 2]]
        else:
            self._lose_phase()

    def _lose_phase(self) -> None:
        self._synced = False
        self.unread += 1
        spare = len(self._rest) - 3 * self.form.size  # of what is no echo, much may have come
        del self._rest[: max(self.form.size, spare)]
