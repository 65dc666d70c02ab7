"""Audio files that scripts name, and the recordings that calls leave."""

import importlib.util
import wave
from pathlib import Path

import numpy as np

from callbridge.carrier.people.steps import AudioLoader
from callbridge.errors import AudioFileError
from callbridge.host.audiofile import read
from telecodecs import Pcm

# What the callers of the examples are cut out of: a person who reads.
RECORDINGS, EXTRA = "moonshine_voice", "demo"


def loader(base: Path) -> AudioLoader:
    """Reads what `play` names: a path relative to `base`, or `package:file` for a file that an
    installed package brings along."""
    return lambda name: read(_locate(name, base))


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
        how = f": pip install 'callbridge[{EXTRA}]'" if package == RECORDINGS else ""
        raise AudioFileError(f"{name}: the package {package!r} is not installed{how}")
    return Path(folders[0]) / inside


def write_wav(path: Path, left: Pcm, right: Pcm, sample_rate: int) -> None:
    """A stereo file of 16 bit."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(np.stack((left, right), axis=1).astype("<i2").tobytes())
