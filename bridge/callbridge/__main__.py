"""The command line."""

# ruff: noqa: E402 - numpy may only be imported below these lines.

from callbridge.host.blas import keep_to_one_thread

keep_to_one_thread()

import sys
from typing import Annotated

import typer

from callbridge import __version__
from callbridge.commands.bench import bench
from callbridge.commands.call import call
from callbridge.commands.calls import calls
from callbridge.commands.carrier import carrier
from callbridge.commands.conference import conference
from callbridge.commands.demo import demo
from callbridge.commands.desk import desk
from callbridge.commands.dial import dial
from callbridge.commands.new import new
from callbridge.commands.probe import probe
from callbridge.commands.queue import queue
from callbridge.commands.run import run
from callbridge.commands.serve import serve
from callbridge.commands.talk import talk
from callbridge.errors import CallbridgeError
from callbridge.host.usage import GroupedCommand, OrderedGroup

cli = typer.Typer(
    name="callbridge",
    cls=OrderedGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # [brackets] in a help text are brackets
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"callbridge {__version__}")
        raise typer.Exit


@cli.callback()
def callbridge(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Answers phone calls with bots, and brings a local carrier to try them against."""


for command in (run, serve, new, talk, carrier, call, dial, demo, probe, bench):
    cli.command(cls=GroupedCommand)(command)
for name, group in {"calls": calls, "conference": conference, "queue": queue, "desk": desk}.items():
    cli.add_typer(group, name=name)


def main() -> None:
    """Run the command line; an error of ours is one line and exit code 2."""
    try:
        cli()
    except CallbridgeError as error:
        print(f"callbridge: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
