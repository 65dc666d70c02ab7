"""`callbridge demo`: a real call to each bot, shown."""

import asyncio
import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from callbridge.commands.options import Json


def demo(
    bots: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Bot files, each with its caller script beside it (bot.py, bot.json), or examples "
            "that come with Callbridge: echo, handoff, jingle, message_desk."
        ),
    ] = None,
    caller: Annotated[
        Path | None,
        typer.Option(help="The script of who rings, instead of the one beside each bot."),
    ] = None,
    numbers: Annotated[
        Path | None,
        typer.Option(
            help="Who lives where, as JSON: as of `callbridge carrier`. Without it "
            "bot.people.json beside each bot, where there is one."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for recordings, tapes, pictures.")] = Path(
        "out"
    ),
    voice: Annotated[
        Literal["media", "relay", "both"] | None,
        typer.Option(
            help="How the bots hear and speak: on the audio with engines of ours, on Conversation "
            "Relay with the carrier's, or one call on each, side by side. Without it as the bot's "
            "file or CALLBRIDGE_VOICE says; both, where no bot is named either.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """A real call to each bot: carrier and bridge as two processes, the call shown as it happens.

    Without bots, message_desk, once on each voice. A bot without a script is rung by somebody who
    greets, asks, interrupts and hangs up. Leaves a stereo WAV, the tape as JSON and a picture of
    every call; of one that is handed to a person, with both on one time axis.
    Exits with 1 if a line of a script's `expect` does not hold."""
    from callbridge.carrier.net import ring
    from callbridge.demo import command as demonstration
    from callbridge.demo import examples
    from callbridge.demo.outcome import DemoVoice
    from callbridge.host import terminal

    own = bool(bots)
    bots = bots or [Path(examples.DEFAULT)]
    files = [bot if bot.suffix else examples.path(str(bot)) for bot in bots]
    named = voice or (None if own or "CALLBRIDGE_VOICE" in os.environ else "both")
    voices: tuple[DemoVoice | None, ...] = ("media", "relay") if named == "both" else (named,)
    pairings = [
        demonstration.Pairing(bot, caller or ring.script_beside(bot), each)
        for bot in files
        for each in voices
    ]
    showing = demonstration.demo(
        pairings, out_dir=out, console=terminal.console(), numbers=numbers, as_json=as_json
    )
    ok = asyncio.run(showing)
    if ok and not own and not as_json:
        print("        next  a bot of your own: callbridge new mybot")
    if not ok:
        raise typer.Exit(1)
