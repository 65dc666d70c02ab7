"""Where a conversation is shown: lines one below the other, or above a line that is being typed."""

from typing import Protocol

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from callbridge.talk.keyboard import LineEditor

PROMPT = "> "
INDENT = 19  # of what goes on in the next row: below the words of the row before
CLEAR_ROW, ROW_ABOVE = "\r\x1b[K", "\x1b[1A"


class TalkScreen(Protocol):
    def line(self, text: Text) -> None:
        """A line of its own."""
        ...

    def stream(self, head: Text, piece: str) -> None:
        """A piece of a line that goes on; `head` is what a new one begins with."""
        ...

    def end_stream(self, tail: Text) -> None:
        """The line that goes on ends, with this."""
        ...


class PageScreen:
    """Whole lines, for a pipe or a file."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._streaming: Text | None = None

    def line(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)

    def stream(self, head: Text, piece: str) -> None:
        self._streaming = self._streaming or head.copy()
        self._streaming.append(piece)

    def end_stream(self, tail: Text) -> None:
        if self._streaming is not None:
            self._streaming.rstrip()
            self.line(self._streaming.append_text(tail))
            self._streaming = None


class LiveScreen:
    """A terminal: its last row is the line that is being typed, and the row above it, while the bot
    is sending, the last row of that. What is above is finished and never touched again."""

    def __init__(self, console: Console, editor: LineEditor) -> None:
        self._console, self._editor = console, editor
        self._streaming: Text | None = None  # its last row
        self._shown_rows = 0  # of ours that may change
        self._asking = True

    def line(self, text: Text) -> None:
        self._erase()
        for row in text.split("\n"):
            self._print(row)
        self.draw()

    def stream(self, head: Text, piece: str) -> None:
        self._erase()
        row = self._streaming or head.copy()
        first, *others = piece.split("\n")
        row.append(first)
        for other in others:
            self._print(row)
            row = Text(" " * INDENT + other)
        self._streaming = self._wrapped(row)
        self.draw()

    def end_stream(self, tail: Text) -> None:
        self._erase()
        if self._streaming is not None:
            row, self._streaming = self._streaming, None
            row.rstrip()
            self._print(row.append_text(tail))
        self.draw()

    def leave(self) -> None:
        """There is nothing to type any more."""
        self._erase()
        self._asking = False
        if self._streaming is not None:
            self._console.print(self._streaming, soft_wrap=True)
            self._streaming = None

    def draw(self) -> None:
        """What may change, anew."""
        self._erase()
        if not self._asking:
            return
        if self._streaming is not None:
            self._console.print(self._streaming, soft_wrap=True)
        self._write(self._typed())
        self._shown_rows = 1 if self._streaming is None else 2

    def _typed(self) -> str:
        """The prompt with what stands behind it, as far as it fits, and the cursor in its place."""
        room = self._console.width - len(PROMPT) - 1
        text, cursor = self._editor.text, self._editor.cursor
        begin = 0
        while cell_len(text[begin:cursor]) > room:
            begin += 1
        end = len(text)
        while cell_len(text[begin:end]) > room:
            end -= 1
        back = cell_len(text[cursor:end])
        return f"{PROMPT}{text[begin:end]}" + (f"\x1b[{back}D" if back else "")

    def _print(self, row: Text) -> None:
        self._console.print(self._wrapped(row), soft_wrap=True)

    def _wrapped(self, row: Text) -> Text:
        """Print all whole rows of it; returns the last one."""
        width = self._console.width
        while cell_len(row.plain) > width:
            fits = next(n for n in range(len(row.plain), 0, -1) if cell_len(row.plain[:n]) <= width)
            space = row.plain.rfind(" ", INDENT, fits + 1)
            cut = space if space > INDENT else fits
            whole, rest = row.divide([cut])
            self._console.print(whole, soft_wrap=True)
            row = Text(" " * INDENT) + rest[1 if space > INDENT else 0 :]
        return row

    def _erase(self) -> None:
        if self._shown_rows:
            self._write(CLEAR_ROW + (ROW_ABOVE + CLEAR_ROW) * (self._shown_rows - 1))
            self._shown_rows = 0

    def _write(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()
