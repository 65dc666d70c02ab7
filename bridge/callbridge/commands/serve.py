"""`callbridge serve`: answers calls with the bot of a file."""

import asyncio
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from callbridge.commands.options import Host, count, say


def serve(
    bot: Annotated[
        str,
        typer.Argument(
            help="A bot file: bot.py, or bot.py:NAME of its App; or a bot that is installed, as "
            "callbridge.bots.llm:bot (docs/llm.md)."
        ),
    ],
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 chooses a free one.")] = 8000,
    ssl_certfile: Annotated[
        Path | None, typer.Option(help="Certificate in PEM, to serve https and wss.")
    ] = None,
    ssl_keyfile: Annotated[
        Path | None, typer.Option(help="Its key, if it is not in the same file.")
    ] = None,
    asgi: Annotated[
        bool,
        typer.Option("--asgi", help="Media on plain ASGI: slower; what mounting the app gives."),
    ] = False,
    reload: Annotated[
        bool,
        typer.Option(
            "--reload", help="Begin anew when a Python file beside the bot, or its .env, is saved."
        ),
    ] = False,
) -> None:
    """Answer calls with the bot of a file.

    Settings come from the environment, from an .env file beside the bot, or from one in the working
    directory: TELNYX_API_KEY, TELNYX_PUBLIC_KEY, CALLBRIDGE_PUBLIC_URL; TELNYX_BASE_URL for a local
    carrier. What is missing is named.

    Ctrl-C or SIGTERM ends gracefully: no new calls, the running ones get CALLBRIDGE_DRAIN_S
    seconds. A second one hangs up. Logs are text on a terminal and JSON elsewhere, unless
    CALLBRIDGE_LOG says which. With --reload a save ends the server in the same way, and a new one
    begins after it."""
    from callbridge.errors import SettingsError
    from callbridge.host.bind import bind
    from callbridge.serve import botfile
    from callbridge.serve import process as server
    from callbridge.serve.logs import form_here, set_up
    from callbridge.serve.settings import Settings
    from callbridge.timing.loop import new_loop

    if reload:
        raise typer.Exit(_serve_again(botfile.path(bot).parent))
    if ssl_keyfile and not ssl_certfile:
        raise SettingsError("--ssl-keyfile needs --ssl-certfile")
    certificate = server.Certificate(ssl_certfile, ssl_keyfile) if ssl_certfile else None
    settings = Settings.load(beside=botfile.path(bot).parent)
    set_up(settings.log)
    log = logging.getLogger("callbridge")
    app = botfile.load(bot)
    app.configure(settings)
    listener = bind(host, port)
    bound = listener.getsockname()[1]

    def tell(sentence: str) -> None:
        if form_here(settings.log) == "text":
            say(sentence)
        else:
            log.info(sentence)  # every line of a JSON log is JSON

    def started() -> None:
        tell(
            f"callbridge serves {bot} on {'https' if certificate else 'http'}://{host}:{bound}; "
            f"webhooks go to {settings.public_url}/webhooks"
        )
        for doubt in server.doubts(app, settings, bound):
            tell(doubt)

    def leaving(calls: int, within_s: float) -> None:
        tell(
            f"no new calls; {count(calls, 'call')} may go on for {within_s:g} s, "
            "Ctrl-C or SIGTERM again hangs up now"
        )

    serving = server.serve(
        app, listener, started, leaving=leaving, asgi=asgi, certificate=certificate
    )
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(serving)


def _serve_again(folder: Path) -> int:
    """The same command without --reload, in a process of its own. Returns its exit code."""
    from callbridge.host.child import ourselves
    from callbridge.serve.reload import Reloader

    command = ourselves(*(arg for arg in sys.argv[1:] if arg != "--reload"))
    return asyncio.run(Reloader(command, folder, say).run())
