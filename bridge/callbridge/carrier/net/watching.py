"""Shows what a running carrier does, as long as it runs."""

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Literal, Protocol

from rich.live import Live

from callbridge.carrier.net.patient import PatientThread
from callbridge.carrier.switch import Switch
from callbridge.carrier.watch.lines import HappenedLine, json_line, line_of
from callbridge.carrier.watch.picture import Picture
from callbridge.carrier.watch.scene import CarrierScene, Happened, TapeNews
from callbridge.host.terminal import console

LOOK_S = 0.25
LAST_S = 1.0  # that the last words may take to be written
KEPT = 100  # lines of what happened, more than any terminal has

WatchForm = Literal["picture", "text", "json"]


class WatchScreen(Protocol):
    """Where it is shown. All but `is_stale` are called in a thread and may take their time; an
    OSError ends the watching."""

    def is_stale(self) -> bool:
        """It is to be shown again though nothing has changed."""
        ...

    def show(self, scene: CarrierScene, happened: list[Happened]) -> None: ...

    def close(self) -> None: ...


async def watch(switch: Switch, now: Callable[[], float], form: WatchForm) -> None:
    """Until it is cancelled; how the calls ended is shown last. What is slow to write, as a full
    pipe is, holds up nothing else, and a pipe that was closed is told nothing more."""
    screen: WatchScreen = PictureScreen() if form == "picture" else LinesScreen(form)
    thread, news, before = PatientThread(), TapeNews(), None
    try:
        while True:
            scene, happened = switch.scene(now()), switch.news(news, now())
            if happened or scene != before or screen.is_stale():
                await thread.do(partial(screen.show, scene, happened))
            before = scene
            await asyncio.sleep(LOOK_S)
    except OSError:
        return
    finally:
        last = partial(screen.show, switch.scene(now()), switch.news(news, now()))
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(LAST_S):
                await thread.do(last)
                await thread.do(screen.close)


class LinesScreen:
    """Standard output, for what reads lines."""

    def __init__(self, form: WatchForm) -> None:
        self._line = json_line if form == "json" else text_line

    def is_stale(self) -> bool:
        return False

    def show(self, scene: CarrierScene, happened: list[Happened]) -> None:
        """Past the buffer of `sys.stdout`, whose lock a write that is stuck would not give back."""
        lines = filter(None, map(self._line, happened))
        rest = "".join(f"{line}\n" for line in lines).encode()
        while rest:
            rest = rest[os.write(sys.stdout.fileno(), rest) :]

    def close(self) -> None:
        """Nothing of ours is open."""


def text_line(happened: Happened) -> str:
    """Empty for what is not worth one."""
    line = line_of(happened)
    return f"{line.when} {line.leg} {line.what}" if line is not None else ""


class PictureScreen:
    """A terminal."""

    def __init__(self) -> None:
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:  # a terminal that has no arrow shows a question mark
            reconfigure(errors="replace")
        self._console = console()
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
        self._told = deque[HappenedLine](maxlen=KEPT)
        self._size = self._console.size

    def is_stale(self) -> bool:
        return self._console.size != self._size

    def show(self, scene: CarrierScene, happened: list[Happened]) -> None:
        self._told += filter(None, map(line_of, happened))
        self._live.start()  # the first time
        if self.is_stale():  # rows of the picture that was have been broken into several
            self._size = self._console.size
            self._console.clear()
        self._live.update(Picture(scene, list(self._told)), refresh=True)

    def close(self) -> None:
        self._live.stop()
