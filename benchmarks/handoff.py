"""How long a caller who is handed over waits for us, and not for the telephone or the agent.

    python benchmarks/handoff.py [--json] [--in-turn 16] [--at-once 20]

Real time, real sockets: `callbridge carrier` and `callbridge serve` as processes of their own.
Callers talk all the time and are handed over one after the other, then many at the same moment: to
agents who have the caller as soon as they pick up, and to agents who hear the bot and press a key.
Where the time went is read off the tapes and recordings of both legs.

The carrier does everything on a clock of 20 ms: who picks up, who presses a key, what is heard. So
"our share" ends where our commands and frames arrive there, and what passes until the agent hears
the caller, waits for that clock included, stands beside it. Takes about a minute."""

import argparse
import asyncio
import json
import sys
import tempfile
import wave
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
from handoff_bot import AGENT, AT_ONCE, BOT, BY_KEY, CALLER, DECIDES, RATE, agent_of, tone
from machine import Load, LoadWatch

from callbridge.carrier.core.report import TapeEntry
from callbridge.carrier.net import ring
from callbridge.errors import CallbridgeError
from callbridge.host.bind import free_ports
from callbridge.host.child import Child, ended_by_sigterm, ourselves, running
from callbridge.host.wav import write_wav
from callbridge.tape.events import BotLog
from callbridge.tape.tape import read_line
from telecodecs import Pcm

HOST, KEY = "127.0.0.1", "bench"
BOT_FILE = Path(__file__).with_name("handoff_bot.py")
VOICE, THEIR_VOICE = "caller.wav", "agent.wav"
TAPE = "tape.jsonl"
APART_S = 1.2  # between two handoffs that are to have the machine for themselves
WARM = 2  # handoffs that are not counted: they load what is loaded once
FRAME = RATE // 50
AUDIBLE = 500  # amplitude of a voice in a frame
QUIET = 8  # amplitude up to which nothing is heard
WITHIN_S = 30.0

WAYS = {AT_ONCE: "picks up", BY_KEY: "presses a key"}


# ---- what the callers and the agents do ----------------------------------------------------------


def agent_script(number: str) -> dict[str, Any]:
    """Talks from the beginning, so that the first thing after the key is a voice."""
    answers: list[dict[str, Any]] = [
        {"wait": "answered"},
        {"play": THEIR_VOICE, "background": True},
    ]
    accepts: list[dict[str, Any]] = [{"wait": "bot_speaking", "for": 0.02}, {"press": "1"}]
    accepts = accepts if number == BY_KEY else []
    return {"steps": [*answers, *accepts, {"wait": "said"}, {"hangup": True}]}


def caller_script(caller: str, number: str) -> dict[str, Any]:
    talks = {"play": VOICE, "background": True}
    steps = [{"wait": "answered"}, talks, {"wait": "hangup", "within": WITHIN_S}]
    return {"from": caller, "to": number, "steps": steps}


@dataclass(frozen=True, slots=True)
class Round:
    """Handoffs of one way: so many callers, all at once or one after the other."""

    number: str
    callers: tuple[str, ...]
    at_once: bool
    counts: bool

    @property
    def name(self) -> str:
        how = f"{len(self.callers)} at once" if self.at_once else "one after the other"
        return f"agent {WAYS[self.number]}, {how}"


def rounds(in_turn: int, at_once: int) -> list[Round]:
    found: list[Round] = []
    first = 0
    for number in (AT_ONCE, BY_KEY):
        kinds = ((WARM, False, False), (in_turn, False, True), (at_once, True, True))
        for callers, together, counts in kinds:
            names = tuple(f"+1312555{each:04}" for each in range(first, first + callers))
            found.append(Round(number, names, together, counts))
            first += callers
    return [each for each in found if each.callers]


CpuMs = dict[str, float]  # milliseconds of each process


async def carry_out(
    rounds: Sequence[Round], exchange: ring.Carrier, folder: Path, watch: LoadWatch
) -> dict[str, CpuMs]:
    """What each handoff of a round took, by its name. Raises CallbridgeError when a call does not
    end."""
    legs, took = 0, dict[str, CpuMs]()
    for each in rounds:
        if each.counts and sys.stderr.isatty():
            print(f"{each.name} ...", file=sys.stderr, flush=True)
        before = watch.cpu_s()
        scripts = [caller_script(caller, each.number) for caller in each.callers]
        if each.at_once:
            await asyncio.gather(*(exchange.ring(script, str(folder)) for script in scripts))
        else:
            for script in scripts:
                await exchange.ring(script, str(folder))
                await asyncio.sleep(APART_S)
        legs += 2 * len(scripts)
        await recorded(folder, legs)
        took[each.name] = {
            name: round(1000 * (after - before[name]) / len(scripts), 1)
            for name, after in watch.cpu_s().items()
            if name != "this program"
        }
    return took


