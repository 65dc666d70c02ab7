"""`callbridge run`: talk to a bot, and see what happens."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from callbridge.commands.options import say

READY_BOT = "callbridge.bots.llm:bot"


def run(
    bot: Annotated[
        str | None,
        typer.Argument(
            help="A bot file: bot.py, or bot.py:NAME of its App; or a bot that is installed, as "
            "callbridge.bots.llm:bot (docs/llm.md)."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="The name of a language model. Without a bot file the ready bot talks with it; "
            "OPENAI_API_KEY and OPENAI_BASE_URL say where it is."
        ),
    ] = None,
    text: Annotated[
        bool,
        typer.Option("--text", help="Write what the caller says: no microphone, no engines."),
    ] = False,
    script: Annotated[
        Path | None,
        typer.Option(help="What the recorded person does, instead of the script beside the bot."),
    ] = None,
    numbers: Annotated[
        Path | None,
        typer.Option(
            help="Who lives where, as JSON: as of `callbridge carrier`. Without it "
            "bot.people.json beside the bot, where there is one."
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(help="Port of page and carrier; 0 is 8099, or a free one.")
    ] = 0,
    out: Annotated[Path, typer.Option(help="Folder for recordings, tapes, pictures.")] = Path(
        "out"
    ),
    opens: Annotated[bool, typer.Option("--open/--no-open", help="Open the page.")] = True,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON object of addresses, for programs; open none."),
    ] = False,
) -> None:
    """A bot, a local carrier and a page in one: ring up your bot, and see the call as it happens.

    Save the bot's file, a Python file beside it or its .env, and the next call has it; a call that
    goes on keeps the code that it began with. An error is on the page with its line, and the
    version before goes on answering. Every call leaves a stereo WAV and a tape in --out.

    Nothing leaves this machine. Ctrl-C ends all of it."""
    from callbridge.errors import SettingsError
    from callbridge.run.command import RunWish
    from callbridge.run.command import run as running

    if bot is None and model is None:
        raise SettingsError("name a bot file, or a language model with --model")
    wish = RunWish(
        bot=bot or READY_BOT,
        model=model or "",
        texts=text,
        script=script,
        numbers=numbers,
        port=port,
        out=out,
        opens=opens and not as_json,
        as_json=as_json,
    )
    asyncio.run(running(wish, say))
