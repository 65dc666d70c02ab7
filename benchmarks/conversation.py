"""How many callers a machine talks with, and what that does to everybody else on it.

    python benchmarks/conversation.py [--json] [--first 1] [--most 32]

Real time, real sockets: `callbridge carrier` and `callbridge serve` as processes of their own, the
offline engines, callers who are a person's recorded voice. Each says three clauses and waits for
the reply to each; 1, 2, 4, ... call until a turn fails or half of the replies come later than 3 s.
All the while four calls echo their line and four play a tone: a relay between the two processes
sees how late their frames are, while something is being recognised and while nothing is.

Takes about three minutes. What else runs on the machine is measured and printed: it is part of
every figure, and the figures are of this machine, this load and nothing beyond."""

import argparse
import asyncio
import json
import logging
import os
import platform
import secrets
import socket
import sys
import tempfile
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any, NamedTuple

import httpx
import numpy as np
from conversation_bot import ECHO, PARROT, RATE, TONE
from decodings import FILE, Decoding, decodings
from relay import HOST, Relay, Tape, messages, own_lateness, relaying

from callbridge.carrier.net import ring
from callbridge.demo import record
from callbridge.demo.journal import FOLLOW_S, follow
from callbridge.errors import CallbridgeError
from callbridge.media import wire
from callbridge.tape.events import TurnTaken, WaterfallMeasured
from callbridge.tape.tape import TapeLine

BOT = Path(__file__).with_name("conversation_bot.py")
VOICE = "moonshine_voice:assets/two_cities.wav"
# Seconds of the recording: clauses between its pauses.
CLAUSES = (
    (1.05, 2.83), (2.83, 4.60), (4.90, 6.40), (6.50, 8.30), (10.60, 12.95),
    (13.35, 14.80), (21.15, 22.57), (29.80, 32.45), (32.70, 36.70),
)  # fmt: skip
TURNS = 3  # of each caller
BYSTANDERS = 4  # of each kind
LEAD_S = 0.200  # CALLBRIDGE_LEAD_MS; so much is sent at once when an utterance begins
AROUND_S = 5.0  # after a stall longer than the lead, an endless sound is late for ever
MISSED = 100  # frames at most, before the echo bot listens
BASELINE_S = 10.0
CYCLE_S = 5.0  # about one turn: callers begin spread over it
REPLY_LIMIT_S = 12.0  # a caller hangs up if there is no reply by then
TOO_SLOW_S = 3.0
STEP_LIMIT_S = 90.0
ALL_S = 190.0  # no step begins that would likely end later
READY_S = 20.0
LAST_LINES = 20  # of what the bridge has written, where it does not start
TAPE, DECODED = "tape.jsonl", "decodings.jsonl"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


# ---- what is measured ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lateness:
    """Milliseconds; None without frames."""

    p50: float | None
    p99: float | None
    frames: int

    @classmethod
    def of(cls, seconds: list[float]) -> "Lateness":
        if not seconds:
            return cls(None, None, 0)
        p50, p99 = (round(1000 * float(value), 2) for value in np.percentile(seconds, (50, 99)))
        return cls(p50, p99, len(seconds))


@dataclass(frozen=True, slots=True)
class Step:
    """So many callers at once. CPU in cores, times in seconds unless they say ms."""

    callers: int
    turns: int  # that callers said
    answered: int
    failed: tuple[str, ...]
    understood_p50: float | None  # from the last voiced sample to the final text
    reply_p50: float | None  # ... to the first sound, by the bridge's waterfall
    reply_worst: float | None
    recorded_p50: float | None  # the same between the sounds of the carrier's recordings
    call_s: float  # of all talking calls
    spoken_s: float  # of that, callers' speech
    decoded_s: float  # audio that was recognised, guesses included
    decoding: float  # share of the time in which something was being recognised
    bridge_cores: float
    carrier_cores: float
    others_cores: float  # processes that are not ours
    cpu_ms_per_call_s: float | None  # of the bridge, beyond what it takes without callers
    echo_idle: Lateness  # what the bridge adds to a frame while nothing is recognised, and ...
    echo_decoding: Lateness  # ... while something is
    tone_idle: Lateness  # how much later than planned a frame of a long sound left
    tone_decoding: Lateness
    measuring: Lateness  # how late the relay's own process wakes up

    @property
    def good(self) -> bool:
        in_time = self.reply_p50 is not None and self.reply_p50 <= TOO_SLOW_S
        return not self.failed and self.answered == self.turns and in_time


class Cpu(NamedTuple):
    """CPU seconds since each began."""

    bridge: float
    carrier: float
    ours: float
    machine: float


