"""The command line."""

# ruff: noqa: E402 - numpy may only be imported below these lines.

from callbridge.host.blas import keep_to_one_thread

keep_to_one_thread()

import asyncio
import json
import logging
import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import typer

from callbridge import __version__
from callbridge.errors import CallbridgeError
from callbridge.host.usage import GroupedCommand

cli = typer.Typer(
    name="callbridge",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # [brackets] in a help text are brackets
)

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")]

STOPPED = 130  # the exit code of what Ctrl-C has ended, as shells have it


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


@cli.command(cls=GroupedCommand)
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

    def say(sentence: str) -> None:
        if form_here(settings.log) == "text":
            _say(sentence)
        else:
            log.info(sentence)  # every line of a JSON log is JSON

    def started() -> None:
        say(
            f"callbridge serves {bot} on {'https' if certificate else 'http'}://{host}:{bound}; "
            f"webhooks go to {settings.public_url}/webhooks"
        )
        for doubt in server.doubts(app, settings, bound):
            say(doubt)

    def leaving(calls: int, within_s: float) -> None:
        say(
            f"no new calls; {_count(calls, 'call')} may go on for {within_s:g} s, "
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
    return asyncio.run(Reloader(command, folder, _say).run())


def _say(sentence: str) -> None:
    """To the person at the terminal, over the ^C that it may show."""
    over = "\r" if sys.stderr.isatty() else ""
    print(f"{over}{sentence}", file=sys.stderr, flush=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


@cli.command(cls=GroupedCommand)
def new(
    folder: Annotated[
        Path, typer.Argument(help="The folder to write; the bot is named like it: mybot.")
    ],
    keys: Annotated[
        bool, typer.Option("--keys", help="A bot of keys alone, which needs no speech engines.")
    ] = False,
) -> None:
    """Write a bot to begin with: it runs as it is, and so do its caller and its tests.

    Without the engines of callbridge[speech] it is a bot of keys."""
    from callbridge.new import folder as originals

    speech = originals.can_speak()
    files = originals.write(folder, speech=speech and not keys)
    print("\n".join(map(str, files)))
    if not speech and not keys:
        print("It takes keys; to hear and to speak: pip install 'callbridge[speech]'")
    print(f"\nA call to it, shown as it happens: cd {shlex.quote(str(folder))} && "
          f"callbridge demo {files[0].stem}.py")  # fmt: skip


@cli.command(cls=GroupedCommand)
def carrier(
    context: typer.Context,
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
    texml_url: Annotated[
        str | None,
        typer.Option(help="Calls are led by TeXML documents, fetched here: the bridge's /texml."),
    ] = None,
    texml_number: Annotated[
        list[str] | None,
        typer.Option(help="Only calls to this number are; may be given again for others."),
    ] = None,
    texml_method: Annotated[
        Literal["GET", "POST"], typer.Option(help="How the first document is fetched.")
    ] = "POST",
    texml_fallback_url: Annotated[
        str | None, typer.Option(help="What is asked for a document when that fails.")
    ] = None,
    texml_status_url: Annotated[
        str | None,
        typer.Option(help="What is told of those calls' ends: the bridge's /webhooks takes it."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for recordings and tapes.")] = Path("out"),
    as_json: Json = False,
) -> None:
    """Run the local carrier: the Voice API with real audio, on this machine, with no account.

    Point any SDK or framework at it: TELNYX_BASE_URL=http://127.0.0.1:8080/v2. What a bridge needs
    to know, the public key of its webhooks among it, is printed with --json and written to
    carrier.env in the folder of --out, for `. out/carrier.env`. An API key out of your environment
    is not written: it is there already.

    `callbridge call` lets somebody ring in; every call leaves a stereo WAV and a tape in that
    folder."""
    from callbridge.carrier.config import CarrierConfig, TexmlApplication
    from callbridge.carrier.net import environment, service
    from callbridge.carrier.net.numbers import read_numbers
    from callbridge.carrier.net.shell import Running
    from callbridge.carrier.net.speaking import speaker
    from callbridge.errors import SettingsError
    from callbridge.serve.logs import set_up
    from callbridge.serve.settings import is_loopback
    from callbridge.speech import espeak, offline

    set_up("text", logging.WARNING)
    voice = espeak.speak if espeak.available() else None
    engines = offline.offline() if offline.installed() else None
    file = out / "carrier.env"
    source = context.get_parameter_source("api_key")
    key_is_ours = source is None or source.name != "ENVIRONMENT"
    urls = (webhook_url, texml_url, texml_fallback_url, texml_status_url)
    stays_here = is_loopback(host) and all(
        is_loopback(urlsplit(url).hostname or "") for url in urls if url
    )
    if texml_url is None and (texml_number or texml_fallback_url or texml_status_url):
        raise SettingsError("what the options --texml-… say is said of --texml-url: give that, too")
    config = CarrierConfig(
        api_key=api_key,
        webhook_url=webhook_url,
        webhook_failover_url=failover_url,
        texml=TexmlApplication(
            voice_url=texml_url,
            voice_method=texml_method,
            fallback_url=texml_fallback_url,
            status_url=texml_status_url,
            numbers=frozenset(texml_number or ()),
        )
        if texml_url
        else None,
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
        environment.write(
            file, {k: v for k, v in facts.items() if k != "TELNYX_API_KEY" or key_is_ours}
        )
        if as_json:
            print(json.dumps(facts), flush=True)
        else:
            print(f"The carrier listens on {base}; its webhooks go to {webhook_url}.")
            if texml_url:
                whose = ", ".join(texml_number or ()) or "all numbers"
                print(f"Documents for calls to {whose} are fetched from {texml_url}.")
            print(f"What the bridge needs to know is in {file}.", flush=True)

    asyncio.run(
        service.run(
            config,
            host=host,
            port=port,
            out_dir=out,
            key=service.signing_key(api_key) if stays_here else None,
            voice=voice,
            engines=engines,
            started=started,
        )
    )


@cli.command(cls=GroupedCommand)
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
        _say("hanging up; Ctrl-C again leaves at once")

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


@cli.command(cls=GroupedCommand)
def demo(
    bots: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Bot files, each with its caller script beside it (bot.py, bot.json), or examples "
            "that come with Callbridge: echo, jingle, message_desk."
        ),
    ] = None,
    caller: Annotated[
        Path | None,
        typer.Option(help="The script of who rings, instead of the one beside each bot."),
    ] = None,
    numbers: Annotated[
        Path | None, typer.Option(help="Who lives where, as JSON: as of `callbridge carrier`.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for recordings, tapes, pictures.")] = Path(
        "out"
    ),
    as_json: Json = False,
) -> None:
    """A real call to each bot: carrier and bridge as two processes, the call shown as it happens.

    Without bots, message_desk. A bot without a script is rung by somebody who greets, asks,
    interrupts and hangs up. Leaves a stereo WAV, the tape as JSON and a picture of every call.
    Exits with 1 if a line of a script's `expect` does not hold."""
    from callbridge.carrier.net import ring
    from callbridge.demo import command as demonstration
    from callbridge.demo import examples
    from callbridge.host import terminal

    own = bool(bots)
    bots = bots or [Path(examples.DEFAULT)]
    files = [bot if bot.suffix else examples.path(str(bot)) for bot in bots]
    pairings = [demonstration.Pairing(bot, caller or ring.script_beside(bot)) for bot in files]
    showing = demonstration.demo(
        pairings, out_dir=out, console=terminal.console(), numbers=numbers, as_json=as_json
    )
    ok = asyncio.run(showing)
    if ok and not own and not as_json:
        print("        next  a bot of your own: callbridge new mybot")
    if not ok:
        raise typer.Exit(1)


LOAD, SOUND, OURS, THEIRS, OTHERS = (
    "How many calls, and for how long",
    "What is spoken",
    "Our own endpoint",
    "Somebody's endpoint",
    "Side by side with others",
)


@cli.command(cls=GroupedCommand)
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
            help="What callers send: PCMU, PCMA, L16 (16 kHz), or L16/8000.", rich_help_panel=SOUND
        ),
    ] = "PCMU",
    reply_codec: Annotated[
        str | None,
        typer.Option(
            help="What they hear, if it is another one: L16/24000.", rich_help_panel=SOUND
        ),
    ] = None,
    bot_rate: Annotated[
        int, typer.Option(help="Sample rate of our own echo bot, in Hz.", rich_help_panel=SOUND)
    ] = 8000,
    slo_ms: Annotated[
        float,
        typer.Option(
            help="What 99 % of the frames must be back in, in milliseconds.", rich_help_panel=LOAD
        ),
    ] = 20.0,
    compare: Annotated[
        bool,
        typer.Option(
            help="Run the echo servers of benchmarks/peers at the same load, in turn; with --calls "
            "(50) and --rounds.",
            rich_help_panel=OTHERS,
        ),
    ] = False,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            help="Another one: a command that serves /media when run with --port N.",
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

    Exits with 1 if the standard did not hold, with 2 if nothing could be measured."""
    from callbridge.host import terminal

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
    if not asyncio.run(benchmark.bench(wish, terminal.console(), as_json=as_json)):
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
