"""What a conference costs: microseconds per tick of 20 ms, for 2, 3, 10 and 50 participants.

    python benchmarks/conference.py [--json] [--runs 15]

`mix` is the room's share of a tick: every voice taken, summed, and given to each listener without
their own. `conference` is the carrier's whole tick with all that a leg has beside: caller, parts,
recording, floor, comfort noise. Each with everybody speaking and with three who do. Of the
process's own time, the best of several runs: other work on the machine only ever adds."""

import argparse
import json
from collections.abc import Callable
from time import process_time
from timeit import Timer

import numpy as np

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core.leg import CarrierLeg, Identity
from callbridge.carrier.core.room import Room
from callbridge.carrier.core.routing import Routing
from callbridge.carrier.people.script import CallScript, Play, Wait
from callbridge.carrier.switch import Switch
from callbridge.host.audiofile import Clip
from telecodecs import Pcm, codec

SIZES = (2, 3, 10, 50)
SPEAKERS = 3  # in the rows where not everybody speaks
RUN_S = 0.02
KEY = "Bearer local-key"
TALK_S = 300  # longer than any run: who has said all would cost less


def speech(samples: int, seed: int = 0) -> Pcm:
    """Noise at the level of speech: the cost does not depend on what is said."""
    return np.random.default_rng(seed).normal(0, 3000, samples).astype(np.int16)


def microseconds(step: Callable[[], None], runs: int) -> float:
    timer = Timer(step, timer=process_time)
    number = max(1, round(RUN_S / max(timer.timeit(10) / 10, 1e-7)))
    return min(timer.repeat(runs, number)) / number * 1e6


def room(size: int, speakers: int) -> Room:
    encoding = codec("PCMU").encoding
    legs = [
        CarrierLeg(
            Identity(f"{n}", f"{n}", "s", "1", "incoming", "+1", "+2", ""),
            encoding,
            Routing(),
            0.0,
            record=False,
        )
        for n in range(size)
    ]
    for number, leg in enumerate(legs[:speakers]):
        leg.said = speech(160, number)
    return Room(*legs)


class Meeting:
    """A whole carrier with one conference."""

    def __init__(self, size: int, speakers: int) -> None:
        self.switch = Switch(CarrierConfig(record=False), wall=0.0, seed=1)
        self._ticks = 0
        clip = Clip(speech(8000 * TALK_S), 8000)
        calls = [self._call((Play(clip),) if n < speakers else ()) for n in range(size)]
        self._post("/v2/conferences", {"call_control_id": calls[0], "name": "bench"})
        [conference] = self._get("/v2/conferences")
        for call in calls[1:]:
            self._post(
                f"/v2/conferences/{conference['id']}/actions/join", {"call_control_id": call}
            )

    def _call(self, steps: tuple[Play, ...]) -> str:
        call = self.switch.place_call(CallScript(steps=(Wait("answered"), *steps)), 0.0)
        self._post(f"/v2/calls/{call}/actions/answer", {})
        return call

    def _post(self, path: str, body: dict[str, str]) -> None:
        response = self.switch.request("POST", path, json.dumps(body).encode(), KEY, 0.0)
        assert response.status == 200, response.body
        self.switch.effects()

    def _get(self, path: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self.switch.request("GET", path, b"", KEY, 0.0).body["data"]  # type: ignore[assignment]
        return found

    def tick(self) -> None:
        self._ticks += 1
        self.switch.tick(self._ticks * 0.02)
        self.switch.effects()


def figures(runs: int) -> dict[str, dict[int, float]]:
    rows: dict[str, dict[int, float]] = {}
    for who in ("all", f"{SPEAKERS}"):
        for size in SIZES:
            speakers = size if who == "all" else min(size, SPEAKERS)
            steps = {"mix": room(size, speakers).mix, "conference": Meeting(size, speakers).tick}
            for what, step in steps.items():
                row = rows.setdefault(f"{what}, {who} speak", {})
                row[size] = microseconds(step, runs)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    rows = figures(options.runs)
    if options.json:
        print(json.dumps(rows))
        return
    print("us per tick".ljust(26), *(f"{size:>8}" for size in SIZES), "   50 beside 2")
    for name, row in rows.items():
        times = f"{row[50] / row[2]:10.1f}x"
        print(name.ljust(26), *(f"{row[size]:8.1f}" for size in SIZES), times)


if __name__ == "__main__":
    main()
