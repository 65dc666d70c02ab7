"""The command line."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from bridge.errors import CallbridgeError

cli = typer.Typer(
    name="callbridge",
    help="Answers phone calls with bots, and brings a local carrier to try them against.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")]


@cli.command()
def serve(
    bot: Annotated[str, typer.Argument(help="A bot file: bot.py, or bot.py:NAME of its App.")],
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 chooses a free one.")] = 8000,
) -> None:
    """Answer calls with the bot of a file.

    Settings come from the environment or a .env file: TELNYX_API_KEY, TELNYX_PUBLIC_KEY,
    CALLBRIDGE_PUBLIC_URL; TELNYX_BASE_URL for a local carrier. What is missing is named.
    SIGTERM ends gracefully: no new calls, the running ones get CALLBRIDGE_DRAIN_S seconds."""
    from bridge.console import botfile, serve as server
    from bridge.logs import set_up
    from bridge.settings import Settings

    settings = Settings.load()
    set_up(settings.log)
    app = botfile.load(bot)
    app.configure(settings)
    listener = server.bind(host, port)
    bound = listener.getsockname()[1]

    def started() -> None:
        typer.echo(
            f"callbridge serves {bot} on http://{host}:{bound}; "
            f"webhooks go to {settings.public_url}/webhooks",
            err=True,
        )

    asyncio.run(server.serve(app, listener, started))


def main() -> None:
    """Run the command line; an error of ours is one line and exit code 2."""
    try:
        cli()
    except CallbridgeError as error:
        print(f"callbridge: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
