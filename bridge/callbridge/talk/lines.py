"""Lines out of a pipe or a file, which may be slow, while the call goes on."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator

AHEAD = 16  # lines that are read before they are wanted
PIECE = 65_536


class LineReader:
    """Reads in a thread of its own, which does not hold up the end of the process: a pipe may stay
    open after the call."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._room = threading.Semaphore(AHEAD)
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, name="lines", daemon=True).start()

    async def __aiter__(self) -> AsyncIterator[str]:
        while (line := await self._lines.get()) is not None:
            self._room.release()
            yield line

    def _read(self) -> None:
        rest = b""
        while piece := os.read(self._file, PIECE):
            *lines, rest = (rest + piece).split(b"\n")
            if not all(self._put(line.decode(errors="replace")) for line in lines):
                return
        if rest:
            self._put(rest.decode(errors="replace"))
        self._put(None)

    def _put(self, line: str | None) -> bool:
        """Waits for room. False when nobody wants any more."""
        self._room.acquire()
        try:
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
        except RuntimeError:  # the loop is closed
            return False
        return True
