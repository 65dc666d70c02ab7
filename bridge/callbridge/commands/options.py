"""What the commands have in common: options, and words to the person at the terminal."""

import sys
from typing import Annotated

import typer

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")]

STOPPED = 130  # the exit code of what Ctrl-C has ended, as shells have it


def say(sentence: str) -> None:
    """To the person at the terminal, over the ^C that it may show."""
    over = "\r" if sys.stderr.isatty() else ""
    print(f"{over}{sentence}", file=sys.stderr, flush=True)


def count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
