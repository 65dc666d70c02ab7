"""Recordings on disk: written while the call goes on, made a file at its end, and turned into text.

All of it is done in threads: neither the clock nor anybody's request waits for a disk."""

import asyncio
import logging
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import httpx

from callbridge.carrier.core.effects import (
    DropRecordingFile,
    RecordingFormat,
    SaveRecording,
    WriteRecording,
)
from callbridge.carrier.net import storage
from callbridge.carrier.net.speaking import RelayRecogniser
from callbridge.carrier.net.spool import Spool, make_file, utterances
from callbridge.carrier.net.streams import SpawnErrand
from callbridge.carrier.parts.recordings import FAILED
from callbridge.errors import CallbridgeError

log = logging.getLogger(__name__)


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
            spool = self._spools[wish.recording_id] = Spool(self._folder)
        spool.put(wish.frames)
        if not spool.draining:
            spool.draining = True
            self._spawn(self._drain(spool))

    def save(self, wish: SaveRecording) -> None:
        """After what was written. A recording without a single sample is a file, too."""
        spool = self._spools.pop(wish.recording_id, None) or Spool(self._folder)
        self._spawn(self._save(spool, wish))

    def drop(self, wish: DropRecordingFile) -> None:
        self._spawn(self._drop(wish))

    async def _drain(self, spool: Spool) -> None:
        async with spool.turn:
            spool.draining = False
            await asyncio.to_thread(spool.write_out, spool.take())

    async def _save(self, spool: Spool, wish: SaveRecording) -> None:
        with spool:
            async with spool.turn:
                await self._make_file(spool, wish)
            self._settle()
            if wish.transcribe and not spool.failed:
                async with self._transcribing:
                    text = await self._transcribe(spool, wish)
                self._news.recording_transcribed(wish.recording_id, text, self._now())
                self._settle()

    async def _make_file(self, spool: Spool, wish: SaveRecording) -> None:
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

    async def _transcribe(self, spool: Spool, wish: SaveRecording) -> str | None:
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
