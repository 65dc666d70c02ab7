"""`callbridge talk`: a conversation with a bot, as text in the terminal."""

from pathlib import Path
from typing import Annotated

import typer


def talk(
    bot: Annotated[str, typer.Argument(help="A bot file: bot.py, or bot.py:NAME of its App.")],
    script: Annotated[
        Path | None,
        typer.Option(help="Lines to write, instead of those of standard input; see docs/talk.md."),
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="The number to ring; without it, one that the bot has.")
    ] = None,
    from_: Annotated[str, typer.Option("--from", help="Your number.")] = "+13125550123",
    numbers: Annotated[
        Path | None,
        typer.Option(
            help="Who lives where, as JSON, for transfers: as of `callbridge carrier`; nobody "
            "there makes a sound."
        ),
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="To speak takes no time: for scripts.")
    ] = False,
    interim: Annotated[
        bool, typer.Option("--interim", help="Say words one by one, as partial prompts.")
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="Show the call's history at the end.")
    ] = False,
    patience: Annotated[
        float,
        typer.Option(min=0, help="Seconds that a script waits for an answer to begin."),
    ] = 10.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for each event, for programs.")
    ] = False,
) -> None:
    """Talk with a bot in the terminal, as text: no speech engines, no account, no network.

    The bot runs on Conversation Relay against the local carrier, both in this process, so that
    keys, transfers and hang-ups do what they do in a call. To speak takes the time that it would,
    and a line typed meanwhile interrupts. ! or Ctrl-C interrupts without words, #5 presses a key,
    /quit or Ctrl-D hangs up, ? is help.

    Where standard input is no terminal, each line of it is sent when the bot has finished. Exits
    with 1 if the bot crashed."""
    from callbridge.talk import command as talking
    from callbridge.talk.conversation import TalkWish

    code = talking.talk(
        TalkWish(
            bot=bot,
            script=script,
            to=to,
            from_=from_,
            numbers=numbers,
            fast=fast,
            interim=interim,
            history=history,
            patience_s=patience,
            as_json=as_json,
        )
    )
    if code:
        raise typer.Exit(code)
