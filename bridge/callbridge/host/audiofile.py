"""Audio files as PCM: WAV by our own reader, others by libsndfile where it is installed."""

import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np

from callbridge.errors import AudioFileError
from callbridge.host.wav import UnknownFormat, Wav, from_float, is_wav, read_wav
from telecodecs import CodecError, Pcm, resample

MAX_S = 3600.0  # an hour; longer ones belong in a stream, not in memory
MAX_BYTES = 100_000_000
FETCH_S = 15.0


class Clip(NamedTuple):
    """(n,) int16, mono, and its rate."""

    pcm: Pcm
    sample_rate: int


Fetch = Callable[[str], Awaitable[bytes]]
"""As `fetch`: the bytes of a file on the web. Raises AudioFileError."""


def load(source: str | Path | bytes, sample_rate: int, name: str = "") -> Pcm:
    """(n,) int16 at `sample_rate`, of a file or of the bytes of one called `name`.

    Blocks: run it as a job. Raises AudioFileError."""
    pcm, rate = read(source, name)
    try:
        return resample(pcm, rate, sample_rate)
    except CodecError as error:
        raise AudioFileError(f"{_name_of(source, name)}: {error}") from None


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
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise AudioFileError(f"{url}: {error or type(error).__name__}") from None
    return bytes(data)


def read(source: str | Path | bytes, name: str = "") -> Clip:
    """A WAV file, or with the extra `audio` also mp3, ogg and flac; never an empty one.

    Raises AudioFileError."""
    if isinstance(source, bytes):
        return _read(source, _name_of(source, name))
    try:
        return _read(Path(source).read_bytes(), _name_of(source, name))
    except FileNotFoundError:
        raise AudioFileError(f"{source}: no such file") from None
    except OSError as error:
        raise AudioFileError(f"{source}: {error.strerror or error}") from None


def _name_of(source: str | Path | bytes, name: str) -> str:
    return name or ("the data" if isinstance(source, bytes) else str(source))


def _read(data: bytes, name: str) -> Clip:
    try:
        frames, rate = _decode(data)
    except AudioFileError as error:
        raise AudioFileError(f"{name}: {error}") from None
    if not len(frames):
        raise AudioFileError(f"{name}: nothing to play, there is no audio in it")
    if len(frames) > MAX_S * rate:
        raise AudioFileError(f"{name}: longer than {MAX_S:.0f} s")
    return Clip(_mono(frames), rate)


def _decode(data: bytes) -> Wav:
    if not data:
        return Wav(np.zeros((0, 1), np.int16), 8000)
    if not is_wav(data):
        return _by_libsndfile(data)
    try:
        return read_wav(data)
    except UnknownFormat as error:
        return _by_libsndfile(data, f"{error} and ")


def _by_libsndfile(data: bytes, what: str = "") -> Wav:
    try:
        import soundfile
    except ImportError:
        raise AudioFileError(
            f"{what}not a plain WAV file; for mp3, ogg, flac and compressed WAV install the extra "
            "callbridge[audio]"
        ) from None
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            # As float: integers of a file that holds floats would come unscaled, and be silence.
            samples = file.read(round(MAX_S * file.samplerate) + 1, "float32", always_2d=True)
            return Wav(from_float(samples), file.samplerate)
    except (soundfile.SoundFileError, RuntimeError) as error:
        why = str(error).rpartition(": ")[2].rstrip(".").lower()  # without its name of our bytes
        raise AudioFileError(f"{what}not an audio file ({why})") from None


def _mono(frames: Pcm) -> Pcm:
    """(n, channels) mixed to (n,)."""
    return frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1).astype(np.int16)
