"""The command line."""

# ruff: noqa: E402 - numpy may only be imported below these lines.

from callbridge.host.blas import keep_to_one_thread

keep_to_one_thread()

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from callbridge.errors import CallbridgeError

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
) -> None:
    """Answer calls with the bot of a file.

    Settings come from the environment or a .env file: TELNYX_API_KEY, TELNYX_PUBLIC_KEY,
    CALLBRIDGE_PUBLIC_URL; TELNYX_BASE_URL for a local carrier. What is missing is named.
    SIGTERM ends gracefully: no new calls, the running ones get CALLBRIDGE_DRAIN_S seconds."""
    from callbridge.errors import SettingsError
    from callbridge.host.bind import bind
    from callbridge.serve import botfile
    from callbridge.serve import process as server
    from callbridge.serve.logs import set_up
    from callbridge.serve.settings import Settings
    from callbridge.timing.loop import new_loop

    if ssl_keyfile and not ssl_certfile:
        raise SettingsError("--ssl-keyfile needs --ssl-certfile")
    certificate = server.Certificate(ssl_certfile, ssl_keyfile) if ssl_certfile else None
    settings = Settings.load()
    set_up(settings.log)
    app = botfile.load(bot)
    app.configure(settings)
    listener = bind(host, port)
    bound = listener.getsockname()[1]

    def started() -> None:
        typer.echo(
            f"callbridge serves {bot} on {'https' if certificate else 'http'}://{host}:{bound}; "
            f"webhooks go to {settings.public_url}/webhooks",
            err=True,
        )

    serving = server.serve(app, listener, started, asgi=asgi, certificate=certificate)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(serving)


