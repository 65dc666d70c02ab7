"""A file of the web as a thread reads it: bytes that are still on their way."""

import asyncio
import io
import tempfile
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future

from callbridge.errors import AudioFileError

IN_MEMORY = 1_000_000  # bytes that are kept of a file before the disk has them
PROMISED = 1 << 40  # bytes, where a reader wants a length and nobody knows it


class Abandoned(AudioFileError):
    """Nobody wants it any more."""


class Inflow:
    """A download that a thread asks for piece by piece; made and closed on the event loop.

    Nothing is read ahead: what nobody asks for waits at the sender."""

    def __init__(self, pieces: AsyncGenerator[bytes]) -> None:
        self._pieces = pieces
        self._loop = asyncio.get_running_loop()
        self._pulling: asyncio.Task[None] | None = None
        self._closed = False

    def more(self) -> bytes:
        """The next piece, none at the end; for the thread, which waits. Raises AudioFileError,
        Abandoned when it is closed."""
        asked: Future[bytes] = Future()
        self._loop.call_soon_threadsafe(self._ask, asked)
        return asked.result()

    def _ask(self, asked: Future[bytes]) -> None:
        if self._closed:
            asked.set_exception(Abandoned())
        else:
            self._pulling = self._loop.create_task(self._pull(asked))

    async def _pull(self, asked: Future[bytes]) -> None:
        try:
            asked.set_result(await anext(self._pieces, b""))
        except BaseException as error:
            cancelled = isinstance(error, asyncio.CancelledError)
            asked.set_exception(Abandoned() if cancelled else error)
            if cancelled:
                raise

    async def close(self) -> None:
        """The sender sees its connection closed."""
        self._closed = True
        if self._pulling is not None:
            self._pulling.cancel()
            await asyncio.wait({self._pulling})
        await self._pieces.aclose()


class ArrivingFile(io.RawIOBase):
    """What `more` brings, kept so that it can be read again, until `forget`.

    A decoder written in C cannot be left by an exception: what failed is in `failure`, and the file
    is at its end. With `promised` it is PROMISED bytes long for who asks, and without it they wait
    until all is there."""

    def __init__(self, more: Callable[[], bytes]) -> None:
        self._more = more
        self._kept = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
        self._length = self._at = 0
        self._whole = self._forgets = False
        self._rest = b""
        self.promised = False
        self.failure: AudioFileError | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_CUR:
            offset += self._at
        elif whence == io.SEEK_END:
            offset += self._end()
        self._at = max(0, offset)
        return self._at

    def _end(self) -> int:
        if not self.promised:
            self._arrive(PROMISED)
        return self._length if self._whole else PROMISED

    def read(self, size: int = -1, /) -> bytes:
        """All `size` bytes, unless the file ends before."""
        self._arrive(self._at + size if size >= 0 else PROMISED)
        return self._take(size)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def some(self, size: int, /) -> bytes:
        """What is there of the next `size` bytes, at least one; none at the end."""
        if not self._forgets:
            self._arrive(self._at + 1)
            return self._take(size)
        rest = self._rest or self._next_piece()
        self._rest = rest[size:]
        return rest[:size]

    def forget(self) -> None:
        """From now on it is read by `some` alone, and nothing of it is kept."""
        self._rest, self._forgets = self._take(-1), True
        self._kept.seek(0)
        self._kept.truncate()

    def _take(self, size: int) -> bytes:
        self._kept.seek(self._at)
        data = self._kept.read(size)
        self._at += len(data)
        return data

    def _arrive(self, wanted: int) -> None:
        while self._length < wanted and (piece := self._next_piece()):
            self._kept.seek(self._length)
            self._kept.write(piece)
            self._length += len(piece)

    def _next_piece(self) -> bytes:
        if self._whole:
            return b""
        try:
            piece = self._more()
        except AudioFileError as error:
            self.failure, piece = error, b""
        self._whole = not piece
        return piece

    def close(self) -> None:
        self._kept.close()
        super().close()
