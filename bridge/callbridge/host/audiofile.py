"""Audio files as PCM: WAV by our own reader, others by libsndfile where it is installed."""

import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np

from callbridge.errors import AudioFileError
from callbridge.host.wav import RATES, UnknownFormat, from_float, is_wav, read_wav
from telecodecs import CodecError, Pcm, resample, resample_round

MAX_S = 3600.0  # an hour; longer ones belong in a stream, not in memory
MAX_BYTES = 100_000_000
MAX_CHANNELS = 8
BLOCK = 1 << 16  # frames that are decoded at a time
FETCH_S = 15.0


class Clip(NamedTuple):
    """(n,) int16, mono, and its rate."""

    pcm: Pcm
    sample_rate: int


Fetch = Callable[[str], Awaitable[bytes]]
"""As `fetch`: the bytes of a file on the web. Raises AudioFileError."""


def load(
    source: str | Path | bytes,
    sample_rate: int,
    name: str = "",
    *,
    max_s: float = MAX_S,
    repeated: bool = False,
) -> Pcm:
    """(n,) int16 at `sample_rate`, of a file or of the bytes of one called `name`; what is to be
    `repeated` fits its own beginning.

    Blocks: run it as a job. Raises AudioFileError."""
    pcm, rate = read(source, name, max_s=max_s)
    try:
        return (resample_round if repeated else resample)(pcm, rate, sample_rate)
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


def read(source: str | Path | bytes, name: str = "", *, max_s: float = MAX_S) -> Clip:
    """A WAV file, or with the extra `audio` also mp3, ogg and flac; never an empty one.

    Raises AudioFileError."""
    if isinstance(source, bytes):
        return _read(source, _name_of(source, name), max_s)
    try:
        return _read(Path(source).read_bytes(), _name_of(source, name), max_s)
    except FileNotFoundError:
        raise AudioFileError(f"{source}: no such file") from None
    except OSError as error:
        raise AudioFileError(f"{source}: {error.strerror or error}") from None


def _name_of(source: str | Path | bytes, name: str) -> str:
    return name or ("the data" if isinstance(source, bytes) else str(source))


def _read(data: bytes, name: str, max_s: float) -> Clip:
    try:
        pcm, rate = _decode(data, max_s)
    except AudioFileError as error:
        raise AudioFileError(f"{name}: {error}") from None
    if not len(pcm):
        raise AudioFileError(f"{name}: nothing to play, there is no audio in it")
    if len(pcm) > max_s * rate:
        raise AudioFileError(f"{name}: longer than {max_s:.0f} s")
    return Clip(pcm, rate)


def _decode(data: bytes, max_s: float) -> Clip:
    if not data:
        return Clip(np.zeros(0, np.int16), 8000)
    if not is_wav(data):
        return _by_libsndfile(data, max_s)
    try:
        frames, rate = read_wav(data)
    except UnknownFormat as error:
        return _by_libsndfile(data, max_s, f"{error} and ")
    return Clip(_mono(frames), rate)


def _by_libsndfile(data: bytes, max_s: float, what: str = "") -> Clip:
    """Up to a block more than `max_s`. A small file may hold hours of silence on a thousand
    channels: a block is mixed before the next one is read."""
    try:
        import soundfile
    except ImportError:
        raise AudioFileError(
            f"{what}not a plain WAV file; for mp3, ogg, flac and compressed WAV install the extra "
            "callbridge[audio]"
        ) from None
    blocks: list[Pcm] = []
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate: int = file.samplerate
            if rate not in RATES or file.channels > MAX_CHANNELS:
                raise AudioFileError(f"{what}a file of {rate} Hz and {file.channels} channels")
            most = max_s * rate
            while sum(map(len, blocks)) <= most:
                # As float: integers of a file that holds floats would come unscaled, as silence.
                samples = file.read(BLOCK, "float32", always_2d=True)
                if not len(samples):
                    break
                blocks.append(_mono(from_float(samples)))
    except (soundfile.SoundFileError, RuntimeError) as error:
        why = str(error).rpartition(": ")[2].rstrip(".").lower()  # without its name of our bytes
        raise AudioFileError(f"{what}not an audio file ({why})") from None
    return Clip(np.concatenate(blocks) if blocks else np.zeros(0, np.int16), rate)


def _mono(frames: Pcm) -> Pcm:
    """(n, channels) mixed to (n,)."""
    return frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1).astype(np.int16)
