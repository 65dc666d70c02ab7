"""Audio files that scripts name, and the recordings that calls leave."""

import importlib.util
import wave
from pathlib import Path

import numpy as np

from bridge.carrier.script import AudioLoader, Clip
from bridge.errors import AudioFileError
from telecodecs import Pcm


def loader(base: Path) -> AudioLoader:
    """Reads what `play` names: a path relative to `base`, or `package:file` for a file that an
    installed package brings along."""
    return lambda name: read_wav(_locate(name, base))


def _locate(name: str, base: Path) -> Path:
    package, colon, inside = name.partition(":")
    if not colon or not package.isidentifier():
        return base / name
    try:
        spec = importlib.util.find_spec(package)  # finds a top-level package without importing it
    except (ImportError, ValueError):
        spec = None
    folders = spec.submodule_search_locations if spec is not None else None
    if not folders:
        raise AudioFileError(f"{name}: the package {package!r} is not installed")
    return Path(folders[0]) / inside


def read_wav(path: Path) -> Clip:
    """A PCM WAV file of 16 bit, its channels mixed to one. Raises AudioFileError."""
    try:
        with wave.open(str(path), "rb") as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            data = file.readframes(file.getnframes())
    except FileNotFoundError:
        raise AudioFileError(f"{path}: no such file") from None
    except (wave.Error, EOFError, OSError, ValueError) as error:
        why = str(error) or "it ends too early"
        raise AudioFileError(f"{path}: not a PCM WAV file ({why})") from None
    if width != 2 or not rate or not channels:
        raise AudioFileError(f"{path}: samples of {8 * width} bit; only 16 bit can be played")
    pcm = np.frombuffer(data[: len(data) // (2 * channels) * 2 * channels], "<i2")
    if channels > 1:
        pcm = pcm.reshape(-1, channels).mean(axis=1)
    return Clip(pcm.astype(np.int16), rate)


def write_wav(path: Path, left: Pcm, right: Pcm, sample_rate: int) -> None:
    """A stereo file of 16 bit."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(np.stack((left, right), axis=1).astype("<i2").tobytes())
