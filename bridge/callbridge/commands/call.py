"""`callbridge call`: somebody rings in at a running carrier."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from callbridge.commands.options import STOPPED, Json, say


def call(
    script: Annotated[
        Path | None,
        typer.Option(
            help="What the caller does, as JSON. Without one they greet, ask, interrupt "
            "and hang up."
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="The number to ring instead of the script's.")
    ] = None,
    url: Annotated[
        str, typer.Option(help="Address of the local carrier.")
    ] = "http://127.0.0.1:8080",
    api_key: Annotated[
        str, typer.Option(envvar="TELNYX_API_KEY", help="The carrier's API key.")
    ] = "local-key",
    as_json: Json = False,
) -> None:
    """Let a scripted caller ring in at a running `callbridge carrier`, and follow the call.

    Ctrl-C hangs up. Exits with 1 if a line of the script's `expect` does not hold. The same by
    HTTP: POST the script to /carrier/calls with the API key as bearer token."""
    from callbridge.carrier.core.report import TapeEntry
    from callbridge.carrier.net import ring
    from callbridge.carrier.net.follow import Followed, follow
    from callbridge.carrier.people.script import parse_script
    from callbridge.demo import outcome
    from callbridge.demo.live import Story, shown
    from callbridge.host import terminal

    script = script or ring.SOMEBODY
    steps = ring.read_script(script) | ({"to": to} if to else {})
    base = str(script.parent.resolve())
    console = terminal.silent() if as_json else terminal.console()
    story = Story(steps=True)

    def tell(entry: TapeEntry) -> None:
        if line := story.tape(entry):
            console.print(shown(line), soft_wrap=True)

    def hanging_up() -> None:
        say("hanging up; Ctrl-C again leaves at once")

    async def ringing() -> Followed:
        async with ring.carrier_at(url, api_key) as carrier:
            return await follow(carrier, steps, base, tell=tell, hanging_up=hanging_up)

    report, stopped = asyncio.run(ringing())
    if as_json:
        print(json.dumps(report))
    elif report["files"]["wav"]:
        wav, tape = Path(report["files"]["wav"]), Path(report["files"]["json"])
        found = outcome.checks(parse_script(steps).expect, report["failed"])
        ended = outcome.of_call("", wav, tape, wav.with_suffix(".png"), found, {})
        console.print(outcome.render(ended))
    else:
        print(f"{outcome.WHO.get(report['hangup_source'], 'the network')} ended the call: "
              f"{report['hangup_cause']}; no recording was written")  # fmt: skip
        print("".join(f"failed: {outcome.in_words(line)}\n" for line in report["failed"]), end="")
    if stopped:
        raise typer.Exit(STOPPED)
    if report["failed"]:
        raise typer.Exit(1)
