"""`callbridge demo`: a carrier and a bridge as two real processes, and a call between them.

The caller is a recorded person. All that is shown comes from the carrier's tape and recording and
from the bridge's tape and metrics; the script only tells the caller what to do."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

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
from callbridge.demo.dialled import DialledCalls, began_at
from callbridge.demo.ends import Ends, both, while_alive
from callbridge.demo.journal import FOLLOW_S
from callbridge.demo.outcome import DemoOutcome, DemoVoice, Line
from callbridge.demo.record import read
from callbridge.demo.telling import Telling
from callbridge.errors import CallbridgeError
from callbridge.host import terminal
from callbridge.host.audiofile import Clip
from callbridge.host.child import ended_by_sigterm
from telecodecs import silence

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


class EndedLeg(NamedTuple):
    """The carrier's report of it, the bridge's tape of it, and how much later than the caller's it
    began."""

    report: dict[str, Any]
    log: list[TapeEntry]
    later_s: float = 0.0


async def _one(
    pairing: Pairing, script: CallScript, out_dir: Path, numbers: Path | None, console: Console
) -> DemoOutcome:
    console.rule(Text(str(pairing)), align="left")
    telling = Telling(console)
    people = numbers or ring.people_beside(pairing.bot)
    # To this machine, past any proxy.
    async with (
        httpx.AsyncClient(trust_env=False) as http,
        both(pairing.bot, pairing.voice, out_dir, people, http, telling) as ends,
    ):
        base = str(pairing.script.parent.resolve())
        call = await ends.exchange.ring(ring.read_script(pairing.script), base)
        legs, metrics = await while_alive(ends, _to_the_end(ends, call, http, telling))
        telling.end()
    if not legs[0].report["files"]["wav"]:
        raise CallbridgeError(f"the carrier could not write its recording to {out_dir}")
    return await asyncio.to_thread(_judge, pairing, script, legs, metrics, out_dir)


async def _to_the_end(
    ends: Ends, call: str, http: httpx.AsyncClient, telling: Telling
) -> tuple[list[EndedLeg], str]:
    """Tell the call until it is over. Returns its leg, those that the bot dialled, and the bridge's
    metrics."""
    telling.begin(began_at(await ends.exchange.report(call)))
    dialled = DialledCalls(ends.exchange, telling)
    async with dialled.followed():
        async for entry in ends.exchange.tape(call):
            telling.tape(entry)
        report = await ends.exchange.finished(call)
        others = await dialled.reports()
    metrics = await _metrics(ends, http)
    legs = [EndedLeg(report, telling.log())]
    for other in others:
        later_s = telling.journal.at_s(began_at(other))
        legs.append(EndedLeg(other, telling.log(other["call_control_id"], later_s), later_s))
    return legs, metrics


async def _metrics(ends: Ends, http: httpx.AsyncClient) -> str:
    """When the bridge has forgotten the call, so that its counts are final."""
    for _ in range(round(SETTLE_S / POLL_S)):
        metrics = (await http.get(f"{ends.bridge_url}/metrics")).text
        if "\ncallbridge_calls 0" in metrics:
            await asyncio.sleep(2 * FOLLOW_S)  # the last lines of its tape are still to be read
            return metrics
        await asyncio.sleep(POLL_S)
    raise CallbridgeError(f"the bridge still holds the call {SETTLE_S:g} s after its end")


# ---- afterwards ---------------------------------------------------------------------------------


def _judge(
    pairing: Pairing, script: CallScript, legs: Sequence[EndedLeg], metrics: str, out_dir: Path
) -> DemoOutcome:
    """Name the files after the bot, draw the picture, and put the figures together."""
    caller, *dialled = legs
    base = out_dir / _name(pairing)
    wav, tape = _named(caller, base)
    record = read(tape, wav)
    others = [
        Line(*_named(leg, _numbered(base, number)), leg.later_s)
        for number, leg in enumerate((leg for leg in dialled if leg.report["files"]["wav"]), 1)
    ]
    found = (
        *results.checks(script.expect, record.facts.failed),
        *results.stream_trouble(record),
        *(results.Check("the person could do all steps", text)
          for leg in dialled for text in leg.report["failed"]),
    )  # fmt: skip
    return results.of_call(
        str(pairing.bot),
        wav,
        tape,
        base.with_suffix(".png"),
        found,
        results.read_metrics(metrics),
        voice=pairing.voice,
        others=others,
    )


def _name(pairing: Pairing) -> str:
    bot, script = pairing.bot.stem, pairing.script.stem
    name = bot if bot == script else f"{bot}-{script}"
    return f"{name}-relay" if pairing.voice == "relay" else name


def _numbered(base: Path, number: int) -> Path:
    """Of the people whom the bot has rung."""
    return base.with_name(f"{base.name}-person" + (f"-{number}" if number > 1 else ""))


def _named(leg: EndedLeg, base: Path) -> tuple[Path, Path]:
    """The carrier names its files after the call's id, which nobody can remember, and does not
    know the bridge's log."""
    wav, tape = (base.with_name(f"{base.name}.{suffix}") for suffix in ("wav", "json"))
    files = leg.report["files"]
    Path(files["wav"]).replace(wav)
    both = {"wav": wav.name, "log": msgspec.to_builtins(leg.log)}
    report = json.loads(Path(files["json"]).read_bytes()) | both
    Path(files["json"]).unlink()
    tape.write_text(json.dumps(report, indent=2) + "\n")
    return wav, tape
