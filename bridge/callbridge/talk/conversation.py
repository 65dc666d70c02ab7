"""One call of the command line: the pair, who writes to it, and its end."""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from callbridge.app import App
from callbridge.carrier.net.numbers import read_numbers
from callbridge.serve import botfile
from callbridge.serve.logs import quieten_libraries
from callbridge.talk.call import TellTalk, TextCall
from callbridge.talk.caller import PATIENCE_S, WritingCaller
from callbridge.talk.events import Printed, Remembered, TalkOver
from callbridge.talk.printed import LoggedLines, PrintedLines, TellLine
from callbridge.talk.voice import SilentVoice
from callbridge.timing.clock import Clock, SystemClock, first_of

CRASHED = 1  # the exit code of a call in which the bot crashed
ENDING_S = 0.2  # for tasks that the bot has left behind


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkWish:
    """What was asked for on the command line. `to` is None for the number that the bot has."""

    bot: str
    script: Path | None = None
    to: str | None = None
    from_: str = "+13125550123"
    numbers: Path | None = None
    fast: bool = False
    interim: bool = False
    history: bool = False
    patience_s: float = PATIENCE_S
    as_json: bool = False


class Conversing:
    """Made inside the loop that it runs on; `clock` is the loop's, the machine's where none is
    given."""

    def __init__(
        self, app: App, wish: TalkWish, tell: TellTalk, *, clock: Clock | None = None
    ) -> None:
        """Raises CallbridgeError."""
        self.call = TextCall(
            app,
            tell,
            clock=clock or SystemClock(),
            numbers=read_numbers(wish.numbers, SilentVoice().clip) if wish.numbers else None,
            fast=wish.fast,
            beside=botfile.path(wish.bot).parent,
            # What is said here is shown here and kept nowhere.
            log_words=True,
            tape="",
        )
        self.caller = WritingCaller(
            self.call, interim=wish.interim, patience_s=wish.patience_s, fast=wish.fast
        )
        self._wish = wish
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._leaving = self._loop.create_future()

    @property
    def stopped(self) -> bool:
        return self._leaving.done()

    def stop(self) -> None:
        """Whoever writes wants to hang up."""
        if not self.stopped:
            self._leaving.set_result(None)

    async def run(self, to: str, writing: Coroutine[Any, Any, None]) -> int:
        """The whole call; `writing` ends when there is nothing more to say. Returns the exit code.
        Raises what `writing` raises."""
        with _told_prints(self._tell_line):
            try:
                return await self._to_its_end(to, asyncio.create_task(writing, name="writing"))
            finally:
                await self.call.pair.close(ending_s=ENDING_S)

    async def _to_its_end(self, to: str, writing: asyncio.Task[None]) -> int:
        call = self.call
        call.ring(self._wish.from_, to)
        over = asyncio.create_task(call.over(), name="call")
        await first_of(over, writing, self._leaving)
        call.hang_up()
        report = await over
        ended = TalkOver(
            cause=report.hangup_cause or "",
            by=report.hung_up_by or "",
            crashed=bool(report.crashes),
        )
        call.told(ended)
        if self._wish.history:
            call.told(Remembered(messages=call.history()))
        if not writing.done():
            writing.cancel()
            await first_of(writing)
        elif failure := writing.exception():
            raise failure
        return CRASHED if ended.crashed else 0

    def _tell_line(self, text: str, logger: str) -> None:
        printed = Printed(text=text, logger=logger)
        if threading.get_ident() == self._thread:
            self.call.told(printed)
        else:  # a bot may have threads of its own
            self._loop.call_soon_threadsafe(self.call.told, printed)


@contextmanager
def _told_prints(tell: TellLine) -> Generator[None]:
    """What is printed or logged while the bot runs is told."""
    root, handler = logging.getLogger(), LoggedLines(tell)
    before = root.level
    quieten_libraries()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    asyncio.get_running_loop().set_exception_handler(None)  # the loop's own, which logs
    try:
        with redirect_stdout(PrintedLines(tell)):
            yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


class Signals:
    """Ctrl-C does `act`, on the loop; SIGTERM does `stop`. A second Ctrl-C that finds a loop which
    does not come round, because the bot blocks it, ends the process."""

    def __init__(self, act: Callable[[], None], stop: Callable[[], None]) -> None:
        self._act, self._stop = act, stop
        self._loop = asyncio.get_running_loop()
        self._waiting = False

    @contextmanager
    def handled(self) -> Generator[None]:
        before = signal.signal(signal.SIGINT, self._on_ctrl_c)
        self._loop.add_signal_handler(signal.SIGTERM, self._stop)
        try:
            yield
        finally:
            self._loop.remove_signal_handler(signal.SIGTERM)
            signal.signal(signal.SIGINT, before)

    def _on_ctrl_c(self, number: int, frame: FrameType | None) -> None:
        if self._waiting:
            raise KeyboardInterrupt
        self._waiting = True
        self._loop.call_soon_threadsafe(self._come_round)

    def _come_round(self) -> None:
        self._waiting = False
        self._act()
