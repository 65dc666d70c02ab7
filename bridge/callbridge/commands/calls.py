"""`callbridge calls`: the calls that go on, and what can be done to one of them."""

from typing import Annotated

import typer

from callbridge.commands.answers import asked, done, done_to_each
from callbridge.commands.options import (
    AmdChoice,
    Array,
    Json,
    LanguageCode,
    NamedCall,
    ParkIt,
    RecordVerbs,
    VoiceName,
)
from callbridge.errors import CallbridgeError
from callbridge.host.usage import GroupedCommand, ListedGroup

calls = typer.Typer(cls=ListedGroup, rich_markup_mode=None)
command = calls.command(cls=GroupedCommand)


@calls.callback()
def about() -> None:
    """Look at the calls that go on, and act on one: hang up, transfer, speak, record.

    The account is that of TELNYX_API_KEY, TELNYX_BASE_URL and CALLBRIDGE_CONNECTION_ID: a local
    carrier writes them to out/carrier.env. Without a verb, the calls are listed.

    A call is named by its id, by the end of it, as the list shows it, or by its number:

    \b
    Example:
      callbridge calls transfer dARjOc8s +13125550199
    """


@calls.command("list", cls=GroupedCommand)
def list_(
    numbers: Annotated[
        bool,
        typer.Option(
            help="Look up each call's numbers and state, a request for each: the list has none."
        ),
    ] = True,
    as_json: Array = False,
) -> None:
    """List the calls of the connection that go on."""
    from callbridge.desk import calls, tables

    asked(lambda desk: calls.listed(desk, numbers=numbers), tables.of_calls, as_json=as_json)


@command
def show(call: NamedCall, as_json: Json = False) -> None:
    """Show one call, and what has happened on it.

    A call that has ended can be shown for ten minutes, by its whole id."""
    from callbridge.desk import calls, tables

    asked(lambda desk: calls.shown(desk, call), tables.of_call, as_json=as_json)


@command
def hangup(
    call: Annotated[
        list[str] | None,
        typer.Argument(help="The calls, each by its id, the end of it, or its number."),
    ] = None,
    all_of_them: Annotated[
        bool, typer.Option("--all", help="Hang up every call of the connection.")
    ] = False,
    as_json: Array = False,
) -> None:
    """Hang up one call, or several."""
    from callbridge.desk import calls

    if bool(call) == all_of_them:
        raise CallbridgeError("name the calls to hang up, or say --all, and not both")
    done_to_each(
        lambda desk: calls.hang_up(desk, call or (), all_of_them=all_of_them),
        "No call goes on.",
        as_json=as_json,
    )


@command
def answer(call: NamedCall, as_json: Json = False) -> None:
    """Answer a call that rings in."""
    from callbridge.desk import calls

    done(lambda desk: calls.answer(desk, call), as_json=as_json)


@command
def reject(
    call: NamedCall,
    busy: Annotated[
        bool, typer.Option("--busy", help="As busy; else as refused by a person.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Refuse a call that rings in."""
    from callbridge.desk import calls

    done(lambda desk: calls.reject(desk, call, busy=busy), as_json=as_json)


@command
def transfer(
    call: NamedCall,
    to: Annotated[str, typer.Argument(help="Who is rung: a number or a SIP address.")],
    from_: Annotated[
        str | None, typer.Option("--from", help="The number that they see; else the caller's.")
    ] = None,
    timeout: Annotated[
        int | None, typer.Option(min=5, max=600, help="Seconds that it may ring; else 30.")
    ] = None,
    amd: AmdChoice = None,
    park: ParkIt = False,
    as_json: Json = False,
) -> None:
    """Ring somebody, and join them with the call when they answer."""
    from callbridge.desk import calls

    done(
        lambda desk: calls.transfer(
            desk, call, to, from_=from_, timeout_s=timeout, amd=amd, park=park
        ),
        as_json=as_json,
    )


@command
def refer(
    call: NamedCall,
    to: Annotated[str, typer.Argument(help="A SIP address: sip:desk@example.com.")],
    as_json: Json = False,
) -> None:
    """Have the caller's own telephone call somebody else (SIP REFER)."""
    from callbridge.desk import calls

    done(lambda desk: calls.refer(desk, call, to), as_json=as_json)


@command
def bridge(
    call: NamedCall,
    other: Annotated[str, typer.Argument(help="The other call, named in the same way.")],
    park: ParkIt = False,
    as_json: Json = False,
) -> None:
    """Join two calls, so that they hear each other."""
    from callbridge.desk import calls

    done(lambda desk: calls.bridge(desk, call, other, park=park), as_json=as_json)


@command
def speak(
    call: NamedCall,
    text: Annotated[str, typer.Argument(help="Up to 3000 characters.")],
    voice: VoiceName = "AWS.Polly.Joanna",
    language: LanguageCode = None,
    as_json: Json = False,
) -> None:
    """Have the platform say something to a call.

    \b
    Example:
      callbridge calls speak dARjOc8s "One moment, please."
    """
    from callbridge.desk import calls

    done(
        lambda desk: calls.speak(desk, call, text, voice=voice, language=language),
        as_json=as_json,
    )


@command
def play(
    call: NamedCall,
    sound: Annotated[
        str, typer.Argument(help="The address of a WAV or MP3 file, or the name of an upload.")
    ],
    loop: Annotated[int | None, typer.Option(min=1, max=100, help="How often.")] = None,
    as_json: Json = False,
) -> None:
    """Play a file to a call."""
    from callbridge.desk import calls

    done(lambda desk: calls.play(desk, call, sound, loop=loop), as_json=as_json)


@command
def stop(call: NamedCall, as_json: Json = False) -> None:
    """Stop all that is played or spoken to a call."""
    from callbridge.desk import calls

    done(lambda desk: calls.stop(desk, call), as_json=as_json)


@command
def dtmf(
    call: NamedCall,
    digits: Annotated[
        str, typer.Argument(help="0-9 A-D * #; w waits half a second, W a whole one.")
    ],
    as_json: Json = False,
) -> None:
    """Press keys, for the far end to hear."""
    from callbridge.desk import calls

    done(lambda desk: calls.press(desk, call, digits), as_json=as_json)


@command
def record(call: NamedCall, verb: RecordVerbs = "start", as_json: Json = False) -> None:
    """Record a call, pause, resume or stop.

    \b
    Example:
      callbridge calls record dARjOc8s stop
    """
    from callbridge.desk import calls

    done(lambda desk: calls.record(desk, call, verb), as_json=as_json)
