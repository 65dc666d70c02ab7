"""Audio files as PCM at the rate of a call."""

import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bridge.errors import AudioFileError
from telecodecs import Pcm, resample

MAX_S = 3600.0  # an hour; longer ones belong in a stream, not in memory


class Clip(NamedTuple):
    """(n,) int16, mono, and its rate."""

    pcm: Pcm
    sample_rate: int


def load(path: str | Path, sample_rate: int) -> Pcm:
    """(n,) int16 at `sample_rate`. Blocks: run it as a job. Raises AudioFileError."""
    pcm, rate = read_wav(path)
    return resample(pcm, rate, sample_rate)


def read_wav(path: str | Path) -> Clip:
    """A PCM WAV file of 8 to 32 bit, its channels mixed to one. Raises AudioFileError."""
    try:
        with wave.open(str(path), "rb") as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            if file.getnframes() > MAX_S * rate:
                raise AudioFileError(f"{path}: longer than {MAX_S:.0f} s")
            data = file.readframes(file.getnframes())
    except FileNotFoundError:
        raise AudioFileError(f"{path}: no such file") from None
    except (wave.Error, EOFError, OSError) as error:
        raise AudioFileError(
            f"{path}: not a PCM WAV file ({error or 'it ends too early'}); "
            "convert it, for example with `sox in.mp3 -b 16 out.wav`"
        ) from None
    pcm = _samples(data, width, path)
    pcm = pcm[: len(pcm) - len(pcm) % channels]
    if channels > 1:
        pcm = pcm.reshape(-1, channels).mean(axis=1).astype(np.int16)
    return Clip(pcm, rate)


def _samples(data: bytes, width: int, path: str | Path) -> Pcm:
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
            raise AudioFileError(f"{path}: samples of {8 * width} bit cannot be read")
