"""`callbridge bench`: what an endpoint adds to a call, and how many calls it carries.

The endpoint, the load generator and this are three processes; this one only watches and thinks."""

import asyncio
import importlib.util
import json
import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from callbridge.bench import report
from callbridge.bench.doors import public_key
from callbridge.bench.figures import merge
from callbridge.bench.ramp import Drift, Ramp, drift
from callbridge.bench.relay_script import CHARACTERS, RelayLoad
from callbridge.bench.results import Figures, Knee, Slo
from callbridge.bench.run import Run
from callbridge.bench.session import LoadSound, Seats, Session, Tls, foreign, own, peer, seats
from callbridge.bench.toned import forms
from callbridge.errors import CallbridgeError
from callbridge.host import terminal
from callbridge.host.child import ended_by_sigterm
from callbridge.serve.settings import CODEC_RATES
from callbridge.timing.loop import new_loop
from callbridge.voice.relay_mouth import CHARACTERS_PER_S
from telecodecs import CodecError, codec

LAWS = ("PCMU", "PCMA")
PEERS = ("picows_echo", "asgi_echo", "fastapi_echo")
RELAY_PEERS = ("relay_picows", "relay_websockets", "relay_fastapi")
PEER_FOLDER = Path(__file__).parents[3] / "benchmarks" / "peers"
COMPARED_CALLS = 50
LONG_S = 120.0  # a load that lasts longer is judged by its drift, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to measure, as the command line says it."""

    url: str | None
    calls: int | None
    first: int
    most: int
    seconds: float
    window: float
    settle: float
    rounds: int
    compare: bool
    peers: tuple[str, ...]
    sound: LoadSound
    slo: Slo
    asgi: bool
    talk: bool
    relay: RelayLoad | None
    tls: Tls | None
    host: str
    port: int
    api_key: str
    cafile: str | None
    out: Path


@dataclass(slots=True)
class Measured:
    """All that there is, be it to the end or not."""

    run: Run
    targets: list[Session] = field(default_factory=list[Session])
    ramp: Ramp | None = None
    broken_off: BaseException | None = None

    @property
    def why_broken_off(self) -> str:
        if self.broken_off is None:
            return ""
        return str(self.broken_off) or "stopped before its end"


async def bench(wish: Wish, console: Console, *, as_json: bool) -> bool:
    """Measure, show, and leave bench.json and bench.png; True if the standard held.

    What was measured until Ctrl-C, or until an endpoint died, is shown and left as well. Raises
    CallbridgeError when something cannot be measured."""
    seat = check(wish)
    scene = report.scene(_what(wish), _loop(wish), datetime.now())
    shown = terminal.silent() if as_json else console
    shown.print(report.header(scene), style="dim")
    measured = await _measured(wish, seat, shown)
    result = _result(wish, measured)
    result.show(shown)
    facts = report.as_json(
        scene,
        result.steps,
        slo=wish.slo,
        knee=result.knee,
        drift=result.drift,
        broken_off=measured.why_broken_off,
    )
    files = await asyncio.to_thread(_leave, facts, result, wish, report.header(scene))
    if as_json:
        print(json.dumps(facts))
    shown.print(f"files: {', '.join(map(str, files))}", style="dim")
    if measured.broken_off is not None:
        raise measured.broken_off
    return result.ok


def _loop(wish: Wish) -> str | None:
    """The event loop of our own endpoint; nobody knows that of another."""
    if wish.url is not None:
        return None
    loop = new_loop()
    loop.close()
    return type(loop).__module__.partition(".")[0]


async def _measured(wish: Wish, seat: Seats | None, shown: Console) -> Measured:
    """Raises what ended it when there is nothing to show."""
    progress = report.BenchProgress(shown)
    measured = Measured(Run(wish.slo, progress, wish.settle))
    targets = measured.targets
    try:
        async with AsyncExitStack() as stack:
            stack.enter_context(ended_by_sigterm())
            for each in _targets(wish, seat, shown):
                target = await stack.enter_async_context(each)
                targets.append(target)
            if len(targets) == 1 and wish.calls is None:
                measured.ramp = Ramp(wish.first, wish.most)
            with progress:
                await _measure(wish, measured)
    except (asyncio.CancelledError, CallbridgeError) as error:
        if not measured.run.windows:
            shown.print("nothing was measured", style="dim")
            raise
        measured.broken_off = error
    return measured


