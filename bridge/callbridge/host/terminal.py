"""What is printed for people: as it is, whatever is in it."""

from typing import IO

from rich.console import Console


def console(file: IO[str] | None = None, *, width: int | None = None) -> Console:
    """Prints texts as they are: no [brackets] that become styles, no :names: that become pictures,
    no colours for numbers. To standard output, unless there is a `file`."""
    return Console(file=file, width=width, markup=False, emoji=False, highlight=False)


def silent() -> Console:
    """Prints nothing."""
    return Console(quiet=True)
