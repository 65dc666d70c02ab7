"""Shows what a running carrier does, as long as it runs."""

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from typing import Literal

from rich.live import Live

from callbridge.carrier.switch import Switch
from callbridge.carrier.watch.lines import HappenedLine, json_line, line_of
from callbridge.carrier.watch.picture import Picture
from callbridge.carrier.watch.scene import Happened, TapeNews
from callbridge.host.terminal import console

LOOK_S = 0.25
KEPT = 100  # lines of what happened, more than any terminal has

WatchForm = Literal["picture", "text", "json"]


async def watch(switch: Switch, now: Callable[[], float], form: WatchForm) -> None:
    """Until it is cancelled. What is slow to write, as a full pipe is, holds up nothing else."""
    if form == "picture":
        await _draw(switch, now)
        return
    news = TapeNews()
    while True:
        text = "".join(f"{line}\n" for line in _lines(switch.news(news, now()), form))
        if text:
            await asyncio.to_thread(_write, text)
        await asyncio.sleep(LOOK_S)


def _lines(happened: list[Happened], form: WatchForm) -> list[str]:
    if form == "json":
        return [json_line(each) for each in happened]
    told = filter(None, map(line_of, happened))
    return [f"{line.when} {line.leg} {line.what}" for line in told]


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


async def _draw(switch: Switch, now: Callable[[], float]) -> None:
    news, told = TapeNews(), deque[HappenedLine](maxlen=KEPT)
    with Live(console=console(), auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            told += filter(None, map(line_of, switch.news(news, now())))
            picture = Picture(switch.scene(now()), list(told))
            await asyncio.to_thread(live.update, picture, refresh=True)
            await asyncio.sleep(LOOK_S)