def cpu_of(pid: int) -> float:
    """User and system time of a process and of those that it runs, as the recogniser's."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = [each.read_text().split() for each in Path(f"/proc/{pid}/task").glob("*/children")]
    theirs = sum(cpu_of(int(child)) for each in children for child in each)
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S + theirs


def cpu_of_machine() -> float:
    """All that was not idle: user, nice, system, irq, softirq; not what a host took (steal)."""
    values = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return sum(values[at] for at in (0, 1, 2, 5, 6)) / TICKS_PER_S


def peak_memory_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


# ---- the processes -------------------------------------------------------------------------------


class Heard:
    """What the bridge's tape has told since the step began."""

    def __init__(self) -> None:
        self.waterfalls: list[dict[str, float]] = []
        self.spoken_s = 0.0
        self.complaints: list[str] = []

    def on_line(self, line: TapeLine) -> None:
        match line.happened:
            case WaterfallMeasured(after_s=after_s):
                self.waterfalls.append(after_s)
            case TurnTaken(audio_s=audio_s):
                self.spoken_s += audio_s
            case event if event.level >= logging.ERROR:
                why = getattr(event, "why", "") or getattr(event, "error", "")
                self.complaints.append(f"{event.words}: {why}".removesuffix(": "))
            case _:
                pass


@asynccontextmanager
async def process(
    *arguments: str, env: dict[str, str], on_line: Callable[[str], None]
) -> AsyncGenerator[int]:
    """The pid of a `callbridge` command that ends with the block."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "callbridge", *arguments,
        env={**os.environ, **env},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )  # fmt: skip

    async def read() -> None:
        assert running.stderr is not None, "it was started with a pipe"
        async for line in running.stderr:
            on_line(line.decode(errors="replace"))

    reading = asyncio.create_task(read())
    try:
        yield running.pid
    finally:
        if running.returncode is None:
            running.terminate()
        try:
            async with asyncio.timeout(8):
                await running.wait()
        except TimeoutError:
            running.kill()
            await running.wait()
        await reading


async def ready(http: httpx.AsyncClient, url: str) -> httpx.Response:
    for _ in range(round(READY_S / 0.1)):
        try:
            answer = await http.get(url)
            if answer.is_success:
                return answer
        except httpx.TransportError:
            pass  # it does not listen yet
        await asyncio.sleep(0.1)
    raise CallbridgeError(f"{url} does not answer in {READY_S:g} s")


def free_ports(number: int) -> list[int]:
    """Ports that nobody uses now. Held together, so that they are not the same one."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@dataclass(slots=True)
class Ends:
    carrier: int  # pid
    bridge: int
    exchange: ring.Carrier
    relay: Relay
    files: Path  # the bridge's tape and the recogniser's decodings are there
    heard: Heard
    own_late: list[tuple[float, float]]

    def cpu(self) -> Cpu:
        bridge, carrier = cpu_of(self.bridge), cpu_of(self.carrier)
        return Cpu(bridge, carrier, bridge + carrier + cpu_of(os.getpid()), cpu_of_machine())


@asynccontextmanager
async def both(out: Path) -> AsyncGenerator[Ends]:
    """Carrier and bridge, with a relay in the way of their media streams."""
    carrier_port, bridge_port = free_ports(2)
    carrier_url, bridge_url = f"http://{HOST}:{carrier_port}", f"http://{HOST}:{bridge_port}"
    key = secrets.token_hex(12)
    tape, decoded = out / TAPE, out / DECODED
    tape.touch()
    decoded.touch()
    own_late: list[tuple[float, float]] = []
    carrier = (
        "carrier", "--host", HOST, "--port", str(carrier_port),
        "--webhook-url", f"{bridge_url}/webhooks", "--out", str(out),
    )  # fmt: skip
    serve = ("serve", f"{BOT}:app", "--host", HOST, "--port", str(bridge_port))
    async with (
        httpx.AsyncClient(trust_env=False) as http,
        relaying(bridge_port) as relay,
        process(*carrier, env={"TELNYX_API_KEY": key}, on_line=complain) as carrier_pid,
        ring.carrier_at(carrier_url, key) as exchange,
    ):
        public_key = (await ready(http, f"{carrier_url}/carrier/public_key")).json()["public_key"]
        settings = {
            "TELNYX_API_KEY": key,
            "TELNYX_PUBLIC_KEY": public_key,
            "TELNYX_BASE_URL": f"{carrier_url}/v2",
            "CALLBRIDGE_PUBLIC_URL": f"http://{HOST}:{relay.port}",
            "CALLBRIDGE_TAPE": str(tape),
            "CALLBRIDGE_DRAIN_S": "0",
            FILE: str(decoded),
        }
        last = deque[str](maxlen=LAST_LINES)
        async with process(*serve, env=settings, on_line=last.append) as bridge_pid:
            try:
                await ready(http, f"{bridge_url}/readyz")
            except CallbridgeError as error:
                raise CallbridgeError(f"{error}; the bridge said:\n{''.join(last)}") from None
            ends = Ends(carrier_pid, bridge_pid, exchange, relay, out, Heard(), own_late)
            lateness = asyncio.create_task(own_lateness(own_late))
            following = asyncio.create_task(follow(tape, lambda line: ends.heard.on_line(line)))
            yield ends
            lateness.cancel()
            following.cancel()


