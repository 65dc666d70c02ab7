"""Sound files → samples: on the web, in the carrier's own folder, or in a command itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from callbridge.carrier.core.effects import FetchSound
from callbridge.carrier.net.fetching import FetchDoor, NotThere
from callbridge.errors import AudioFileError
from callbridge.host import audiofile
from callbridge.host.audiofile import streamed
from callbridge.timing.jobs import ThreadJobs
from telecodecs import Pcm

MAX_S = 1800.0  # of sound; at 16 kHz these are 58 MB
SUFFIXES = ("", ".mp3", ".wav")


class SoundLoader:
    """`media` is the folder whose files are this carrier's media by name."""

    def __init__(self, door: FetchDoor, media: Path | None = None) -> None:
        self._door, self._media = door, media

    async def load(self, wish: FetchSound) -> Pcm:
        """(n,) int16 at the rate that is asked for. Raises AudioFileError, NotThere."""
        if wish.url:
            data, name = await self._door.fetch(wish.url), "the file"
        elif wish.media_name:
            data, name = await asyncio.to_thread(self._read, wish.media_name), wish.media_name
        else:
            data, name = wish.content, "playback_content"
        return await asyncio.to_thread(audiofile.load, data, wish.sample_rate, name, max_s=MAX_S)

    def pieces(self, wish: FetchSound) -> AbstractAsyncContextManager[AsyncIterator[Pcm]]:
        """A file of the web as it comes, the same samples; see `streamed`."""
        arriving = self._door.pieces(wish.url)
        return streamed(arriving, wish.sample_rate, "the file", jobs=ThreadJobs(), max_s=MAX_S)

    def _read(self, name: str) -> bytes:
        if self._media is None:
            raise NotThere(f"no media {name!r}: this carrier was started without --media")
        plain = name not in (".", "..") and not any(each in name for each in "/\\\0")
        for suffix in SUFFIXES if plain else ():
            file = self._media / f"{name}{suffix}"
            try:
                if file.is_file():
                    return file.read_bytes()
            except OSError as error:
                raise AudioFileError(f"{name}: {error.strerror or error}") from None
        raise NotThere(f"no media {name!r} in the folder of --media")
