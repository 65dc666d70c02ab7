"""WAV files: RIFF chunks → samples, as the bytes come, whatever their headers say of their length.

A writer that streams does not know the length when it writes the header: the sizes are then 0,
0xFFFFFFFF, nearly 2**31, or those of an earlier moment. So a size is believed only if the file
bears it out, and else the audio goes on to the end of the file.

Source: Microsoft/IBM, Multimedia Programming Interface (RIFF), 1991; `WAVEFORMATEXTENSIBLE`, 2001;
EBU Tech 3306 (RF64)."""

import io
import struct
import wave
from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from callbridge.errors import AudioFileError
from telecodecs import Pcm
from telecodecs.g711 import decode_alaw, decode_ulaw

PCM, FLOAT, A_LAW, MU_LAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_WIDTHS = {PCM: (1, 2, 3, 4), FLOAT: (4, 8), A_LAW: (1,), MU_LAW: (1,)}  # bytes of a sample
RATES = range(1_000, 768_001)  # Hz
FORMS = (b"RIFF", b"RF64", b"BW64")
UNKNOWN = 0xFFFFFFFF
PIECE = 1 << 16  # bytes that are asked for at a time
TRAILER = 1 << 24  # bytes of chunks behind the audio, at most


class UnknownFormat(AudioFileError):
    """A WAV file of a format that is not read here: a compressed one, as a rule."""


class Readable(Protocol):
    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, and fewer if no more have come; none at the end."""
        ...


class Format(NamedTuple):
    """The chunk `fmt `, with the format that an extensible one names in its GUID."""

    tag: int
    channels: int
    rate: int
    width: int  # bytes of a sample


class Wav(NamedTuple):
    """`blocks` are (n, channels) int16, read as they are asked for."""

    rate: int
    channels: int
    blocks: Iterator[Pcm]


def is_wav(data: bytes) -> bool:
    return data[:4] in FORMS and data[8:12] == b"WAVE"


def open_wav(file: Readable, block_s: float) -> Wav:
    """A file that `is_wav`, in blocks of so many seconds; none if it holds no audio.

    PCM of 8 to 32 bit, float, A-law and mu-law. Raises AudioFileError, UnknownFormat."""
    ahead = _Ahead(file)
    ahead.read(12)
    head, long_size = b"", UNKNOWN
    while len(start := ahead.read(8)) == 8:
        name, size = struct.unpack("<4sI", start)
        if name == b"data":
            audio = _audio(ahead, long_size if size == UNKNOWN else size)
            first = next(audio, b"")
            if not first:
                break
            form = _format(head)
            return Wav(form.rate, form.channels, _blocks(first, audio, form, block_s))
        body = ahead.read(size)
        if name == b"fmt ":
            head = body
        elif name == b"ds64" and size >= 16:  # RF64: sizes of 64 bit, that of the audio second
            long_size = struct.unpack_from("<Q", body, 8)[0] if len(body) >= 16 else UNKNOWN
        ahead.read(_padding(ahead.peek(5), ahead.position))
    return Wav(RATES[0], 1, iter(()))


def write_wav(pcm: Pcm, sample_rate: int) -> bytes:
    """A file of (n,) int16, in one channel."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(sample_rate)
        wav.writeframes(pcm.astype("<i2").tobytes())
    return file.getvalue()


class _Ahead:
    """A file that can be looked into before it is read on."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._seen = bytearray()
        self.position = 0

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end of the file; they stay to be read."""
        while len(self._seen) < size and (piece := self._file.read(PIECE)):
            self._seen += piece
        return bytes(self._seen[:size])

    def read(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size and (piece := self.some(size - len(found))):
            found += piece
        return bytes(found)

    def some(self, size: int) -> bytes:
        """What is there of the next `size` bytes, at least one; none at the end of the file."""
        if not self._seen:
            self._seen += self._file.read(PIECE)
        piece = bytes(self._seen[:size])
        del self._seen[:size]
        self.position += len(piece)
        return piece


def _audio(ahead: _Ahead, size: int) -> Iterator[bytes]:
    """Up to where the header says, if nothing or whole chunks follow there; else up to the end."""
    while size and (piece := ahead.some(min(size, PIECE))):
        size -= len(piece)
        yield piece
    if size or _only_chunks_follow(ahead):
        return
    while piece := ahead.some(PIECE):
        yield piece


def _only_chunks_follow(ahead: _Ahead) -> bool:
    at = 0
    while at <= TRAILER:
        rest = ahead.peek(at + 9)
        if len(rest) <= at + 1:
            return at <= len(rest) + 1
        at += _padding(rest[at:], ahead.position + at)
        if at + 8 > len(rest) or not _is_name(rest[at : at + 4]):
            return False
        at += 8 + struct.unpack_from("<I", rest, at + 4)[0]
    return False


def _padding(rest: bytes, position: int) -> int:
    """1 behind a chunk of odd size, which is padded, though not by every writer."""
    padded = not _is_name(rest[:4]) or _is_name(rest[1:5])
    return position % 2 if padded else 0


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(0x20 <= octet < 0x7F for octet in name)


def _format(head: bytes) -> Format:
    if len(head) < 16:
        raise AudioFileError("not a WAV file: it has no format")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", head)
    if tag == EXTENSIBLE and len(head) >= 26:
        tag = struct.unpack_from("<H", head, 24)[0]
    if tag not in _WIDTHS:
        raise UnknownFormat(f"a WAV file of format {tag}")
    width = (bits + 7) // 8
    if width not in _WIDTHS[tag]:
        raise AudioFileError(f"samples of {bits} bit cannot be read in a WAV file of format {tag}")
    if not channels:
        raise AudioFileError("a WAV file of 0 channels")
    if rate not in RATES:
        raise AudioFileError(f"a WAV file of {rate} Hz")
    return Format(tag, channels, rate, width)


def _blocks(first: bytes, audio: Iterator[bytes], form: Format, block_s: float) -> Iterator[Pcm]:
    frame = form.width * form.channels
    size = max(1, round(block_s * form.rate)) * frame
    waiting = bytearray()
    for piece in chain((first,), audio):
        waiting += piece
        while len(waiting) >= size:
            yield _samples(bytes(waiting[:size]), form)
            del waiting[:size]
    if whole := len(waiting) // frame * frame:
        yield _samples(bytes(waiting[:whole]), form)


def _samples(audio: bytes, form: Format) -> Pcm:
    """(n, channels) int16."""
    return _interleaved(audio, form).reshape(-1, form.channels)


def _interleaved(audio: bytes, form: Format) -> Pcm:
    match form.tag, form.width:
        case 6, _:
            return decode_alaw(audio)
        case 7, _:
            return decode_ulaw(audio)
        case 3, width:
            return from_float(np.frombuffer(audio, f"<f{width}"))
        case _, 1:  # unsigned, as RIFF has it
            return ((np.frombuffer(audio, np.uint8).astype(np.int16) - 128) << 8).astype(np.int16)
        case _, 2:
            return np.frombuffer(audio, "<i2").astype(np.int16)
        case _, 3:
            raw = np.frombuffer(audio, np.uint8).reshape(-1, 3)
            return np.ascontiguousarray(raw[:, 1:]).view("<i2").reshape(-1).astype(np.int16)
        case _:
            return (np.frombuffer(audio, "<i4") >> 16).astype(np.int16)


def from_float(samples: NDArray[Any]) -> Pcm:
    """1.0 is full scale. What lies beyond is clipped, and what is no number is silence."""
    scaled = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0) * 32768.0
    pcm: Pcm = np.clip(np.rint(scaled), -32768, 32767).astype(np.int16)
    return pcm
