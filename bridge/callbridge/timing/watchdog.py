"""Names the function that blocks the event loop.

One blocked loop is every call silent at once, and afterwards nothing shows who did it. A thread
asks the loop for a sign of life; when none comes, it logs where the loop's thread stands."""

import asyncio
import logging
import sys
import threading
import traceback
from contextlib import suppress
from types import FrameType

log = logging.getLogger("callbridge")

PATIENCE_S = 0.25  # between two questions: each wakes the process, as much as a relay's token costs


class Watchdog:
    """Made and closed on the loop that it watches."""

    def __init__(self, patience: float = PATIENCE_S) -> None:
        self.blocked = 0  # times that the loop stood still for longer than the `patience`
        self.last = ""  # where, the last time
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._closed = threading.Event()
        self._answered = True
        self._thread = threading.Thread(target=self._watch, name="callbridge watchdog", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()

    def _answer(self) -> None:
        self._answered = True

    def _ask(self) -> None:
        self._answered = False
        with suppress(RuntimeError):  # it was closed just now
            self._loop.call_soon_threadsafe(self._answer)

    def _watch(self) -> None:
        told = False  # of the standstill that goes on
        while not self._closed.wait(self._patience):
            if self._loop.is_closed():
                return  # by someone who did not close us
            if self._answered:
                told = False
                self._ask()
            elif not told:
                told = True
                self._tell()

    def _tell(self) -> None:
        frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage]  documented
        frame = frames.get(self._loop_thread)
        if frame is not None and not self._closed.is_set():
            self.blocked += 1
            self.last = _where(frame)
            log.error("the event loop is blocked", extra={"at": self.last})


def _where(frame: FrameType) -> str:
    """`file:line function`, innermost first, of what the loop's thread is doing."""
    stack = traceback.extract_stack(frame)
    return " < ".join(
        f"{entry.filename.rsplit('/', 1)[-1]}:{entry.lineno} {entry.name}"
        for entry in reversed(stack[-4:])
    )