@cli.command()
def carrier(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 chooses a free one.")] = 8080,
    api_key: Annotated[
        str, typer.Option(envvar="TELNYX_API_KEY", help="The key that its REST API wants.")
    ] = "local-key",
    webhook_url: Annotated[
        str, typer.Option(help="Where its webhooks go: the bridge's /webhooks.")
    ] = "http://127.0.0.1:8000/webhooks",
    failover_url: Annotated[
        str | None, typer.Option(help="Where they go when that one fails twice.")
    ] = None,
    numbers: Annotated[
        Path | None,
        typer.Option(
            help='Who lives where, as JSON: {"+13125550199": "busy", "+13125550198": {script}}. '
            "busy, no_answer, reject, not_found, or a script that answers."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for recordings and tapes.")] = Path("out"),
    as_json: Json = False,
) -> None:
    """Run the local carrier: the Voice API with real audio, on this machine, with no account.

    Point any SDK or framework at it: TELNYX_BASE_URL=http://127.0.0.1:8080/v2. What a bridge needs
    to know, the public key of its webhooks among it, is printed with --json and written to
    carrier.env in the folder of --out, for `. out/carrier.env`. `callbridge call` lets somebody
    ring in; every call leaves a stereo WAV and a tape in that folder."""
    from callbridge.carrier.config import CarrierConfig
    from callbridge.carrier.net import service
    from callbridge.carrier.net.numbers import read_numbers
    from callbridge.carrier.net.shell import Running
    from callbridge.carrier.net.speaking import speaker
    from callbridge.serve.logs import set_up
    from callbridge.speech import espeak

    set_up("text", logging.WARNING)
    voice = espeak.speak if espeak.available() else None
    environment = out / "carrier.env"
    config = CarrierConfig(
        api_key=api_key,
        webhook_url=webhook_url,
        webhook_failover_url=failover_url,
        numbers=read_numbers(numbers, speaker(voice)) if numbers else {},
    )

    def started(running: Running) -> None:
        base = f"http://{running.host}:{running.port}"
        facts = {
            "TELNYX_BASE_URL": f"{base}/v2",
            "TELNYX_API_KEY": api_key,
            "TELNYX_PUBLIC_KEY": running.public_key,
            "CALLBRIDGE_CONNECTION_ID": config.connection_id,
            "CALLBRIDGE_PUBLIC_URL": webhook_url.removesuffix("/webhooks"),
        }
        environment.parent.mkdir(parents=True, exist_ok=True)
        environment.write_text("".join(f"export {name}={value}\n" for name, value in facts.items()))
        if as_json:
            print(json.dumps(facts), flush=True)
        else:
            print(f"The carrier listens on {base}; its webhooks go to {webhook_url}.")
            print(f"What the bridge needs to know is in {environment}.", flush=True)

    asyncio.run(
        service.run(
            config,
            host=host,
            port=port,
            out_dir=out,
            voice=voice,
            started=started,
        )
    )


@cli.command()
def call(
    script: Annotated[
        Path | None,
        typer.Option(
            help="What the caller does: examples/echo.json. Without one they greet, ask, interrupt "
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

    Exits with 1 if a line of the script's `expect` does not hold. The same by HTTP: POST the script
    to /carrier/calls with the API key as bearer token."""
    from callbridge.carrier.net import ring

    script = script or ring.SOMEBODY
    steps = ring.read_script(script) | ({"to": to} if to else {})
    base = str(script.parent.resolve())

    async def follow() -> dict[str, Any]:
        async with ring.carrier_at(url, api_key) as carrier:
            placed = await carrier.ring(steps, base)
            async for entry in carrier.tape(placed):
                if not as_json:
                    detail = " ".join(f"{key}={value}" for key, value in entry.detail.items())
                    print(f"{entry.at_s:8.3f}  {entry.kind:<18} {detail}", flush=True)
            return await carrier.finished(placed)

    report = asyncio.run(follow())
    if as_json:
        print(json.dumps(report))
    else:
        print(f"{report['hangup_cause']} after {report['duration_s']} s; files: {report['files']}")
        print("".join(f"failed: {line}\n" for line in report["failed"]), end="")
    if report["failed"]:
        raise typer.Exit(1)


@cli.command()
def demo(
    bots: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Bot files, each with its caller script beside it: echo.py, echo.json."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for recordings, tapes, pictures.")] = Path(
        "out"
    ),
    as_json: Json = False,
) -> None:
    """A real call to each bot: carrier and bridge as two processes, the call shown as it happens.

    Without bots, examples/message_desk.py; echo.py and jingle.py are there, too. Leaves a stereo
    WAV, the tape as JSON and a picture of every call. Exits with 1 if a line of a script's `expect`
    does not hold."""
    from rich.console import Console

    from callbridge.demo import command as demonstration

    bots = bots or [Path("examples/message_desk.py")]
    pairings = [demonstration.Pairing(bot, bot.with_suffix(".json")) for bot in bots]
    console = Console(stderr=False, highlight=False)
    ok = asyncio.run(demonstration.demo(pairings, out_dir=out, console=console, as_json=as_json))
    if not ok:
        raise typer.Exit(1)


@cli.command()
def bench(
    url: Annotated[
        str | None,
        typer.Argument(
            help="An endpoint that echoes: ws(s)://… of its media stream, or http(s)://… of its "
            "webhook. Without one our own is started and measured."
        ),
    ] = None,
    calls: Annotated[
        int | None, typer.Option(min=1, help="Just so many calls, instead of up to the knee.")
    ] = None,
    first: Annotated[
        int, typer.Option("--from", min=1, help="The first load on the way to the knee.")
    ] = 50,
    most: Annotated[int, typer.Option(min=1, help="The last one.")] = 2000,
    seconds: Annotated[
        float, typer.Option(min=1, help="How long a load is measured; 1800 is a soak.")
    ] = 10.0,
    window: Annotated[
        float, typer.Option(min=1, help="With --calls: a row for so many seconds of them.")
    ] = 10.0,
    settle: Annotated[
        float, typer.Option(min=0, help="Seconds between a change of the load and measuring it.")
    ] = 2.0,
    codec: Annotated[
        str, typer.Option(help="What callers send: PCMU, PCMA, L16 (16 kHz), or L16/8000.")
    ] = "PCMU",
    reply_codec: Annotated[
        str | None, typer.Option(help="What they hear, if it is another one: L16/24000.")
    ] = None,
    bot_rate: Annotated[int, typer.Option(help="Sample rate of our own echo bot, in Hz.")] = 8000,
    slo_ms: Annotated[
        float, typer.Option(help="What 99 % of the frames must be back in, in milliseconds.")
    ] = 20.0,
    compare: Annotated[
        bool,
        typer.Option(
            help="Run the echo servers of benchmarks/peers at the same load, in turn; with --calls "
            "(50) and --rounds."
        ),
    ] = False,
    peer: Annotated[
        list[str] | None,
        typer.Option(help="Another one: a command that serves /media when run with --port N."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each has its turn.")] = 3,
    asgi: Annotated[
        bool, typer.Option("--asgi", help="Our own endpoint on plain ASGI, as when mounted.")
    ] = False,
    talk: Annotated[
        bool,
        typer.Option(
            "--talk", help="Our own bot talks without end, instead of echoing: how it is paced."
        ),
    ] = False,
    ssl_certfile: Annotated[
        Path | None, typer.Option(help="Our own endpoint with TLS: certificate for localhost.")
    ] = None,
    ssl_keyfile: Annotated[Path | None, typer.Option(help="And its key.")] = None,
    cafile: Annotated[
        Path | None, typer.Option(help="Certificates to trust, for wss:// and https://.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="For a webhook: where the bench takes commands.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its port.")] = 8080,
    api_key: Annotated[
        str, typer.Option(envvar="TELNYX_API_KEY", help="The key that commands must bring.")
    ] = "local-key",
    out: Annotated[Path, typer.Option(help="Folder for bench.json and bench.png.")] = Path("out"),
    as_json: Json = False,
) -> None:
    """Measure what an endpoint adds to a call, and how many calls it carries.

    Calls are real ones, in real time: 20 ms frames that carry their number, made by a process of
    its own, and what comes back is recognised frame by frame. The load grows until the standard
    (--slo-ms, no lost frames, no underruns) breaks; that is the knee. A step at which the load
    generator itself was late is named so and never called a capacity.

    Exits with 1 if the standard did not hold, with 2 if nothing could be measured."""
    from rich.console import Console

    try:
        from callbridge.bench import command as benchmark
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
        tls=benchmark.read_tls(ssl_certfile, ssl_keyfile),
        host=host,
        port=port,
        api_key=api_key,
        cafile=str(cafile) if cafile else None,
        out=out,
    )
    console = Console(highlight=False)
    if not asyncio.run(benchmark.bench(wish, console, as_json=as_json)):
        raise typer.Exit(1)


def main() -> None:
    """Run the command line; an error of ours is one line and exit code 2."""
    try:
        cli()
    except CallbridgeError as error:
        print(f"callbridge: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