def _leave(facts: dict[str, Any], result: "BenchResult", wish: Wish, note: str) -> list[Path]:
    """Returns the files."""
    wish.out.mkdir(parents=True, exist_ok=True)
    path = wish.out / "bench.json"
    path.write_text(json.dumps(facts, indent=1) + "\n")
    return [path, *_draw(result, wish, note)]


def check(wish: Wish) -> Seats | None:
    """What can be known before anything runs. Raises CallbridgeError."""
    if wish.url is not None and not _is_address(wish.url):
        raise CallbridgeError(
            f"{wish.url!r} is nothing to measure: give the address of a media stream "
            "(ws:// or wss://), or of a webhook (http:// or https://)"
        )
    try:
        sound = wish.sound
        forms(codec(sound.codec, sound.rate), codec(sound.reply_codec, sound.reply_rate))
    except CodecError as error:
        raise CallbridgeError(str(error)) from None
    if wish.talk and (wish.url is not None or wish.compare or wish.peers):
        raise CallbridgeError("--talk is about our own endpoint alone: others cannot be told to")
    if wish.relay is not None:
        _check_relay(wish.relay, wish)
    if wish.compare and not PEER_FOLDER.is_dir():
        raise CallbridgeError(
            f"the peers are programs of the repository, and {PEER_FOLDER} is not there: "
            "run it from a checkout, or name programs of your own with --peer"
        )
    return seats(wish.url)


def _check_relay(load: RelayLoad, wish: Wish) -> None:
    """Raises CallbridgeError for turns that would not be over before the next prompt."""
    if wish.talk:
        raise CallbridgeError("--talk is about audio, and --relay is without any: leave one out")
    turn_s = load.making_s + load.tokens * CHARACTERS / CHARACTERS_PER_S
    if load.every_s <= turn_s:
        raise CallbridgeError(
            f"an answer of {load.tokens} tokens takes {turn_s:.1f} s until it has been spoken: "
            "give a longer --every, or fewer --tokens"
        )
    if wish.seconds < load.every_s and wish.calls is None:
        raise CallbridgeError(
            f"in {wish.seconds:g} s not every call has a turn: give a longer --seconds"
        )


def _is_address(text: str) -> bool:
    try:
        url = urlsplit(text)
        _ = url.port  # raises when it is none
    except ValueError:
        return False
    return url.scheme in ("ws", "wss", "http", "https") and bool(url.hostname)


def read_sound(codec_name: str, reply: str | None, bot_rate: int | None) -> LoadSound:
    """From the names that the command line takes: PCMU, L16, L16/24000; without a rate the bot has
    that of the callers, and needs no filters. Raises CallbridgeError."""
    there = _read_codec(codec_name)
    back = _read_codec(reply) if reply else there
    return LoadSound(*there, *back, bot_rate or there[1])


def _read_codec(text: str) -> tuple[str, int]:
    name, _, rate = text.upper().partition("/")
    if name not in CODEC_RATES or not (rate.isdecimal() or not rate):
        known = ", ".join(CODEC_RATES)
        raise CallbridgeError(f"{text!r} is no codec here: use {known}, or L16/24000")
    return name, int(rate or CODEC_RATES[name][0])


def read_tls(certfile: Path | None, keyfile: Path | None) -> Tls | None:
    """Raises CallbridgeError when one comes without the other."""
    if certfile is None and keyfile is None:
        return None
    if certfile is None or keyfile is None:
        raise CallbridgeError("--ssl-certfile and --ssl-keyfile belong together")
    return Tls(str(certfile), str(keyfile))


def _what(wish: Wish) -> str:
    """What is measured, in words."""
    if (load := wish.relay) is None:
        return in_words(wish.sound, ours=wish.url is None)
    tokens = f"{load.tokens} tokens, {load.token_ms} ms apart"
    return f"relay, a turn of {tokens}, every {load.every_s:g} s"


def in_words(sound: LoadSound, *, ours: bool) -> str:
    """What is on the stream. `ours` answers with the codec of its replies in `stream_codec` (μ-law
    for L16), and a carrier transcodes to it unless that would be worse."""
    there, back = _name(sound.codec, sound.rate), _name(sound.reply_codec, sound.reply_rate)
    asked = "PCMU" if sound.reply_codec == "L16" else sound.reply_codec
    worse = asked in LAWS and sound.codec not in LAWS
    if ours and sound.codec != asked and not worse:
        there = f"{asked} (of {there} callers)"
    both = there if there == back else f"{there} in, {back} out"
    return both + (f", bot at {sound.bot_rate} Hz" if sound.bot_rate != sound.rate else "")


