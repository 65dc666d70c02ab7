"""Where in somebody's own code an error was raised."""

import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from traceback import walk_tb
from typing import NamedTuple, cast

# What lies here was not written by the author of a bot; the examples, in a wheel, were.
OTHERS = (
    *(f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib", "purelib")),
    f"{sysconfig.get_path('platlib')}{os.sep}",
    f"{Path(__file__).parents[1]}{os.sep}",
    "<",  # what has no file: <frozen runpy>, <string>
)
EXAMPLES = f"{Path(__file__).parents[1] / 'examples'}{os.sep}"


class CodeLine(NamedTuple):
    """A file, and a line of it from 1 on; nowhere is an empty file and line 0."""

    file: str = ""
    line: int = 0


def is_foreign(file: str) -> bool:
    """Whether that file is ours, the standard library's or an installed package's."""
    return file.startswith(OTHERS) and not file.startswith(EXAMPLES)


def code_line(error: BaseException) -> CodeLine:
    """The last line that the author of a bot has written. Code that does not compile has never
    run: its own line is meant."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return CodeLine(error.filename, error.lineno)
    own = [line for line in _lines(error) if not is_foreign(line.file)]
    return own[-1] if own else CodeLine()


def _lines(error: BaseException) -> Iterator[CodeLine]:
    """Of a group, those that lead to its first error as well."""
    for frame, line in walk_tb(error.__traceback__):
        yield CodeLine(frame.f_code.co_filename, line)
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        yield from _lines(group.exceptions[0])
