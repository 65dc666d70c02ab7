"""What calls and the process itself hold in memory, and what the garbage collector costs.

    python benchmarks/memory.py [--json] [--calls 200] [--seconds 5]

Calls run inside one process without sockets, whose buffers come on top, in time that is stepped:
`--seconds` is how long each of them echoes. An idle call has its stream and a bot that listens; an
active one has echoed. Growth is what another such stretch adds, and should be next to nothing.
Resident memory is that of fresh processes, the server's as `callbridge serve` starts it."""

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil
from inside import PTIME_S, PUBLIC_KEY, InsideCall, SteppedClock, caller_frames, inside

from callbridge import App, Call
from callbridge.host.bind import bind
from callbridge.timing.loop import new_loop
from telecodecs import codec

ECHO = Path(__file__).parents[1] / "examples" / "echo.py"
COLLECTIONS = 7
LAST_TURNS = 10  # in which the tasks of calls that are forgotten end
START_WITHIN_S = 30.0
POLL_S = 0.05


async def echo(call: Call) -> None:
    async for pcm in call.audio():
        await call.write(pcm)


class Held(NamedTuple):
    """KiB per call, as `tracemalloc` counts them: Python's objects and numpy's arrays."""

    idle: float
    active: float
    growth: float
    left: float  # when they have ended


class Pauses(NamedTuple):
    """Milliseconds of a full collection."""

    started: float  # an application without calls
    frozen: float  # the same after gc.freeze()
    frozen_with_calls: float  # with active calls, which came after the freeze


class Resident(NamedTuple):
    """MiB of a fresh process."""

    python: float
    imported: float  # after `import callbridge`
    serving: float  # `callbridge serve` with the echo example, before its first call


# ---- calls --------------------------------------------------------------------------------------


async def begin(app: App, clock: SteppedClock, calls: int) -> list[InsideCall]:
    """Calls whose bots listen."""
    live = [InsideCall(app, clock, number, codec("PCMU")) for number in range(calls)]
    while not all(call.leg.line.listeners for call in live):  # noqa: ASYNC110  turns of the loop
        await asyncio.sleep(0)
    return live


async def talk(live: list[InsideCall], clock: SteppedClock, texts: list[str]) -> None:
    """All callers say these frames, and are echoed."""
    before = sum(call.sent for call in live)
    for text in texts:
        clock.time += PTIME_S
        for call in live:
            call.say(text)
        await asyncio.sleep(0)  # the bots' turn
    assert sum(call.sent for call in live) - before >= len(live) * len(texts), "not all came back"


async def end(app: App, live: list[InsideCall]) -> None:
    for call in live:
        call.hang_up()
    live.clear()
    while len(app.service.calls):  # noqa: ASYNC110
        await asyncio.sleep(0)
    for _ in range(LAST_TURNS):
        await asyncio.sleep(0)


async def held(calls: int, seconds: float) -> Held:
    """Steps of the traced memory, after one call that pays for what is made only once."""
    texts = caller_frames(2 * round(seconds / PTIME_S), codec("PCMU"))
    half = len(texts) // 2
    async with inside(echo, max_calls=calls) as (app, clock):
        live = await begin(app, clock, 1)
        await talk(live, clock, texts)
        await end(app, live)
        empty = traced()
        live = await begin(app, clock, calls)
        idle = traced()
        await talk(live, clock, texts[:half])
        active = traced()
        await talk(live, clock, texts[half:])
        grown = traced()
        await end(app, live)
        left = traced()
    steps = (idle - empty, active - empty, grown - active, left - empty)
    return Held(*(step / calls / 1024 for step in steps))


def traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


# ---- the collector ------------------------------------------------------------------------------


async def pauses(calls: int, seconds: float) -> Pauses:
    texts = caller_frames(round(seconds / PTIME_S), codec("PCMU"))
    async with inside(echo, max_calls=calls) as (app, clock):
        _ = app.service  # made at its first use
        started = collection_ms()
        gc.freeze()
        try:
            frozen = collection_ms()
            live = await begin(app, clock, calls)
            await talk(live, clock, texts)
            with_calls = collection_ms()
        finally:
            gc.unfreeze()
        await end(app, live)
    return Pauses(started, frozen, with_calls)


def collection_ms() -> float:
    """The best of several; the first of them has the rubbish to carry away."""
    took: list[float] = []
    for _ in range(COLLECTIONS):
        began = time.perf_counter()
        gc.collect()
        took.append(time.perf_counter() - began)
    return 1000 * min(took)


# ---- whole processes ----------------------------------------------------------------------------


def resident() -> Resident:
    with served() as process:
        return Resident(after(""), after("import callbridge"), rss_mib(process.pid))


def after(code: str) -> float:
    """MiB of a Python that has run some code."""
    waiting = f"{code}\nprint(flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", waiting], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = rss_mib(process.pid)
        process.communicate(b"\n")
    return found


def rss_mib(pid: int) -> float:
    rss: int = psutil.Process(pid).memory_info().rss
    return rss / 2**20


@contextmanager
def served() -> Generator[subprocess.Popen[bytes]]:
    """`callbridge serve examples/echo.py`, once it answers."""
    with bind("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    env = os.environ | {
        "TELNYX_API_KEY": "nobody",
        "TELNYX_PUBLIC_KEY": PUBLIC_KEY,
        "CALLBRIDGE_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    command = [sys.executable, "-m", "callbridge", "serve", str(ECHO), "--port", str(port)]
    with tempfile.TemporaryDirectory() as folder:  # without anybody's .env
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait_until_ready(f"http://127.0.0.1:{port}/readyz", process)
            yield process
        finally:
            process.terminate()
            process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while True:
        try:
            httpx.get(url, trust_env=False).raise_for_status()
        except httpx.HTTPError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("callbridge serve does not start") from None
            time.sleep(POLL_S)
        else:
            return


# ---- the report ---------------------------------------------------------------------------------


def measure(calls: int, seconds: float) -> tuple[Resident, Pauses, Held]:
    processes = resident()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        collector = runner.run(pauses(calls, seconds))
        tracemalloc.start()
        try:
            per_call = runner.run(held(calls, seconds))
        finally:
            tracemalloc.stop()
    return processes, collector, per_call


def report(processes: Resident, collector: Pauses, per_call: Held, calls: int) -> str:
    return f"""\
resident memory, MiB
  Python alone                     {processes.python:8.1f}
  after import callbridge          {processes.imported:8.1f}
  callbridge serve, no call        {processes.serving:8.1f}
a full collection, ms
  application without calls        {collector.started:8.2f}
  after gc.freeze()                {collector.frozen:8.2f}
  frozen, then {calls} active calls{"":{14 - len(str(calls))}}{collector.frozen_with_calls:8.2f}
inside the bridge, KiB per call
  idle                             {per_call.idle:8.1f}
  active                           {per_call.active:8.1f}
  growth in as much time again     {per_call.growth:8.2f}
  left when it has ended           {per_call.left:8.2f}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--calls", type=int, default=200, help="at once (default 200)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of echo (default 5)")
    options = parser.parse_args()
    processes, collector, per_call = measure(options.calls, options.seconds)
    if options.json:
        found = {
            "resident_mib": processes._asdict(),
            "collection_ms": collector._asdict(),
            "kib_per_call": per_call._asdict(),
        }
        print(json.dumps(found))
        return
    print(report(processes, collector, per_call, options.calls))


if __name__ == "__main__":
    main()