def complain(line: str) -> None:
    print(f"carrier: {line}", end="", file=sys.stderr)


# ---- the callers ---------------------------------------------------------------------------------


def talker(number: int) -> dict[str, Any]:
    """A script: some clauses, and the reply to each heard to its end."""
    steps: list[dict[str, Any]] = [{"wait": "streaming"}]
    for turn in range(TURNS):
        start, end = CLAUSES[(number * 2 + turn) % len(CLAUSES)]
        steps += [
            {"play": VOICE, "start": start, "end": end},
            {"wait": "bot_speaking", "within": REPLY_LIMIT_S},
            {"wait": "bot_silent", "for": 0.8},
        ]
    return {"to": PARROT, "steps": [*steps, {"hangup": True}]}


def bystander(to: str) -> dict[str, Any]:
    return {"to": to, "steps": [{"wait": "hangup", "within": 600}]}


async def talk(ends: Ends, number: int, of: int) -> record.Record:
    await asyncio.sleep(number / of * CYCLE_S)
    call = await ends.exchange.ring(talker(number), "/")
    async for _ in ends.exchange.tape(call):
        pass
    files = (await ends.exchange.finished(call))["files"]
    return await asyncio.to_thread(record.read, Path(files["json"]), Path(files["wav"]))


class Window(NamedTuple):
    """What was recorded in one step; the bystanders' frames are looked at when all is over."""

    callers: int
    calls: list[record.Record]
    heard: Heard
    decodings: list[Decoding]
    began: float
    ended: float
    used: Cpu


async def observe(ends: Ends, callers: int) -> Window:
    ends.heard = Heard()
    began, before = monotonic(), ends.cpu()
    calls: list[record.Record] = []
    if callers:
        async with asyncio.timeout(STEP_LIMIT_S):
            calls = await asyncio.gather(*(talk(ends, n, callers) for n in range(callers)))
    else:
        await asyncio.sleep(BASELINE_S)
    used = Cpu(*(after - earlier for after, earlier in zip(ends.cpu(), before, strict=True)))
    ended = monotonic()
    await asyncio.sleep(2 * FOLLOW_S)  # the last lines of the tape are still to be read
    decoded = decodings(ends.files / DECODED, since=began)
    return Window(callers, calls, ends.heard, decoded, began, ended, used)


def replies_s(call: record.Record) -> list[float]:
    """From the end of each sound of the caller to the next one of the bot, in the recording."""
    starts = [sound.start_s for sound in call.sounds(call.bot)]
    found: list[float] = []
    for said in call.sounds(call.caller):
        after = bisect_right(starts, said.end_s)
        if after < len(starts):
            found.append(starts[after] - said.end_s)
    return found


# ---- the bystanders ------------------------------------------------------------------------------

Timeline = list[tuple[float, float]]
"""(when a frame passed the relay, by how many seconds it was late)"""


def called(tape: Tape) -> str:
    for message in messages(tape.to_bridge):
        frame = wire.decode_incoming(message.text)
        if isinstance(frame, wire.Start):
            return frame.start.to
    return ""


def played(tape: Tape) -> list[tuple[float, int]]:
    """(when it passed, samples until its end) of every frame of audio that the bridge sent."""
    found: list[tuple[float, int]] = []
    end = 0
    for message in messages(tape.to_carrier):
        frame = wire.decode_outgoing(message.text)
        if isinstance(frame, wire.Audio):
            end += len(frame.media.payload)
            found.append((message.at, end))
    return found


