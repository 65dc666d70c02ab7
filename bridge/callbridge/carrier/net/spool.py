"""One recording on its way to its file: what was written of it, and what is made of that.

All but `Spool.put` and `Spool.take` blocks."""

import asyncio
import logging
import tempfile
import wave
import weakref
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import IO

import numpy as np

from callbridge.carrier.core.effects import SaveRecording
from callbridge.carrier.parts.recordings import FAILED
from callbridge.carrier.parts.relay_ear import QUIET_TICKS, CarrierEar
from telecodecs import Pcm, silence

log = logging.getLogger(__name__)

IN_MEMORY = 1_000_000  # bytes of a recording before a file is made for it
MOST_WAITING = 16_000_000  # bytes that a slow disk may owe, of one recording
BLOCK_FRAMES = 96_000  # whole ticks at every sample rate


@cache
def encodes_mp3() -> bool:
    try:
        import soundfile
    except (ImportError, OSError):  # without the package, or without its library
        return False
    return "MP3" in soundfile.available_formats()


class Spool:
    """What was written: in memory, and from a certain size on in a file of that folder that has no
    name and is gone with the process. What blocks is done by one thread at a time, in `turn`."""

    def __init__(self, folder: Path | None = None) -> None:
        self.turn = asyncio.Lock()
        self.draining = False
        self.failed = ""  # why there will be no recording, in the platform's words
        self._folder = folder
        where = str(folder) if folder is not None else None
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY, dir=where)  # noqa: SIM115
        self._waiting: list[bytes] = []
        weakref.finalize(self, self._file.close)  # of a call that has no end, as its carrier has

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def put(self, frames: bytes) -> None:
        if self.failed:
            return
        self._waiting.append(frames)
        if sum(map(len, self._waiting)) > MOST_WAITING:
            self.give_up("the disk is too slow")

    def take(self) -> bytes:
        """What waits to be written out."""
        waiting, self._waiting = self._waiting, []
        return b"".join(waiting)

    def give_up(self, why: object) -> None:
        log.error("a recording is given up: %s", why)
        self.failed, self._waiting = FAILED, []

    def write_out(self, frames: bytes) -> None:
        if self.failed:
            return
        try:
            if self._folder is not None:
                self._folder.mkdir(parents=True, exist_ok=True)
            self._file.seek(0, 2)
            self._file.write(frames)
        except OSError as error:
            self.give_up(error)

    def blocks(self, wish: SaveRecording) -> Iterator[Pcm]:
        """(n, channels), all that is to be kept, some seconds at a time."""
        width = 2 * wish.channels
        left = wish.end - wish.begin
        self._file.seek(wish.begin * width)
        while left:
            data = self._file.read(min(left, BLOCK_FRAMES) * width)
            if not data:
                return
            left -= len(data) // width
            yield np.frombuffer(data, "<i2").reshape(-1, wish.channels).astype(np.int16)


def make_file(path: Path, spool: Spool, wish: SaveRecording) -> None:
    """Whole or not at all. Raises OSError, and RuntimeError where libsndfile does."""
    if spool.failed:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    try:
        if wish.format == "wav":
            write_wav(part, spool, wish)
        else:
            write_mp3(part, spool, wish)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_wav(path: Path, spool: Spool, wish: SaveRecording) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(wish.channels)
        file.setsampwidth(2)
        file.setframerate(wish.sample_rate)
        for block in spool.blocks(wish):
            file.writeframes(block.astype("<i2").tobytes())


def write_mp3(path: Path, spool: Spool, wish: SaveRecording) -> None:
    import soundfile

    with soundfile.SoundFile(path, "w", wish.sample_rate, wish.channels, format="MP3") as file:
        for block in spool.blocks(wish):
            file.write(block)


def utterances(spool: Spool, wish: SaveRecording) -> Iterator[Pcm]:
    """What is said, cut where nobody speaks; of two channels both together."""
    found: list[Pcm] = []
    ear = CarrierEar(wish.sample_rate, found.append, interim=False)
    step = wish.sample_rate // 50
    end = silence(step * (QUIET_TICKS + 1)).reshape(-1, 1)
    for pcm in chain(spool.blocks(wish), [end]):
        total = pcm.astype(np.int32).sum(axis=1)
        mono = np.clip(total, -32768, 32767).astype(np.int16)
        for begin in range(0, len(mono), step):
            ear.hear(mono[begin : begin + step])
            while found:
                yield found.pop()
                ear.recognised("")  # it hands out one at a time
