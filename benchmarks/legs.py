"""How many legs a carrier carries in real time: 300 in bridges and conferences, on one core.

    python benchmarks/legs.py [--legs 300] [--seconds 60] [--record] [--json]

The carrier itself runs here, clock, rooms and webhooks, with callers who speak all the time; what
is missing is the network, so webhooks are taken at once. The groups are a conference of 50, two of
25, five of 10, ten of 5 and ten of 3, and bridges for all other legs. A tick has 20 ms. One that
takes longer is an overrun; `late` is how long after its time a tick begins, which has the machine's
share in it."""

import argparse
import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any, cast

import httpx
import numpy as np
import psutil
from nacl.signing import SigningKey

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.net.shell import TICK_S, Shell
from callbridge.carrier.people.script import CallScript, Play, Wait
from callbridge.carrier.switch import Switch
from callbridge.host.audiofile import Clip

CONFERENCES = (50, *[25] * 2, *[10] * 5, *[5] * 10, *[3] * 10)
KEY = "Bearer local-key"
SETTLE_S = 2.0


class TimedSwitch:
    """A switch whose ticks are timed."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self.took: list[float] = []  # seconds
        self.late: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._switch, name)

    def tick(self, now: float) -> None:
        began = time.perf_counter()
        self.late.append(max(0.0, asyncio.get_running_loop().time() - now))
        self._switch.tick(now)
        self.took.append(time.perf_counter() - began)


def groups(legs: int) -> Iterator[int]:
    """Sizes of the rooms; what is left of `legs` talks in pairs."""
    for size in CONFERENCES:
        if size <= legs:
            legs -= size
            yield size
    yield from [2] * (legs // 2)


class Crowd:
    def __init__(self, shell: Shell, seconds: float) -> None:
        noise = np.random.default_rng(1).normal(0, 3000, round(8000 * (seconds + 60)))
        self._speech = Clip(noise.astype(np.int16), 8000)
        self._shell = shell

    def gather(self, legs: int) -> dict[int, int]:
        """How many rooms there are of each size."""
        rooms: dict[int, int] = {}
        for number, size in enumerate(groups(legs)):
            self._room(number, [self._leg() for _ in range(size)])
            rooms[size] = rooms.get(size, 0) + 1
        return rooms

    def _leg(self) -> str:
        now = self._shell.now()
        script = CallScript(steps=(Wait("answered"), Play(self._speech)))
        call = self._shell.switch.place_call(script, now)
        self._post(f"/v2/calls/{call}/actions/answer", {})
        return call

    def _room(self, number: int, calls: list[str]) -> None:
        first, *others = calls
        if len(calls) == 2:
            self._post(f"/v2/calls/{first}/actions/bridge", {"call_control_id": others[0]})
            return
        body = {"call_control_id": first, "name": f"room {number}"}
        made = self._post("/v2/conferences", body)
        for call in others:
            self._post(f"/v2/conferences/{made['id']}/actions/join", {"call_control_id": call})

    def _post(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        shell = self._shell
        answer = shell.switch.request("POST", path, json.dumps(body).encode(), KEY, shell.now())
        assert answer.status == 200, answer.body
        shell.settle()
        return cast("dict[str, Any]", answer.body["data"])


async def measure(legs: int, seconds: float, *, record: bool) -> dict[str, Any]:
    process = psutil.Process()
    config = CarrierConfig(record=record, webhook_url="http://127.0.0.1:9/webhooks")
    nobody = httpx.MockTransport(lambda _: httpx.Response(200))
    async with httpx.AsyncClient(transport=nobody) as http, asyncio.TaskGroup() as group:
        shell = Shell(config, group, http, SigningKey.generate())
        crowd = Crowd(shell, seconds)
        empty = process.memory_info().rss
        rooms = crowd.gather(legs)
        shell.switch = cast("Switch", timed := TimedSwitch(shell.switch))
        clock = group.create_task(shell.run_clock())
        await asyncio.sleep(SETTLE_S)
        del timed.took[:], timed.late[:]
        began, used, skipped = time.perf_counter(), time.process_time(), shell.skipped_ticks
        await asyncio.sleep(seconds)
        wall, cpu = time.perf_counter() - began, time.process_time() - used
        rss = process.memory_info().rss - empty
        clock.cancel()
        await shell.say_goodbye()
    took, late = np.array(timed.took) * 1e3, np.array(timed.late) * 1e3
    return {
        "legs": legs,
        "rooms": rooms,
        "seconds": round(wall, 1),
        "ticks": len(took),
        "tick_ms": {"p50": _at(took, 50), "p99": _at(took, 99), "worst": _at(took, 100)},
        "late_ms": {"p50": _at(late, 50), "p99": _at(late, 99), "worst": _at(late, 100)},
        "overruns": int((took > TICK_S * 1e3).sum()),
        "skipped": shell.skipped_ticks - skipped,
        "cpu_percent": round(100 * cpu / wall, 1),
        "us_per_leg_and_tick": round(float(took.mean()) * 1e3 / legs, 2),
        "kib_per_leg": round(rss / 1024 / legs, 1),
    }


def _at(values: "np.ndarray[Any, np.dtype[np.float64]]", percent: float) -> float:
    return round(float(np.percentile(values, percent)), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--legs", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--record", action="store_true", help="keep both sides of every call")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = asyncio.run(measure(options.legs, options.seconds, record=options.record))
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:>20}  {value}")


if __name__ == "__main__":
    main()