def echo_delays(tape: Tape) -> Timeline:
    """For every frame that came back, how long after the last of its samples had gone in.

    The bot begins to listen some frames after the first one; that many are left out which leave the
    usual delay as short as it can be."""
    came = [
        (message.at, len(frame.media.payload))
        for message in messages(tape.to_bridge)
        if isinstance(frame := wire.decode_incoming(message.text), wire.Media)
    ]
    back = played(tape)
    if not came or not back:
        return []
    at = np.array([passed for passed, _ in back])
    ends = np.array([end for _, end in back])
    went_in = np.array([passed for passed, _ in came])
    until = np.cumsum(np.array([samples for _, samples in came]))
    last_sample = np.searchsorted(until, ends)  # the frame in which it went in
    timelines = (
        at - went_in[np.minimum(last_sample + missed, len(came) - 1)] for missed in range(MISSED)
    )
    delays = min((each for each in timelines if np.median(each) >= 0), key=np.median)
    return list(zip(at.tolist(), delays.tolist(), strict=True))


def tone_lateness(tape: Tape) -> Timeline:
    """For every frame of an endless sound, by how much its end left later than at its usual lead.

    A frame goes when its end fits under the lead, so the ends are what is paced. The first ones
    fill the lead and go at once: that is no pacing."""
    offsets = [(at, at - end / RATE) for at, end in played(tape) if end > 2 * LEAD_S * RATE]
    return [
        (at, offset - min(other for when, other in offsets if abs(when - at) <= AROUND_S))
        for at, offset in offsets
    ]


def between(timeline: Timeline, began: float, ended: float) -> Timeline:
    return [(at, late) for at, late in timeline if began <= at < ended]


def split(timeline: Timeline, spans: list[tuple[float, float]]) -> tuple[Lateness, Lateness]:
    """(while nothing was recognised, while something was).

    A frame belongs to a recognition if it was due or passed during one."""
    idle: list[float] = []
    decoding: list[float] = []
    for at, late in timeline:
        busy = any(begun <= at and at - late <= ended for begun, ended in spans)
        (decoding if busy else idle).append(late)
    return Lateness.of(idle), Lateness.of(decoding)


# ---- results -------------------------------------------------------------------------------------


class Bystanders(NamedTuple):
    echo: Timeline
    tone: Timeline


def look_at(tapes: list[Tape]) -> Bystanders:
    echo: Timeline = []
    tone: Timeline = []
    for tape in tapes:
        number = called(tape)
        if number == ECHO:
            echo += echo_delays(tape)
        elif number == TONE:
            tone += tone_lateness(tape)
    return Bystanders(echo, tone)


def middle(values: list[float]) -> float | None:
    return round(median(values), 3) if values else None


def union_s(spans: list[tuple[float, float]]) -> float:
    total, until = 0.0, 0.0
    for begun, ended in sorted(spans):
        total += max(0.0, ended - max(begun, until))
        until = max(until, ended)
    return total


def evaluate(window: Window, others: Bystanders, own: Timeline, idle_cores: float) -> Step:
    began, ended, heard = window.began, window.ended, window.heard
    wall = ended - began
    replies = [w["first_heard"] for w in heard.waterfalls if "first_heard" in w]
    call_s = sum(len(call.caller) / call.facts.sample_rate for call in window.calls)
    failed = [line for call in window.calls for line in call.facts.failed]
    spans = [(each.began, each.ended) for each in window.decodings]
    echo_idle, echo_decoding = split(between(others.echo, began, ended), spans)
    tone_idle, tone_decoding = split(between(others.tone, began, ended), spans)
    used = window.used
    return Step(
        callers=window.callers,
        turns=window.callers * TURNS,
        answered=len(replies),
        failed=(*failed, *heard.complaints),
        understood_p50=middle([w["final_text"] for w in heard.waterfalls]),
        reply_p50=middle(replies),
        reply_worst=max(replies, default=None),
        recorded_p50=middle([each for call in window.calls for each in replies_s(call)]),
        call_s=round(call_s, 1),
        spoken_s=round(heard.spoken_s, 1),
        decoded_s=round(sum(each.audio_s for each in window.decodings), 1),
        decoding=round(union_s(spans) / wall, 3),
        bridge_cores=round(used.bridge / wall, 3),
        carrier_cores=round(used.carrier / wall, 3),
        others_cores=round(max(0.0, used.machine - used.ours) / wall, 3),
        cpu_ms_per_call_s=(
            round(1000 * (used.bridge - idle_cores * wall) / call_s, 1) if call_s else None
        ),
        echo_idle=echo_idle,
        echo_decoding=echo_decoding,
        tone_idle=tone_idle,
        tone_decoding=tone_decoding,
        measuring=Lateness.of([late for _, late in between(own, began, ended)]),
    )


