"""What the commands have in common: options, and words to the person at the terminal."""

import sys
from typing import Annotated, Literal

import typer

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")]

Array = Annotated[bool, typer.Option("--json", help="Print one JSON array, for programs.")]
NamedCall = Annotated[
    str, typer.Argument(help="The call: its id, the end of it, or its number if no other has it.")
]
ParkIt = Annotated[bool, typer.Option("--park", help="Keep the call when the other side hangs up.")]
AmdChoice = Annotated[
    Literal["detect", "detect_beep", "detect_words", "greeting_end", "premium"] | None,
    typer.Option(
        metavar="MODE",
        help="Find out whether a person or a machine answers: detect, detect_beep, detect_words, "
        "greeting_end or premium.",
    ),
]
VoiceName = Annotated[str, typer.Option(help="Provider.Model.VoiceId.")]
LanguageCode = Annotated[str | None, typer.Option(help="That of the text, as en-US.")]
RecordVerbs = Annotated[Literal["start", "stop", "pause", "resume"], typer.Argument()]

STOPPED = 130  # the exit code of what Ctrl-C has ended, as shells have it


def say(sentence: str) -> None:
    """To the person at the terminal, over the ^C that it may show."""
    over = "\r" if sys.stderr.isatty() else ""
    print(f"{over}{sentence}", file=sys.stderr, flush=True)


def count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
