"""Answering machine detection of the local carrier, on recordings: how often it is right, and how
long it takes.

    python -m benchmarks.detection [--json] [--wrong] [--rules] [--mode premium] [--group people]

Every pickup of `benchmarks/pickups.py` is dialled in virtual time, once in each mode, with the
platform's default settings; a recogniser's answer comes as much later as it took to recognise.
`--rules` leaves the recogniser away, `--wrong` names every pickup that was judged wrongly. With the
recogniser it takes some minutes. Seconds count from the answer to the verdict, and from the end of
a beep, or of the last word where a mode waits for no beep, to `greeting.ended`."""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import Any, NamedTuple, get_args

import numpy as np
from benchmarks.pickups import GROUPS, RATE, Expected, Pickup, missing, pickups
from tests.callbridge.carrier.line import Line, data

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.parts.detection import DetectionMode, DetectionPart
from callbridge.carrier.people.script import CallScript, Play, Wait
from callbridge.host.audiofile import Clip
from callbridge.speech.engines import Recogniser
from callbridge.speech.offline import installed, offline
from telecodecs import Pcm

CALLEE = "+13125550199"
MODES: tuple[DetectionMode, ...] = get_args(DetectionMode)
LONGEST_S = 60.0
PERSONS = {"human", "human_residence", "human_business"}
# What is right of a pickup: the standard modes know neither a fax nor silence, and whether music
# or a ringing tone is a machine's may be called unsure, but it is no person.
RIGHT: dict[Expected, set[str]] = {
    "person": PERSONS,
    "machine": {"machine", "beep_detected"},
    "screening": {"machine", "screening"},
    "fax": {"machine", "not_sure", "fax_detected"},
    "silence": {"not_sure", "machine", "silence"},
    "nobody": {"not_sure", "machine", "silence"},
}
RIGHT_PREMIUM: dict[Expected, set[str]] = {
    **RIGHT,
    "fax": {"fax_detected"},
    "silence": {"silence"},
}


class Told(NamedTuple):
    """An event of detection, in seconds from the answer."""

    kind: str
    result: str
    at_s: float


class Judged(NamedTuple):
    pickup: Pickup
    right: bool
    verdict: str
    verdict_s: float | None
    end: Told | None
    then: str  # the verdict behind a screening


class Listener:
    """A recogniser whose answers take their time, and are kept: each mode hears the same."""

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser
        self._known: dict[bytes, tuple[str, float]] = {}
        silence = np.zeros(RATE, np.int16)
        recogniser.transcribe(silence, RATE)  # loads the model

    def hear(self, pcm: Pcm, sample_rate: int) -> tuple[str, float]:
        """The text, and how many seconds it took."""
        key = pcm.tobytes()
        if key not in self._known:
            began = perf_counter()
            text = self._recogniser.transcribe(pcm, sample_rate)
            self._known[key] = text, perf_counter() - began
        return self._known[key]


class DialledLine(Line):
    """One call of which detection is told, until no more can be."""

    def __init__(self, pickup: Pickup, listener: Listener | None) -> None:
        steps = (Play(Clip(pickup.sound, RATE)), Wait("hangup", within_s=1000))
        numbers = {CALLEE: CallScript(steps=steps)}
        super().__init__(
            CarrierConfig(webhook_url="http://a/", numbers=numbers, ring_s=0.0, record=False),
            converses=listener is not None,
        )
        self._listener = listener
        self._answers: list[tuple[float, str, str]] = []
        self._answered_s = 0.0

    def detect(self, mode: DetectionMode) -> list[Told]:
        call = data(self.dial(CALLEE, answering_machine_detection=mode))["call_control_id"]
        leg = self.switch.find(call)
        assert leg is not None
        told: list[Told] = []
        while self.now < LONGEST_S and leg.part(DetectionPart) is not None:
            seen = len(self.deliveries)
            self.tick()
            self._understand()
            told += [found for event in self.events[seen:] if (found := self._told(event))]
        return told

    def _understand(self) -> None:
        for wish in self.to_recognise:
            assert self._listener is not None
            text, took_s = self._listener.hear(wish.pcm, wish.sample_rate)
            self._answers.append((self.now + took_s, wish.session_id, text))
        self.to_recognise.clear()
        for answer in [each for each in self._answers if each[0] <= self.now]:
            self._answers.remove(answer)
            self.switch.recognised(answer[1], answer[2], self.now)
            self.settle()

    def _told(self, event: dict[str, Any]) -> Told | None:
        kind = str(event["event_type"])
        if kind == "call.answered":
            self._answered_s = self.now
        if not kind.startswith("call.machine."):
            return None
        return Told(kind, str(event["payload"]["result"]), self.now - self._answered_s)


