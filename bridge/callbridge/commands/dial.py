"""`callbridge dial`: rings somebody up, and says how it came out."""

import json
from typing import Annotated

import typer

from callbridge.commands.options import STOPPED, AmdChoice, Json, VoiceName, say
from callbridge.errors import CallbridgeError


def dial(
    to: Annotated[str, typer.Argument(help="Who is rung: a number or a SIP address.")],
    from_: Annotated[str, typer.Option("--from", help="Your number, which they see.")],
    text: Annotated[
        str | None,
        typer.Option("--say", metavar="TEXT", help="What the platform says when they answer."),
    ] = None,
    stay: Annotated[
        bool, typer.Option("--stay", help="Do not hang up when that was said.")
    ] = False,
    voice: VoiceName = "AWS.Polly.Joanna",
    conference: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The conference that they join; made if there is none."),
    ] = None,
    amd: AmdChoice = None,
    timeout: Annotated[int, typer.Option(min=5, max=600, help="Seconds that it may ring.")] = 30,
    as_json: Json = False,
) -> None:
    """Ring somebody up, and say how it came out: answered, busy, no answer.

    \b
    Example:
      callbridge dial +13125550199 --from +13125550100 \\
        --say "The build is red."

    The call is one of the connection CALLBRIDGE_CONNECTION_ID, and goes on when they have
    answered, led by whoever gets the webhooks of that connection; with --say it ends when that was
    said. How it came out is asked of the platform: nothing here needs to be reached from outside.
    Ctrl-C hangs up. Exits with 1 unless they answered."""
    from callbridge.desk.desk import ask
    from callbridge.desk.dialling import DialWish
    from callbridge.desk.dialling import dial as ring

    if text and conference:
        raise CallbridgeError(
            "--say is for a call of its own: say it with `callbridge conference speak`"
        )
    wish = DialWish(
        to=to,
        from_=from_,
        say=text,
        voice=voice,
        stay=stay,
        conference=conference,
        amd=amd,
        timeout_s=timeout,
    )
    tell = _nothing if as_json else _line
    try:
        out = ask(lambda desk: ring(desk, wish, tell))
    except KeyboardInterrupt:
        say("hung up")
        raise typer.Exit(STOPPED) from None
    if as_json:
        print(json.dumps(out.shown(wish)))
    elif out.outcome != "answered":
        print(out.outcome.replace("_", " ") + (f": {out.hangup_cause}" if out.hangup_cause else ""))
    if out.outcome != "answered":
        raise typer.Exit(1)


def _line(sentence: str) -> None:
    print(sentence, flush=True)


def _nothing(_: str) -> None:
    pass