async def measure(first: int, most: int) -> tuple[list[Step], int, str]:
    """The steps, the bridge's peak memory in MB, and why there are no more steps."""
    started = monotonic()
    with tempfile.TemporaryDirectory() as folder:
        async with both(Path(folder)) as ends:
            for number in (ECHO, TONE) * BYSTANDERS:
                await ends.exchange.ring(bystander(number), "/")
            await asyncio.sleep(1.0)
            tapes = list(ends.relay.tapes)
            progress(f"nobody talks: {2 * BYSTANDERS} calls echo or play, {BASELINE_S:g} s")
            windows = [await observe(ends, 0)]
            why = await ramp(ends, first, most, windows, started)
            memory_mb = peak_memory_mb(ends.bridge)
    others = look_at(tapes)
    idle = windows[0].used.bridge / (windows[0].ended - windows[0].began)
    return [evaluate(window, others, ends.own_late, idle) for window in windows], memory_mb, why


async def ramp(ends: Ends, callers: int, most: int, windows: list[Window], started: float) -> str:
    """Twice as many callers each time. Returns why it ended."""
    while callers <= most:
        last = windows[-1]
        if monotonic() - started + 1.2 * (last.ended - last.began) > ALL_S:
            return f"the time is over ({ALL_S:g} s)"
        progress(f"{callers} callers, {callers * TURNS} turns ...")
        window = await observe(ends, callers)
        windows.append(window)
        step = evaluate(window, Bystanders([], []), [], 0.0)
        took = window.ended - window.began
        progress(f"  {step.answered} answered, p50 {step.reply_p50} s, in {took:.0f} s")
        if not step.good:
            return f"{callers} callers were too many: " + (
                "; ".join(step.failed[:3])
                or f"{step.answered} of {step.turns} turns answered, p50 {step.reply_p50} s"
            )
        callers *= 2
    return f"--most {most}"


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# ---- the table -----------------------------------------------------------------------------------


def machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return f"CPython {platform.python_version()}, {cores} cores, load {os.getloadavg()[0]:.1f}"


def seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def pair(late: Lateness) -> str:
    return "-" if late.p50 is None else f"{late.p50:.1f} / {late.p99:.1f}"


COLUMNS: dict[str, Callable[[Step], str]] = {
    "callers": lambda s: str(s.callers),
    "answered": lambda s: f"{s.answered}/{s.turns}",
    "text s": lambda s: seconds(s.understood_p50),
    "reply s": lambda s: seconds(s.reply_p50),
    "worst": lambda s: seconds(s.reply_worst),
    "in WAV": lambda s: seconds(s.recorded_p50),
    "bridge": lambda s: f"{s.bridge_cores:.2f}",
    "carrier": lambda s: f"{s.carrier_cores:.2f}",
    "others": lambda s: f"{s.others_cores:.2f}",
    "ms/call-s": lambda s: "-" if s.cpu_ms_per_call_s is None else f"{s.cpu_ms_per_call_s:.0f}",
    "decoding": lambda s: f"{s.decoding:.0%}",
    "echo idle": lambda s: pair(s.echo_idle),
    "echo dec.": lambda s: pair(s.echo_decoding),
    "tone idle": lambda s: pair(s.tone_idle),
    "tone dec.": lambda s: pair(s.tone_decoding),
    "own": lambda s: pair(s.measuring),
}


LEGEND = """\
text, reply, worst, in WAV: seconds after the caller's last voiced sample (in WAV: last sound)
bridge, carrier, others: cores; ms/call-s: the bridge's CPU ms per second of a talking call
echo, tone: frames of other calls, lateness p50 / p99 in ms, idle and while something is recognised
own: how late this program wakes up"""


def show(steps: list[Step], memory_mb: int, why: str) -> None:
    cells = [list(COLUMNS), *([cell(step) for cell in COLUMNS.values()] for step in steps)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    print(f"\n{machine()}")
    print(LEGEND)
    for row in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
    print(f"peak memory of the bridge {memory_mb} MB; ended because: {why}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--first", type=int, default=1, help="callers at once, to begin with")
    parser.add_argument("--most", type=int, default=32, help="callers at once, at most")
    options = parser.parse_args()
    try:
        steps, memory_mb, why = asyncio.run(measure(options.first, options.most))
    except CallbridgeError as error:
        raise SystemExit(f"conversation: {error}") from None
    if options.json:
        rows = [asdict(step) for step in steps]
        results = {"machine": machine(), "steps": rows, "peak_rss_mb": memory_mb, "why": why}
        print(json.dumps(results))
    else:
        show(steps, memory_mb, why)


if __name__ == "__main__":
    main()