def reports(folder: Path) -> list[Path]:
    """Of the legs that have ended."""
    return list(folder.glob("*-*.json"))


async def recorded(folder: Path, legs: int) -> None:
    """Until so many legs have left their files. The carrier is not asked: that is work for it."""
    try:
        async with asyncio.timeout(WITHIN_S):
            while len(reports(folder)) < legs:  # noqa: ASYNC110  another process writes them
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise CallbridgeError(f"some calls have not ended in {WITHIN_S:g} s") from None


# ---- the processes -------------------------------------------------------------------------------


@asynccontextmanager
async def both(
    folder: Path, rounds: Sequence[Round]
) -> AsyncGenerator[tuple[ring.Carrier, list[Child]]]:
    """Carrier and bridge."""
    rest, port = free_ports(HOST, 2)
    carrier_url, bridge_url = f"http://{HOST}:{rest}", f"http://{HOST}:{port}"
    (folder / VOICE).write_bytes(write_wav(tone(CALLER, 20.0), RATE))
    (folder / THEIR_VOICE).write_bytes(write_wav(tone(AGENT, 1.0), RATE))
    numbers = {
        agent_of(caller): agent_script(each.number) for each in rounds for caller in each.callers
    }
    (folder / "numbers.json").write_text(json.dumps(numbers))
    carrier = ourselves(
        "carrier", "--host", HOST, "--port", str(rest), "--webhook-url", f"{bridge_url}/webhooks",
        "--numbers", str(folder / "numbers.json"), "--out", str(folder),
    )  # fmt: skip
    serve = ourselves("serve", str(BOT_FILE), "--host", HOST, "--port", str(port))
    async with (
        httpx.AsyncClient(trust_env=False) as http,
        running("the carrier", *carrier, env={"TELNYX_API_KEY": KEY}) as exchange,
        ring.carrier_at(carrier_url, KEY) as door,
    ):
        facts = (await exchange.ready(http, f"{carrier_url}/carrier/public_key")).json()
        env = {
            "TELNYX_API_KEY": KEY,
            "TELNYX_PUBLIC_KEY": facts["public_key"],
            "TELNYX_BASE_URL": f"{carrier_url}/v2",
            "CALLBRIDGE_CONNECTION_ID": facts["connection_id"],
            "CALLBRIDGE_PUBLIC_URL": bridge_url,
            "CALLBRIDGE_TAPE": str(folder / TAPE),
            "CALLBRIDGE_DRAIN_S": "1",
        }
        async with running("the bridge", *serve, env=env) as bridge:
            await bridge.ready(http, f"{bridge_url}/readyz")
            yield door, [exchange, bridge]


