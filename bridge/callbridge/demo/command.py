"""`callbridge demo`: a carrier and a bridge as two real processes, and a call between them.

The caller is a recorded person. All that is shown comes from the carrier's tape and recording and
from the bridge's tape and metrics; the script only tells the caller what to do."""

import asyncio
import json
import secrets
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncGenerator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

import httpx
import msgspec
from rich.console import Console
from rich.text import Text

from callbridge.carrier.core.report import TapeEntry
from callbridge.carrier.net import ring
from callbridge.carrier.net.files import loader
from callbridge.carrier.people.script import CallScript, ScriptError, parse_script
from callbridge.carrier.people.steps import fetch
from callbridge.demo import outcome as results
from callbridge.demo import side
from callbridge.demo.journal import FOLLOW_S, follow
from callbridge.demo.live import Telling
from callbridge.demo.outcome import DemoOutcome, DemoVoice
from callbridge.demo.record import read
from callbridge.errors import CallbridgeError
from callbridge.host import terminal
from callbridge.host.audiofile import Clip
from callbridge.host.bind import free_ports
from callbridge.host.child import Child, ended_by_sigterm, ourselves, running
from telecodecs import silence

T = TypeVar("T")

HOST = "127.0.0.1"
CALL_S = 180.0  # no call of a demo lasts longer
SETTLE_S = 5.0  # for the bridge to forget an ended call
POLL_S = 0.05


class Pairing(NamedTuple):
    """A bot file and the JSON script of its caller. Without a `voice`, the one that the bot's file
    or the environment says."""

    bot: Path
    script: Path
    voice: DemoVoice | None = None

    def __str__(self) -> str:
        on = f" on {self.voice}" if self.voice else ""
        return f"{self.bot}{on}, called by {self.script}"


async def demo(
    pairings: Sequence[Pairing],
    *,
    out_dir: Path,
    console: Console,
    numbers: Path | None = None,
    as_json: bool = False,
) -> bool:
    """One call after the other; True when every expectation held.

    Leaves <bot>.wav, <bot>.json and <bot>.png in `out_dir`. Raises CallbridgeError when a process
    does not start or dies; whatever happens, no process is left behind."""
    # A mistake in the last script is better known before the first call.
    scripts = [_check_script(pairing) for pairing in pairings]
    live = terminal.silent() if as_json else console
    outcomes: list[DemoOutcome] = []
    with ended_by_sigterm():
        for pairing, script in zip(pairings, scripts, strict=True):
            outcomes.append(await _one(pairing, script, out_dir, numbers, live))
            live.print(results.render(outcomes[-1]), "")
    for media, relay in _same_bots(pairings, outcomes):
        live.print(side.render(media, relay), "")
    ok = all(each.ok for each in outcomes)
    if as_json:
        console.print_json(json.dumps({"ok": ok, "calls": msgspec.to_builtins(outcomes)}))
    return ok


def _same_bots(
    pairings: Sequence[Pairing], outcomes: Sequence[DemoOutcome]
) -> Iterator[tuple[DemoOutcome, DemoOutcome]]:
    """Calls that differ in nothing but their voice: on media, and on the relay."""
    calls = dict(zip(pairings, outcomes, strict=True))
    for pairing, outcome in calls.items():
        other = calls.get(pairing._replace(voice="relay"))
        if pairing.voice == "media" and other is not None:
            yield outcome, other


def _check_script(pairing: Pairing) -> CallScript:
    """Raises CallbridgeError; a bot that is not there has no script either."""
    if not pairing.bot.is_file():
        raise CallbridgeError(f"{pairing.bot}: no such file")
    path = pairing.script
    try:
        script = parse_script(ring.read_script(path))
        fetch(script.steps, loader(path.parent), lambda text: Clip(silence(1), 8000))
        return script
    except ScriptError as error:
        raise CallbridgeError(f"{path}: {error}") from None


# ---- one call -----------------------------------------------------------------------------------


class Files(NamedTuple):
    wav: Path
    tape: Path


class Ends(NamedTuple):
    """The two processes, and the way to each."""

    carrier: Child
    bridge: Child
    exchange: ring.Carrier
    bridge_url: str


async def _one(
    pairing: Pairing, script: CallScript, out_dir: Path, numbers: Path | None, console: Console
) -> DemoOutcome:
    console.rule(Text(str(pairing)), align="left")
    telling = Telling(console)
    # To this machine, past any proxy.
    async with (
        httpx.AsyncClient(trust_env=False) as http,
        _both(pairing, out_dir, numbers, http, telling) as ends,
    ):
        base = str(pairing.script.parent.resolve())
        call = await ends.exchange.ring(ring.read_script(pairing.script), base)
        report, metrics = await _while_alive(ends, _to_the_end(ends, call, http, telling))
        telling.end()
    if not report["files"]["wav"]:
        raise CallbridgeError(f"the carrier could not write its recording to {out_dir}")
    files = Files(Path(report["files"]["wav"]), Path(report["files"]["json"]))
    log = telling.journal.entries()
    return await asyncio.to_thread(_judge, pairing, script, files, log, metrics, out_dir)


