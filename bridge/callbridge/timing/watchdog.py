"""Names the function that blocks the event loop.

One blocked loop is every call silent at once, and afterwards nothing shows who did it. A thread
looks at a heartbeat of the loop; when that stops, it logs where the loop's thread stands."""

import asyncio
import logging
import sys
import threading
import traceback
from types import FrameType

log = logging.getLogger("callbridge")

BEAT_S = 0.1  # every one wakes the process, and that costs as much as a token of a relay
PATIENCE_S = 0.25


class Watchdog:
    """Made and closed on the loop that it watches."""

    def __init__(self, patience: float = PATIENCE_S) -> None:
        self.blocked = 0  # times that the loop stood still: surely for twice the `patience`
        self.last = ""  # where, the last time
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._closed = threading.Event()
        self._beats = 0
        self._timer = self._loop.call_soon(self._beat)
        self._thread = threading.Thread(target=self._watch, name="callbridge watchdog", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._timer.cancel()

    def _beat(self) -> None:
        self._beats += 1
        self._timer = self._loop.call_later(BEAT_S, self._beat)

    def _watch(self) -> None:
        seen = told = -1
        while not self._closed.wait(self._patience):
            if self._loop.is_closed():
                return  # by someone who did not close us
            if self._beats != seen:
                seen = self._beats
                continue
            if told == seen:
                continue  # still the same standstill
            told = seen
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