def judge(pickup: Pickup, mode: DetectionMode, told: Sequence[Told]) -> Judged:
    verdicts = [each for each in told if each.kind.endswith("detection.ended")]
    ends = [each for each in told if each.kind.endswith("greeting.ended")]
    first = next(iter(verdicts or ends), None)
    verdict = first.result if first is not None else "nothing"
    screened = [each.kind.endswith("screening.detected") for each in told]
    right = (RIGHT_PREMIUM if mode.startswith("premium") else RIGHT)[pickup.expected]
    return Judged(
        pickup,
        verdict in right,
        verdict,
        first.at_s if first is not None else None,
        next(iter(ends), None),
        verdicts[-1].result if any(screened) and len(verdicts) > 1 else "",
    )


# ---- figures -------------------------------------------------------------------------------------


def spread(seconds: Iterable[float]) -> str:
    """Median and 95th percentile."""
    values = list(seconds)
    if not values:
        return "-"
    return f"{np.median(values):.2f} / {np.percentile(values, 95):.2f}"


def counted(results: Counter[str]) -> str:
    return ", ".join(f"{count} {result}" for result, count in results.most_common()) or "-"


def waited_for(judged: Judged) -> float | None:
    """Seconds from what a mode waits for to its event; negative for one that came too early."""
    if judged.end is None or judged.pickup.expected not in ("machine", "screening"):
        return None
    beeps = judged.end.result == "beep_detected"
    if not beeps and judged.end.result not in ("ended", "prompt_ended"):
        return None  # given up
    since = judged.pickup.beep_s if beeps else judged.pickup.ends_s
    return None if since is None else judged.end.at_s - since


def row(name: str, judged: Sequence[Judged]) -> dict[str, str | int]:
    wrong = Counter(each.verdict for each in judged if not each.right)
    unsure = wrong.pop("not_sure", 0)
    delays = [delay for each in judged if (delay := waited_for(each)) is not None]
    ends = Counter(each.end.result for each in judged if each.end is not None)
    then = Counter(each.then for each in judged if each.then)
    return {
        "who picks up": name,
        "calls": len(judged),
        "right": sum(each.right for each in judged),
        "wrong": counted(wrong),
        "not_sure": unsure,
        "verdict s": spread(each.verdict_s for each in judged if each.verdict_s is not None),
        "greeting.ended": counted(ends),
        "after s": spread(delays),
        "early": sum(delay < -0.05 for delay in delays),
        "behind a screening": counted(then),
    }


def rows(judged: Sequence[Judged]) -> list[dict[str, str | int]]:
    groups = dict.fromkeys(each.pickup.group for each in judged)
    table = [
        row(group, [each for each in judged if each.pickup.group == group]) for group in groups
    ]
    return [*table, row("all", judged)]


def show(title: str, table: Sequence[dict[str, str | int]]) -> None:
    print(f"\n{title}\n")
    names = list(table[0])
    print("| " + " | ".join(names) + " |")
    print("|" + "---|" * len(names))
    for one in table:
        print("| " + " | ".join(str(one[name]) for name in names) + " |")


def name_wrong(judged: Iterable[Judged]) -> None:
    for each in judged:
        if not each.right:
            at_s = f" at {each.verdict_s:.2f} s" if each.verdict_s is not None else ""
            print(f"  {each.pickup.group}: {each.pickup.name}: {each.verdict}{at_s}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rules", action="store_true", help="without a recogniser")
    parser.add_argument("--wrong", action="store_true", help="name what was judged wrongly")
    parser.add_argument("--mode", choices=MODES, action="append", help="only this one")
    parser.add_argument("--group", choices=GROUPS, action="append", help="only these pickups")
    options = parser.parse_args()
    groups = options.group or list(GROUPS)
    if lacks := missing(groups):
        raise SystemExit(lacks)
    if not installed() and not options.rules:
        raise SystemExit("install the extra callbridge[speech], or measure the --rules alone")
    listener = None if options.rules else Listener(offline(apart=False).recogniser)
    calls = [one for group in groups for one in pickups(group)]
    results: dict[str, list[dict[str, str | int]]] = {}
    for mode in options.mode or MODES:
        judged = [judge(one, mode, DialledLine(one, listener).detect(mode)) for one in calls]
        results[mode] = rows(judged)
        if not options.json:
            show(f"{mode}, {'rules alone' if options.rules else 'with words'}", results[mode])
            name_wrong(judged if options.wrong else ())
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