@asynccontextmanager
async def _both(
    pairing: Pairing,
    out_dir: Path,
    numbers: Path | None,
    http: httpx.AsyncClient,
    telling: Telling,
) -> AsyncGenerator[Ends]:
    """A carrier and a bridge that know each other, ready for a call."""
    bot = pairing.bot
    carrier_port, bridge_port = free_ports(HOST, 2)
    carrier_url, bridge_url = f"http://{HOST}:{carrier_port}", f"http://{HOST}:{bridge_port}"
    api_key = f"KEY{secrets.token_hex(12)}"
    telling.note(f"a carrier on {carrier_url}")
    with TemporaryDirectory(prefix="callbridge-") as folder:
        tape = Path(folder) / "bridge.jsonl"
        async with (
            running(
                "carrier",
                *ourselves("carrier", "--host", HOST, "--port", str(carrier_port)),
                *("--webhook-url", f"{bridge_url}/webhooks", "--out", str(out_dir)),
                *(("--numbers", str(numbers)) if numbers else ()),
                env={"TELNYX_API_KEY": api_key},
            ) as carrier,
            ring.carrier_at(carrier_url, api_key) as exchange,
        ):
            key = await carrier.ready(http, f"{carrier_url}/carrier/public_key")
            telling.note(f"a bridge on {bridge_url} with {bot}")
            settings = {
                "TELNYX_API_KEY": api_key,
                "TELNYX_PUBLIC_KEY": key.json()["public_key"],
                "TELNYX_BASE_URL": f"{carrier_url}/v2",
                "CALLBRIDGE_PUBLIC_URL": bridge_url,
                "CALLBRIDGE_TAPE": str(tape),
                "CALLBRIDGE_DRAIN_S": "1",
                "CALLBRIDGE_LOG": "text",  # its last words are for people
            }
            if pairing.voice:
                settings["CALLBRIDGE_VOICE"] = pairing.voice
            serve = ourselves("serve", str(bot), "--host", HOST, "--port", str(bridge_port))
            async with running(str(bot), *serve, env=settings) as bridge:
                await bridge.ready(http, f"{bridge_url}/readyz")
                following = asyncio.create_task(follow(tape, telling.event))
                try:
                    yield Ends(carrier, bridge, exchange, bridge_url)
                finally:
                    following.cancel()


async def _while_alive(ends: Ends, work: Coroutine[None, None, T]) -> T:
    """Do the work for as long as both processes live. Raises CallbridgeError."""
    working = asyncio.create_task(work)
    deaths = {asyncio.create_task(child.death()) for child in (ends.carrier, ends.bridge)}
    try:
        await asyncio.wait({working, *deaths}, timeout=CALL_S, return_when=FIRST_COMPLETED)
        if working.done() and working.exception() is not None:
            # A process that dies breaks its connections first; its last words say more.
            await asyncio.wait(deaths, timeout=1.0, return_when=FIRST_COMPLETED)
        for death in deaths:
            if death.done():
                await death
        if not working.done():
            raise CallbridgeError(f"the call did not end in {CALL_S:g} s")
        return await working
    except httpx.HTTPError as error:
        raise CallbridgeError(f"the call cannot be followed: {error!r}") from None
    finally:
        for task in (working, *deaths):
            task.cancel()
        await asyncio.gather(working, *deaths, return_exceptions=True)


async def _to_the_end(
    ends: Ends, call: str, http: httpx.AsyncClient, telling: Telling
) -> tuple[dict[str, Any], str]:
    """Tell the call until it is over. Returns the carrier's report and the bridge's metrics."""
    began = datetime.fromisoformat((await ends.exchange.report(call))["start_time"])
    telling.begin(began.timestamp())
    async for entry in ends.exchange.tape(call):
        telling.tape(entry)
    report = await ends.exchange.finished(call)
    for _ in range(round(SETTLE_S / POLL_S)):
        metrics = (await http.get(f"{ends.bridge_url}/metrics")).text
        if "\ncallbridge_calls 0" in metrics:  # it has forgotten the call: its counts are final
            await asyncio.sleep(2 * FOLLOW_S)  # the last lines of its tape are still to be read
            return report, metrics
        await asyncio.sleep(POLL_S)
    raise CallbridgeError(f"the bridge still holds the call {SETTLE_S:g} s after its end")


# ---- afterwards ---------------------------------------------------------------------------------


def _judge(
    pairing: Pairing,
    script: CallScript,
    files: Files,
    log: list[TapeEntry],
    metrics: str,
    out_dir: Path,
) -> DemoOutcome:
    """Name the files after the bot, draw the picture, and put the figures together."""
    wav, tape, png = _named(pairing, files, log, out_dir)
    record = read(tape, wav)
    found = (
        *results.checks(script.expect, record.facts.failed),
        *results.stream_trouble(record),
    )
    figures = results.read_metrics(metrics)
    return results.of_call(str(pairing.bot), wav, tape, png, found, figures, voice=pairing.voice)


def _named(
    pairing: Pairing, files: Files, log: list[TapeEntry], out_dir: Path
) -> tuple[Path, Path, Path]:
    """The carrier names its files after the call's id, which nobody can remember, and does not
    know the bridge's log."""
    bot, script = pairing.bot.stem, pairing.script.stem
    name = bot if bot == script else f"{bot}-{script}"
    if pairing.voice == "relay":
        name += "-relay"
    wav, tape, png = (out_dir / f"{name}.{suffix}" for suffix in ("wav", "json", "png"))
    files.wav.replace(wav)
    both = {"wav": wav.name, "log": msgspec.to_builtins(log)}
    report = json.loads(files.tape.read_bytes()) | both
    files.tape.unlink()
    tape.write_text(json.dumps(report, indent=2) + "\n")
    return wav, tape, png
