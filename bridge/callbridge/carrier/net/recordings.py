"""Recordings on disk: written while the call goes on, made a file at its end, and turned into text.

All of it is done in threads: neither the clock nor anybody's request waits for a disk."""

import asyncio
import logging
import tempfile
import wave
import weakref
from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import IO, Protocol

import httpx
import numpy as np

from callbridge.carrier.core.effects import (
    DropRecordingFile,
    RecordingFormat,
    SaveRecording,
    WriteRecording,
)
from callbridge.carrier.net import storage
from callbridge.carrier.net.speaking import RelayRecogniser
from callbridge.carrier.net.streams import SpawnErrand
from callbridge.carrier.parts.recordings import FAILED
from callbridge.carrier.parts.relay_ear import QUIET_TICKS, CarrierEar
from callbridge.errors import CallbridgeError
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


class RecordingNews(Protocol):
    """Who is told: the switch."""

    def recording_saved(self, recording_id: str, now: float, location: str = "") -> None: ...

    def recording_failed(self, recording_id: str, reason: str, now: float) -> None: ...

    def recording_transcribed(self, recording_id: str, text: str | None, now: float) -> None: ...


class RecordingFiles:
    """Without a folder, files live as long as the carrier."""

    def __init__(
        self,
        folder: Path | None,
        news: RecordingNews,
        http: httpx.AsyncClient,
        recogniser: RelayRecogniser | None,
        spawn: SpawnErrand,
        settle: Callable[[], None],
        now: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._news, self._http, self._recogniser = news, http, recogniser
        self._spawn, self._settle, self._now = spawn, settle, now
        self._spools: dict[str, Spool] = {}
        # Each takes a whole core, and the clock needs one.
        self._making_a_file, self._transcribing = asyncio.Lock(), asyncio.Lock()

    def path(self, recording_id: str, format: RecordingFormat) -> Path:
        """Raises OSError when there can be no folder."""
        if self._folder is None:
            holder = tempfile.TemporaryDirectory(prefix="callbridge-recordings-")
            weakref.finalize(self, holder.cleanup)
            self._folder = Path(holder.name)
        return self._folder / f"{recording_id}.{format}"

    def write(self, wish: WriteRecording) -> None:
        spool = self._spools.get(wish.recording_id)
        if spool is None:
            spool = self._spools[wish.recording_id] = Spool()
        spool.put(wish.frames)
        if not spool.draining:
            spool.draining = True
            self._spawn(self._drain(spool))

    def save(self, wish: SaveRecording) -> None:
        """After what was written. A recording without a single sample is a file, too."""
        spool = self._spools.pop(wish.recording_id, None) or Spool()
        self._spawn(self._save(spool, wish))

    def drop(self, wish: DropRecordingFile) -> None:
        self._spawn(self._drop(wish))

    async def _drain(self, spool: "Spool") -> None:
        async with spool.turn:
            spool.draining = False
            await asyncio.to_thread(spool.write_out, spool.take())

    async def _save(self, spool: "Spool", wish: SaveRecording) -> None:
        with spool:
            async with spool.turn:
                await self._make_file(spool, wish)
            self._settle()
            if wish.transcribe and not spool.failed:
                async with self._transcribing:
                    text = await self._transcribe(spool, wish)
                self._news.recording_transcribed(wish.recording_id, text, self._now())
                self._settle()

    async def _make_file(self, spool: "Spool", wish: SaveRecording) -> None:
        recording_id, location = wish.recording_id, ""
        try:
            await asyncio.to_thread(spool.write_out, spool.take())
            path = self.path(recording_id, wish.format)
            async with self._making_a_file:
                await asyncio.to_thread(make_file, path, spool, wish)
            if wish.storage is not None:
                try:
                    location = await storage.upload(
                        self._http, wish.storage, path, wish.file_name, wish.format
                    )
                finally:
                    await asyncio.to_thread(path.unlink, missing_ok=True)
        except storage.NotStored as refusal:
            log.error("the recording %s was not stored: %s", recording_id, refusal)
            spool.failed = refusal.reason
        except (OSError, RuntimeError) as error:  # a full disk; libsndfile's own are RuntimeErrors
            log.error("the recording %s was not written: %s", recording_id, error)
            spool.failed = FAILED
        if spool.failed:
            self._news.recording_failed(recording_id, spool.failed, self._now())
        else:
            self._news.recording_saved(recording_id, self._now(), location)

    async def _drop(self, wish: DropRecordingFile) -> None:
        try:
            path = self.path(wish.recording_id, wish.format)
            await asyncio.to_thread(path.unlink, missing_ok=True)
        except OSError as error:
            log.error("the recording %s was not deleted: %s", wish.recording_id, error)

    async def _transcribe(self, spool: "Spool", wish: SaveRecording) -> str | None:
        """One utterance after the other: a carrier that stops need not wait for the rest."""
        assert self._recogniser is not None, "the switch knows that there is one"
        texts: list[str] = []
        said = utterances(spool, wish)
        try:
            while (pcm := await asyncio.to_thread(next, said, None)) is not None:
                text = await asyncio.to_thread(self._recogniser.transcribe, pcm, wish.sample_rate)
                texts.append(text.strip())
        except (CallbridgeError, OSError) as error:
            log.error("the recording %s was not transcribed: %s", wish.recording_id, error)
            return None
        return " ".join(text for text in texts if text)


class Spool:
    """What was written of one recording: in memory, and from a certain size on in a file that has
    no name and is gone with the process. What blocks is done by one thread at a time, in `turn`."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.draining = False
        self.failed = ""  # why there will be no recording, in the platform's words
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
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
        """Blocks."""
        try:
            self._file.seek(0, 2)
            self._file.write(frames)
        except OSError as error:
            self.give_up(error)

    def blocks(self, wish: SaveRecording) -> Iterator[Pcm]:
        """(n, channels), all that is to be kept, some seconds at a time. Blocks."""
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
    """Whole or not at all. Raises OSError, and RuntimeError where libsndfile does. Blocks."""
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
