"""What a bot's code prints, and what libraries log: a part of what is shown."""

import io
import logging
from collections.abc import Callable

TellLine = Callable[[str, str], None]  # the line, and the name of its logger, "" if it was printed


class PrintedLines(io.TextIOBase):
    """In the place of standard output: tells whole lines."""

    def __init__(self, tell: TellLine) -> None:
        self._tell, self._rest = tell, ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._tell(line, "")
        return len(text)

    def writable(self) -> bool:
        return True


class LoggedLines(logging.Handler):
    """All but the lines of a call, which are on its tape, and small talk of our own."""

    def __init__(self, tell: TellLine) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        ours = record.name.startswith("callbridge") and record.levelno < logging.WARNING
        if not ours and not hasattr(record, "call"):
            self._tell(self.format(record), record.name)