def _name(codec_name: str, rate: int) -> str:
    return f"{codec_name} {rate // 1000} kHz" if codec_name == "L16" else codec_name


# ---- what is measured ---------------------------------------------------------------------------


def _targets(
    wish: Wish, seat: Seats | None, shown: Console
) -> Iterator[AbstractAsyncContextManager[Session]]:
    """Ours or theirs first; the others of a comparison behind it."""
    if wish.url is None:
        yield own(wish.sound, seat, asgi=wish.asgi, talk=wish.talk, relay=wish.relay, tls=wish.tls)
    else:
        if wish.url.startswith("http"):
            shown.print(_instructions(wish))
        yield foreign(
            wish.url,
            wish.sound,
            seat,
            host=wish.host,
            port=wish.port,
            api_key=wish.api_key,
            cafile=wish.cafile,
            relay=wish.relay,
        )
    if wish.compare and wish.url is None and not wish.asgi:
        yield own(wish.sound, seat, asgi=True, relay=wish.relay)
    names = (RELAY_PEERS if wish.relay else PEERS) if wish.compare else ()
    ours = [f"{sys.executable} {PEER_FOLDER / name}.py" for name in names]
    for command in (*ours, *wish.peers):
        yield peer(command, wish.sound, seat, relay=wish.relay)


def _instructions(wish: Wish) -> str:
    return (
        "The endpoint must take its orders from here:\n"
        f"  TELNYX_BASE_URL=http://{wish.host}:{wish.port}/v2\n"
        f"  TELNYX_API_KEY={wish.api_key}\n"
        f"  TELNYX_PUBLIC_KEY={public_key(wish.api_key)}"
    )


async def _measure(wish: Wish, measured: Measured) -> None:
    run, targets = measured.run, measured.targets
    if len(targets) > 1:
        calls = wish.calls or COMPARED_CALLS
        await run.side_by_side(targets, calls, wish.seconds, wish.rounds)
    elif measured.ramp is not None:
        await run.up_to_the_knee(targets[0], measured.ramp, wish.seconds)
    else:
        assert wish.calls is not None, "else it is a ramp"
        await run.for_a_time(targets[0], wish.calls, wish.seconds, wish.window)


def _result(wish: Wish, measured: Measured) -> "BenchResult":
    run, targets, windows = measured.run, measured.targets, measured.run.windows
    if measured.ramp is not None:
        knee, refused = measured.ramp.knee(), tuple(run.refused)
        return BenchResult(windows, knee=knee, refused=refused, ours=wish.url is None)
    if len(targets) == 1:
        return BenchResult(windows, drift=drift(windows) if wish.seconds >= LONG_S else None)
    rounds = [[each for each in windows if each.target == target.name] for target in targets]
    return BenchResult([merge(each) for each in rounds if each], base=targets[0].name)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchResult:
    """Of one of the three measurements."""

    steps: list[Figures] = field(kw_only=False)
    base: str = ""  # of a comparison: whose multiples the others are
    knee: Knee | None = None
    refused: tuple[tuple[int, str], ...] = ()  # loads that the endpoint did not take, and why
    drift: Drift | None = None
    ours: bool = False  # it listens to CALLBRIDGE_MAX_CALLS

    @property
    def ok(self) -> bool:
        """A ramp found a load that holds; a load that was asked for held all the time."""
        if self.knee is not None:
            return self.knee.calls > 0
        return bool(self.base) or all(each.verdict == "ok" for each in self.steps)

    def show(self, console: Console) -> None:
        if self.base:
            console.print(report.ratios(self.steps, self.base))
            return
        console.print(report.table(self.steps))
        lines: list[str] = []
        if self.knee:
            lines += report.knee_lines(self.knee, self.steps, refused=self.refused, ours=self.ours)
        lines += report.drift_lines(self.drift) if self.drift else []
        for line in lines:
            console.print(Text(line), soft_wrap=True)


def _draw(result: BenchResult, wish: Wish, note: str) -> list[Path]:
    """The picture, where matplotlib is; without it a measurement is no less one."""
    if importlib.util.find_spec("matplotlib") is None:
        return []
    from callbridge.bench.picture import draw_comparison, draw_ramp, draw_soak

    path = wish.out / "bench.png"
    if result.base:
        draw_comparison(result.steps, path, base=result.base, note=note)
    elif result.knee is not None:
        draw_ramp(result.steps, result.knee, wish.slo, path, note=note)
    elif len(result.steps) > 1:
        draw_soak(result.steps, path, slo=wish.slo, note=note)
    else:
        return []
    return [path]
