"""Sound as a picture wants it: the loudest sample of each piece of time."""

import wave
from pathlib import Path

import numpy as np

from telecodecs import Pcm

PIECE_S = 0.05
LOUDEST = 100  # of a peak, as the page gets it
WHOLE = 1200  # pieces of a call that is over


def peaks(pcm: Pcm, step: int) -> list[int]:
    """Of each whole piece of `step` samples, (n,) int16: 0 to LOUDEST, as loud as it is heard (the
    square root of the level)."""
    pieces = np.abs(pcm[: len(pcm) // step * step].reshape(-1, step).astype(np.int32))
    loud = np.sqrt(pieces.max(axis=1, initial=0) / 32768)
    return [int(each) for each in np.rint(loud * LOUDEST)]


def whole(recording: Path) -> tuple[float, list[int], list[int]]:
    """Of a stereo WAV file: seconds of a piece, and the pieces of both sides. Blocking. Raises
    OSError and wave.Error."""
    with wave.open(str(recording), "rb") as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    step = max(round(PIECE_S * rate), -(-len(samples) // WHOLE))
    caller, bot = (peaks(samples[:, side].astype(np.int16), step) for side in (0, 1))
    return step / rate, caller, bot
