"""The terminal while somebody writes at it: keys one by one, and nothing of them echoed twice."""

import asyncio
import codecs
import os
import sys
import termios
import tty
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager

from rich.console import Console

from callbridge.talk.keyboard import LineEditor
from callbridge.talk.screen import LiveScreen

PIECE = 4096


class Terminal:
    """Iterated, it gives the lines that are typed, until the end of input."""

    def __init__(self, console: Console) -> None:
        self.editor = LineEditor()
        self.screen = LiveScreen(console, self.editor)
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()  # typed by hand: never many
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @contextmanager
    def open(self) -> Generator[None]:
        """Takes the keyboard, and gives it back as it was."""
        loop, keyboard = asyncio.get_running_loop(), sys.stdin.fileno()
        before = termios.tcgetattr(keyboard)
        tty.setcbreak(keyboard)
        loop.add_reader(keyboard, self._read, keyboard)
        self.screen.draw()
        try:
            yield
        finally:
            loop.remove_reader(keyboard)
            self.screen.leave()
            termios.tcsetattr(keyboard, termios.TCSADRAIN, before)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (line := await self._lines.get()) is not None:
            yield line

    def _read(self, keyboard: int) -> None:
        keys = os.read(keyboard, PIECE)
        lines = self.editor.feed(self._decoder.decode(keys)) if keys else [None]
        for line in lines:
            self._lines.put_nowait(line)
        self.screen.draw()

    def clear(self) -> bool:
        """Forget what is being typed. False if nothing was."""
        typed = bool(self.editor.text)
        self.editor.clear()
        self.screen.draw()
        return typed
