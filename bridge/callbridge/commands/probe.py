"""`callbridge probe`: what of an endpoint would fail in production."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from callbridge.commands.options import Json
from callbridge.errors import CallbridgeError

WHAT, WEBHOOK, PACE = "What it is", "For a webhook", "How long it waits"


def probe(
    url: Annotated[
        str,
        typer.Argument(
            help="ws(s)://… of a Conversation Relay or a media stream, or http(s)://… of a webhook."
        ),
    ],
    relay: Annotated[
        bool, typer.Option("--relay", help="It is a Conversation Relay.", rich_help_panel=WHAT)
    ] = False,
    media: Annotated[
        bool, typer.Option("--media", help="It is a media stream.", rich_help_panel=WHAT)
    ] = False,
    to: Annotated[
        str, typer.Option(help="The number that is rung.", rich_help_panel=WHAT)
    ] = "+13125550100",
    patience: Annotated[
        float,
        typer.Option(min=0.1, help="Seconds for an answer to begin.", rich_help_panel=PACE),
    ] = 10.0,
    greeting: Annotated[
        float,
        typer.Option(
            min=0, help="Seconds for a greeting to begin, on the first call.", rich_help_panel=PACE
        ),
    ] = 3.0,
    idle: Annotated[
        float,
        typer.Option(
            min=0, help="Seconds of silence that must not end a call.", rich_help_panel=PACE
        ),
    ] = 3.0,
    grace: Annotated[
        float,
        typer.Option(
            min=0,
            help="Seconds on top of a round trip in which an interrupt must be obeyed.",
            rich_help_panel=PACE,
        ),
    ] = 0.1,
    host: Annotated[
        str, typer.Option(help="Where commands are taken.", rich_help_panel=WEBHOOK)
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its port.", rich_help_panel=WEBHOOK)] = 8080,
    api_key: Annotated[
        str,
        typer.Option(
            envvar="TELNYX_API_KEY",
            help="The key that commands must bring, and that webhooks are signed with the key of.",
            rich_help_panel=WEBHOOK,
        ),
    ] = "local-key",
    cafile: Annotated[
        Path | None, typer.Option(help="Certificates to trust, for wss:// and https://.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what in an endpoint would fail in production.

    It runs the platform's side, strict, against anybody's Conversation Relay, media stream or
    webhook: a call for each thing that is tried. Every finding names the rule that it breaks;
    docs/probe.md lists them.

    Exits with 1 if something is broken that an endpoint must do, with 2 if it could not be
    probed."""
    from callbridge.host import terminal
    from callbridge.probe import command
    from callbridge.probe.calls import ProbePace
    from callbridge.probe.run import ProbeWish

    if relay and media:
        raise CallbridgeError("an address is one of a relay or of a media stream, not of both")
    wish = ProbeWish(
        url=url,
        kind="relay" if relay else "media" if media else None,
        to=to,
        pace=ProbePace(patience=patience, greeting=greeting, idle=idle, grace=grace),
        host=host,
        port=port,
        api_key=api_key,
        cafile=str(cafile) if cafile else None,
    )
    if not asyncio.run(command.run(wish, terminal.console(), as_json=as_json)):
        raise typer.Exit(1)
