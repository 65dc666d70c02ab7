"""Audio files as PCM: WAV by the standard library, others by libsndfile where it is installed."""

import io
import wave
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np

from callbridge.errors import AudioFileError
from telecodecs import Pcm, resample

MAX_S = 3600.0  # an hour; longer ones belong in a stream, not in memory
MAX_BYTES = 100_000_000
FETCH_S = 15.0


class Clip(NamedTuple):
    """(n,) int16, mono, and its rate."""

    pcm: Pcm
    sample_rate: int


def load(source: str | Path | bytes, sample_rate: int, name: str = "") -> Pcm:
    """(n,) int16 at `sample_rate`, of a file or of the bytes of one called `name`.

    Blocks: run it as a job. Raises AudioFileError."""
    pcm, rate = read(source, name)
    return resample(pcm, rate, sample_rate)


def is_url(name: str) -> bool:
    return name.startswith(("http://", "https://"))


async def fetch(url: str) -> bytes:
    """The bytes of a file on the web. Raises AudioFileError."""
    data = bytearray()
    try:
        async with (
            httpx.AsyncClient(follow_redirects=True, timeout=FETCH_S) as http,
            http.stream("GET", url) as answer,
        ):
            answer.raise_for_status()
            async for piece in answer.aiter_bytes():
                data += piece
                if len(data) > MAX_BYTES:
                    raise AudioFileError(f"{url}: more than {MAX_BYTES // 1_000_000} MB")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise AudioFileError(f"{url}: {error or type(error).__name__}") from None
    return bytes(data)


def read(source: str | Path | bytes, name: str = "") -> Clip:
    """A WAV file, or with the extra `audio` also mp3, ogg and flac. Raises AudioFileError."""
    if isinstance(source, bytes):
        return _read(source, name or "the data")
    try:
        return _read(Path(source).read_bytes(), str(source))
    except FileNotFoundError:
        raise AudioFileError(f"{source}: no such file") from None
    except OSError as error:
        raise AudioFileError(f"{source}: {error.strerror or error}") from None


def _read(data: bytes, name: str) -> Clip:
    if data[:4] == b"RIFF":
        return _read_wav(data, name)
    try:
        import soundfile
    except ImportError:
        raise AudioFileError(
            f"{name}: not a PCM WAV file; for mp3, ogg and flac install the extra callbridge[audio]"
        ) from None
    try:
        samples, rate = soundfile.read(io.BytesIO(data), dtype="int16", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError) as error:
        why = str(error).rpartition(": ")[2].rstrip(".").lower()  # without its name of our bytes
        raise AudioFileError(f"{name}: not an audio file ({why})") from None
    return Clip(_mono(samples.astype(np.int16, copy=False), name, rate), rate)


def _read_wav(data: bytes, name: str) -> Clip:
    """PCM of 8 to 32 bit."""
    try:
        with wave.open(io.BytesIO(data), "rb") as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise AudioFileError(
            f"{name}: not a PCM WAV file ({error or 'it ends too early'}); "
            "convert it, for example with `sox in.wav -b 16 -e signed out.wav`"
        ) from None
    pcm = _samples(frames, width, name)
    return Clip(
        _mono(pcm[: len(pcm) - len(pcm) % channels].reshape(-1, channels), name, rate), rate
    )


def _mono(frames: Pcm, name: str, rate: int) -> Pcm:
    """(n, channels) mixed to (n,)."""
    if len(frames) > MAX_S * rate:
        raise AudioFileError(f"{name}: longer than {MAX_S:.0f} s")
    return frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1).astype(np.int16)


def _samples(data: bytes, width: int, name: str) -> Pcm:
    """Interleaved int16 of 8, 16, 24 or 32 bit samples."""
    data = data[: len(data) - len(data) % width]
    match width:
        case 1:  # unsigned, as RIFF has it
            return ((np.frombuffer(data, np.uint8).astype(np.int16) - 128) << 8).astype(np.int16)
        case 2:
            return np.frombuffer(data, "<i2").astype(np.int16)
        case 3:
            raw = np.frombuffer(data, np.uint8).reshape(-1, 3)
            return np.ascontiguousarray(raw[:, 1:]).view("<i2").reshape(-1).astype(np.int16)
        case 4:
            return (np.frombuffer(data, "<i4") >> 16).astype(np.int16)
        case _:
            raise AudioFileError(f"{name}: samples of {8 * width} bit cannot be read")