# ---- what the tapes tell -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LegRecord:
    """What the carrier has written of one leg. Times in Unix seconds."""

    call_control_id: str
    began: float
    answered: float
    heard_from: float
    tape: list[TapeEntry]
    heard: Pcm  # what the far end has heard, from `heard_from` on

    def at(self, kind: str, *, after: float = 0.0, **detail: object) -> float:
        """When the first entry of that kind was written. Raises CallbridgeError for none."""
        for entry in self.tape:
            at = self.began + entry.at_s
            if entry.kind == kind and at >= after and detail.items() <= entry.detail.items():
                return at
        raise CallbridgeError(f"a leg's tape has no {kind!r} {detail}")

    def hears(self, hertz: int) -> float:
        """When the far end hears that tone first. Raises CallbridgeError when it never does."""
        frames = self.heard[: len(self.heard) // FRAME * FRAME].reshape(-1, FRAME)
        wave = np.exp(-2j * np.pi * hertz * np.arange(FRAME) / RATE)
        loud = np.flatnonzero(np.abs(frames @ wave) * 2 / FRAME > AUDIBLE)
        if not len(loud):
            raise CallbridgeError(f"a leg never hears the tone of {hertz} Hz")
        return self.heard_from + int(loud[0]) * FRAME / RATE

    def longest_silence_s(self) -> float:
        """Between the first sound and the last one."""
        sounds = np.flatnonzero(np.abs(self.heard.astype(np.int32)) > QUIET)
        return float(np.diff(sounds).max(initial=1) - 1) / RATE


def leg_records(folder: Path) -> dict[tuple[str, str], LegRecord]:
    """By who was called by whom."""
    found: dict[tuple[str, str], LegRecord] = {}
    for file in reports(folder):
        whole = json.loads(file.read_bytes())
        if whole["answered_at_s"] is None:
            continue
        began = datetime.fromisoformat(whole["start_time"]).timestamp()
        found[whole["from"], whole["to"]] = LegRecord(
            whole["call_control_id"],
            began,
            began + whole["answered_at_s"],
            began + whole["audio_from_s"],
            msgspec.convert(whole["tape"], list[TapeEntry]),
            heard_track(folder / whole["wav"]),
        )
    return found


def heard_track(file: Path) -> Pcm:
    """The right channel."""
    with wave.open(str(file), "rb") as sound:
        both = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").reshape(-1, 2)
    return both[:, 1].astype(np.int16)


def decisions(tape: Path) -> dict[str, float]:
    """When each call's bot has decided, by its call_control_id."""
    lines = (read_line(line) for line in tape.read_bytes().splitlines())
    return {
        line.call_control_id: line.at
        for line in lines
        if isinstance(line.happened, BotLog) and line.happened.message == DECIDES
    }


# ---- figures -------------------------------------------------------------------------------------

DIALS, SPEAKS, JOINS = "decision → dial", "answer → agent's bot speaks", "key → joined"
JOINS_AT_ONCE = "answer → joined"
OURS, EAR, SILENCE = "our share", "the same, as the agent hears it", "caller's longest silence"


def of_handoff(
    number: str, decided: float, caller: LegRecord, agent: LegRecord
) -> dict[str, float]:
    """Where the time of one handoff went, in seconds.

    What the bot says arrives with its mark: the first words are shorter than the lead."""
    joined = agent.at("webhook", event_type="conference.participant.joined")
    hears = agent.hears(CALLER)
    parts = {DIALS: agent.began - decided}
    if number == AT_ONCE:
        parts[JOINS_AT_ONCE] = joined - agent.answered
        ear = parts[DIALS] + hears - agent.answered
    else:
        key = agent.at("dtmf")
        parts[SPEAKS] = agent.at("mark queued") - agent.answered
        parts[JOINS] = joined - key
        spoke = agent.hears(BOT) - agent.answered
        ear = parts[DIALS] + spoke + hears - key
    whole = {OURS: sum(parts.values()), EAR: ear, SILENCE: caller.longest_silence_s()}
    return parts | whole


@dataclass(frozen=True, slots=True)
class RoundFigures:
    name: str
    handoffs: int
    ms: dict[str, dict[str, float]]  # by what, p50, p95, p99 and worst
    cpu_ms: CpuMs  # a handoff, with all else of its two calls


def figures(rounds: Sequence[Round], folder: Path, took: dict[str, CpuMs]) -> list[RoundFigures]:
    legs, decided = leg_records(folder), decisions(folder / TAPE)
    found: list[RoundFigures] = []
    for each in rounds:
        if not each.counts:
            continue
        rows: list[dict[str, float]] = []
        for who in each.callers:
            caller, agent = legs[who, each.number], legs[each.number, agent_of(who)]
            rows.append(of_handoff(each.number, decided[caller.call_control_id], caller, agent))
        ms = {what: spread([row[what] for row in rows]) for what in rows[0]}
        found.append(RoundFigures(each.name, len(rows), ms, took[each.name]))
    return found


def spread(seconds: Sequence[float]) -> dict[str, float]:
    at = {"p50": 50, "p95": 95, "p99": 99, "worst": 100}
    return {
        name: round(1000 * float(np.percentile(seconds, percent)), 1)
        for name, percent in at.items()
    }


async def measure(rounds: Sequence[Round]) -> tuple[list[RoundFigures], Load]:
    with tempfile.TemporaryDirectory() as name, ended_by_sigterm():
        folder = Path(name)
        async with both(folder, rounds) as (exchange, children):
            watch = LoadWatch({child.name: child.pid for child in children})
            took = await carry_out(rounds, exchange, folder, watch)
            used = watch.load()
        return figures(rounds, folder, took), used


def show(found: Sequence[RoundFigures], used: Load) -> None:
    print(used)
    for each in found:
        cpu = ", ".join(f"{name} {ms:.0f} ms" for name, ms in each.cpu_ms.items())
        print(f"\n{each.name}: {each.handoffs} handoffs; processor each: {cpu}")
        print(f"{'ms':34}{'p50':>8}{'p95':>8}{'p99':>8}{'worst':>8}")
        for what, ms in each.ms.items():
            print(f"{what:34}" + "".join(f"{value:8.1f}" for value in ms.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--in-turn", type=int, default=16, help="handoffs one after the other")
    parser.add_argument("--at-once", type=int, default=20, help="handoffs at the same moment")
    options = parser.parse_args()
    try:
        found, used = asyncio.run(measure(rounds(options.in_turn, options.at_once)))
    except CallbridgeError as error:
        raise SystemExit(f"handoff: {error}") from None
    if options.json:
        print(json.dumps(msgspec.to_builtins({"machine": used, "rounds": found})))
    else:
        show(found, used)


if __name__ == "__main__":
    main()
