"""`callbridge new`: a bot to begin with."""

import shlex
from pathlib import Path
from typing import Annotated

import typer


def new(
    folder: Annotated[
        Path, typer.Argument(help="The folder to write; the bot is named like it: mybot.")
    ],
    keys: Annotated[
        bool, typer.Option("--keys", help="A bot of keys alone, which needs no speech engines.")
    ] = False,
) -> None:
    """Write a bot to begin with: it runs as it is, and so do its caller and its tests.

    Without the engines of callbridge[speech] it is a bot of keys."""
    from callbridge.new import folder as originals

    speech = originals.can_speak()
    files = originals.write(folder, speech=speech and not keys)
    print("\n".join(map(str, files)))
    if not speech and not keys:
        print("It takes keys; to hear and to speak: pip install 'callbridge[speech]'")
    print(f"\nTalk to it in your browser: cd {shlex.quote(str(folder))} && "
          f"callbridge run {files[0].stem}.py")  # fmt: skip
    print(f"A call to it, shown as it happens: cd {shlex.quote(str(folder))} && "
          f"callbridge demo {files[0].stem}.py")  # fmt: skip
