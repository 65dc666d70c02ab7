"""WAV files: RIFF chunks → samples, whatever their headers say of their length.

A writer that streams does not know the length when it writes the header: the sizes are then 0,
0xFFFFFFFF, nearly 2**31, or those of an earlier moment. So a size is believed only if the file
bears it out, and else the audio goes on to the end of the file.

Source: Microsoft/IBM, Multimedia Programming Interface (RIFF), 1991; `WAVEFORMATEXTENSIBLE`, 2001;
EBU Tech 3306 (RF64)."""

import io
import struct
import wave
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from callbridge.errors import AudioFileError
from telecodecs import Pcm
from telecodecs.g711 import decode_alaw, decode_ulaw

PCM, FLOAT, A_LAW, MU_LAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_WIDTHS = {PCM: (1, 2, 3, 4), FLOAT: (4, 8), A_LAW: (1,), MU_LAW: (1,)}  # bytes of a sample
RATES = range(1_000, 768_001)  # Hz
FORMS = (b"RIFF", b"RF64", b"BW64")


class UnknownFormat(AudioFileError):
    """A WAV file of a format that is not read here: a compressed one, as a rule."""


class Format(NamedTuple):
    """The chunk `fmt `, with the format that an extensible one names in its GUID."""

    tag: int
    channels: int
    rate: int
    width: int  # bytes of a sample


class Wav(NamedTuple):
    """(n, channels) int16."""

    frames: Pcm
    rate: int


def is_wav(data: bytes) -> bool:
    return data[:4] in FORMS and data[8:12] == b"WAVE"


def read_wav(data: bytes) -> Wav:
    """The samples of a file that `is_wav`; none if it holds no audio.

    PCM of 8 to 32 bit, float, A-law and mu-law. Raises AudioFileError, UnknownFormat."""
    head, audio = _chunks(data)
    if not audio:
        return Wav(np.zeros((0, 1), np.int16), RATES[0])
    form = _format(head)
    whole = len(audio) - len(audio) % (form.width * form.channels)
    return Wav(_samples(audio[:whole], form).reshape(-1, form.channels), form.rate)


def write_wav(pcm: Pcm, sample_rate: int) -> bytes:
    """A file of (n,) int16, in one channel."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(sample_rate)
        wav.writeframes(pcm.astype("<i2").tobytes())
    return file.getvalue()


def _chunks(data: bytes) -> tuple[bytes, bytes]:
    """The bodies of `fmt ` and `data`; empty for one that is not there."""
    head, at = b"", 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"data":
            return head, data[at + 8 : _end_of_audio(data, at + 8, size)]
        if name == b"fmt ":
            head = data[at + 8 : at + 8 + size]
        at = _next_chunk(data, at + 8 + size)
    return head, b""


def _next_chunk(data: bytes, end: int) -> int:
    """A chunk of odd size is padded, though not by every writer."""
    padded = end % 2 == 0 or not _is_name(data[end : end + 4]) or _is_name(data[end + 1 : end + 5])
    return end + end % 2 if padded else end


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(0x20 <= octet < 0x7F for octet in name)


def _end_of_audio(data: bytes, start: int, size: int) -> int:
    """Where the header says, if nothing or whole chunks follow there; else the end of the file."""
    at = end = start + size
    while at + 1 < len(data):
        at = _next_chunk(data, at)
        if at + 8 > len(data) or not _is_name(data[at : at + 4]):
            return len(data)
        at += 8 + struct.unpack_from("<I", data, at + 4)[0]
    return end if at <= len(data) + 1 else len(data)


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


def _samples(audio: bytes, form: Format) -> Pcm:
    """Interleaved int16."""
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
