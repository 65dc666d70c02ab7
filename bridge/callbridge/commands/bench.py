"""`callbridge bench`: what an endpoint adds to a call, and how many it carries."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from callbridge.commands.options import Json
from callbridge.errors import CallbridgeError

LOAD, SOUND, RELAY, OURS, THEIRS, OTHERS = (
    "How many calls, and for how long",
    "What is spoken",
    "Conversation Relay",
    "Our own endpoint",
    "Somebody's endpoint",
    "Side by side with others",
)


def bench(
    url: Annotated[
        str | None,
        typer.Argument(
            help="An endpoint that echoes: ws(s)://… of its media stream, or http(s)://… of its "
            "webhook. Without one our own is started and measured."
        ),
    ] = None,
    calls: Annotated[
        int | None,
        typer.Option(
            min=1, help="Just so many calls, instead of up to the knee.", rich_help_panel=LOAD
        ),
    ] = None,
    first: Annotated[
        int,
        typer.Option(
            "--from", min=1, help="The first load on the way to the knee.", rich_help_panel=LOAD
        ),
    ] = 50,
    most: Annotated[int, typer.Option(min=1, help="The last one.", rich_help_panel=LOAD)] = 2000,
    seconds: Annotated[
        float,
        typer.Option(
            min=1, help="How long a load is measured; 1800 is a soak.", rich_help_panel=LOAD
        ),
    ] = 10.0,
    window: Annotated[
        float,
        typer.Option(
            min=1, help="With --calls: a row for so many seconds of them.", rich_help_panel=LOAD
        ),
    ] = 10.0,
    settle: Annotated[
        float,
        typer.Option(
            min=0,
            help="Seconds between a change of the load and measuring it.",
            rich_help_panel=LOAD,
        ),
    ] = 2.0,
    codec: Annotated[
        str,
        typer.Option(
            help="What callers send: PCMU, PCMA, G722, OPUS, AMR-WB, L16 (16 kHz), or L16/8000.",
            rich_help_panel=SOUND,
        ),
    ] = "PCMU",
    reply_codec: Annotated[
        str | None,
        typer.Option(
            help="What they hear, if it is another one: L16/24000.", rich_help_panel=SOUND
        ),
    ] = None,
    bot_rate: Annotated[
        int | None,
        typer.Option(
            help="Sample rate of our own echo bot, in Hz; that of what callers send, if not given.",
            rich_help_panel=SOUND,
        ),
    ] = None,
    relay: Annotated[
        bool,
        typer.Option(
            "--relay",
            help="Text instead of audio: prompts, and the tokens of their answers.",
            rich_help_panel=RELAY,
        ),
    ] = False,
    tokens: Annotated[int, typer.Option(min=1, help="Of an answer.", rich_help_panel=RELAY)] = 20,
    token_ms: Annotated[
        int,
        typer.Option(
            min=0,
            help="From one to the next; the first is there at once.",
            rich_help_panel=RELAY,
        ),
    ] = 15,
    every: Annotated[
        float,
        typer.Option(
            min=0.1, help="Seconds from a call's prompt to its next.", rich_help_panel=RELAY
        ),
    ] = 10.0,
    slo_ms: Annotated[
        float,
        typer.Option(
            help="What 99 % of the frames, or first tokens, must be back in, in milliseconds.",
            rich_help_panel=LOAD,
        ),
    ] = 20.0,
    compare: Annotated[
        bool,
        typer.Option(
            help="Run the servers of benchmarks/peers at the same load, in turn; with --calls "
            "(50) and --rounds.",
            rich_help_panel=OTHERS,
        ),
    ] = False,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            help="Another one: a command that serves /media or /relay when run with --port N.",
            rich_help_panel=OTHERS,
        ),
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, help="How often each has its turn.", rich_help_panel=OTHERS)
    ] = 3,
    asgi: Annotated[
        bool,
        typer.Option(
            "--asgi", help="Our own endpoint on plain ASGI, as when mounted.", rich_help_panel=OURS
        ),
    ] = False,
    talk: Annotated[
        bool,
        typer.Option(
            "--talk",
            help="Our own bot talks without end, instead of echoing: how it is paced.",
            rich_help_panel=OURS,
        ),
    ] = False,
    ssl_certfile: Annotated[
        Path | None,
        typer.Option(
            help="Our own endpoint with TLS: certificate for localhost.", rich_help_panel=OURS
        ),
    ] = None,
    ssl_keyfile: Annotated[
        Path | None, typer.Option(help="And its key.", rich_help_panel=OURS)
    ] = None,
    cafile: Annotated[
        Path | None,
        typer.Option(
            help="Certificates to trust, for wss:// and https://.", rich_help_panel=THEIRS
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(help="For a webhook: where the bench takes commands.", rich_help_panel=THEIRS),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its port.", rich_help_panel=THEIRS)] = 8080,
    api_key: Annotated[
        str,
        typer.Option(
            envvar="TELNYX_API_KEY",
            help="The key that commands must bring.",
            rich_help_panel=THEIRS,
        ),
    ] = "local-key",
    out: Annotated[Path, typer.Option(help="Folder for bench.json and bench.png.")] = Path("out"),
    as_json: Json = False,
) -> None:
    """Measure what an endpoint adds to a call, and how many calls it carries.

    Calls are real ones, in real time: 20 ms frames that carry their number, made by a process of
    its own, and what comes back is recognised frame by frame. The load grows until the standard
    (--slo-ms, no lost frames, no underruns) breaks; that is the knee. A step at which the load
    generator itself was late is named so and never called a capacity.

    With --relay a call is a relay session. Each prompt is answered by tokens, and the standard is
    about the first of them.

    Exits with 1 if the standard did not hold, with 2 if nothing could be measured."""
    from callbridge.host import terminal

    try:
        from callbridge.bench import command as benchmark
        from callbridge.bench.relay_script import RelayLoad
        from callbridge.bench.results import Slo
    except ModuleNotFoundError as missing:
        raise CallbridgeError(
            f"the bench needs {missing.name}: pip install 'callbridge[bench]'"
        ) from None

    wish = benchmark.Wish(
        url=url,
        calls=calls,
        first=first,
        most=max(most, first),
        seconds=seconds,
        window=window,
        settle=settle,
        rounds=rounds,
        compare=compare,
        peers=tuple(peer or ()),
        sound=benchmark.read_sound(codec, reply_codec, bot_rate),
        slo=Slo(p99_ms=slo_ms, echo=not talk),
        asgi=asgi,
        talk=talk,
        relay=RelayLoad(tokens=tokens, token_ms=token_ms, every_s=every) if relay else None,
        tls=benchmark.read_tls(ssl_certfile, ssl_keyfile),
        host=host,
        port=port,
        api_key=api_key,
        cafile=str(cafile) if cafile else None,
        out=out,
    )
    if not asyncio.run(benchmark.bench(wish, terminal.console(), as_json=as_json)):
        raise typer.Exit(1)
