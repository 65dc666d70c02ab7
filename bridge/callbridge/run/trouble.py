"""What is wrong with a bot, for its author: the error, and the lines of code around it."""

from pathlib import Path
from typing import NamedTuple

import msgspec

AROUND = 3  # lines before and after
LONGEST = 160  # characters of a line that are shown
LARGEST = 2_000_000  # bytes of a file that is looked into


class ShownLine(NamedTuple):
    number: int
    text: str
    is_it: bool


class BotTrouble(msgspec.Struct, frozen=True):
    """`file` is empty where nobody knows the line."""

    error: str
    file: str = ""
    line: int = 0
    code: tuple[ShownLine, ...] = ()
    traceback: str = ""


def excerpt(file: str, line: int) -> tuple[ShownLine, ...]:
    """The code around a line, as it is now; nothing of what cannot be read. Blocking."""
    if not file or line < 1:
        return ()
    try:
        path = Path(file)
        if path.stat().st_size > LARGEST:
            return ()
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except (OSError, ValueError):
        return ()
    first = max(1, line - AROUND)
    return tuple(
        ShownLine(number, text[:LONGEST], number == line)
        for number, text in enumerate(lines[first - 1 : line + AROUND], first)
    )
