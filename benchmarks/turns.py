"""Turn-taking and echo on real audio: false interruptions, missed ones, and how long things take.

    python benchmarks/turns.py [--json]

A person's recorded reading, the offline voice as the bot, synthetic coughs, hums, noise and echoes,
all through μ-law at 8 kHz and the real VAD; about 40 s. Times count from the first loud 10 ms of a
phrase, or from its last. Words play no part: what a transcript adds or prevents is not counted."""

import argparse
import json
from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter

import numpy as np
from tests.callbridge.speech.acoustics import (
    RATE,
    Echo,
    Heard,
    Wave,
    at_level,
    bot,
    cough,
    hum,
    listen,
    mixed,
    noise,
    over_the_wire,
    phrases,
)

from callbridge.speech.echo import EchoJudge
from callbridge.speech.turns import (
    Interrupt,
    SpeechStarted,
    TurnEnded,
    TurnTaker,
    Withhold,
)

Row = dict[str, str | float]

STARTS_S = (1.1, 2.3, 3.7, 5.2, 6.9, 8.4)  # when something happens over the bot
DELAYS_MS = (80, 140, 250, 400)
AFTER_S = 2.0  # of line after a phrase


def spread(seconds: list[float]) -> str:
    """Median and largest, in milliseconds."""
    if not seconds:
        return "-"
    return f"{1000 * median(seconds):.0f} / {1000 * max(seconds):.0f}"


# ---- nobody interrupts ---------------------------------------------------------------------------


def echoes() -> Iterator[Row]:
    """The caller is silent; the bot speaks to its end, and its echo comes back."""
    human = np.concatenate(phrases())[: 20 * RATE]
    for voice, says in (("offline voice", bot()), ("person", human)):
        for db in (-15, -22, -30):
            for floor in (-65.0, -45.0):
                yield _echoed(f"{voice}, echo {db} dB, noise {floor:.0f} dBFS", says, db, floor)


def _echoed(case: str, says: Wave, db: int, floor: float) -> Row:
    calls: list[Heard] = []
    unjudged: list[Heard] = []
    for delay in DELAYS_MS:
        line = mixed(len(says) / RATE + 1, floor_dbfs=floor)
        calls.append(listen(line, says, Echo(db, delay)))
        unjudged.append(listen(line, says, Echo(db, delay), judged=False))
    voiced = sum(sum(call.voiced) for call in calls)
    passed = sum(v and not e for call in calls for v, e in zip(call.voiced, call.echo, strict=True))
    return {
        "case": case,
        "calls": len(calls),
        "withheld": sum(call.count(Withhold) for call in calls),
        "interrupted": sum(call.count(Interrupt) for call in calls),
        "voiced windows": voiced,
        "passed as speech": passed,
        "interrupted without judge": sum(call.count(Interrupt) for call in unjudged),
    }


def noises() -> Iterator[Row]:
    for colour in ("white", "pink"):
        for dbfs in (-45, -35, -25):
            background = noise(len(bot()) / RATE, dbfs, pink=colour == "pink")
            call = listen(mixed(len(bot()) / RATE, (0.0, background)), bot())
            yield _sounded(f"{colour} noise {dbfs} dBFS", [call])


def sounds() -> Iterator[Row]:
    makers: tuple[tuple[str, Callable[[float], Wave]], ...] = (("cough", cough), ("mm-hm", hum))
    for name, make in makers:
        for seconds in (0.25, 0.35, 0.45, 0.55):
            calls = [
                listen(mixed(at + AFTER_S, (at, make(seconds))), bot()[: round(RATE * (at + 1.5))])
                for at in STARTS_S
            ]
            yield _sounded(f"{name} of {1000 * seconds:.0f} ms", calls)


def _sounded(case: str, calls: list[Heard]) -> Row:
    return {
        "case": case,
        "calls": len(calls),
        "withheld": sum(call.count(Withhold) for call in calls),
        "interrupted": sum(call.count(Interrupt) for call in calls),
    }


# ---- the caller interrupts -----------------------------------------------------------------------


def interruptions() -> Iterator[Row]:
    for level in (0, -6, -12):
        for db in (None, -15, -25):
            for floor in (-65.0, -45.0):
                case = f"person {level:+d} dB, " + (f"echo {db} dB" if db else "no echo")
                yield _interrupted(f"{case}, noise {floor:.0f} dBFS", level, db, floor)


def _interrupted(case: str, level: int, db: int | None, floor: float) -> Row:
    """Level relative to the bot's. The phrases are long enough to interrupt: over 0.7 s."""
    withheld: list[float] = []
    interrupted: list[float] = []
    early = 0
    said = phrases()
    for number, phrase in enumerate(said):
        at = STARTS_S[number % len(STARTS_S)]
        line = mixed(
            at + len(phrase) / RATE + AFTER_S,
            (at, phrase * 10 ** (level / 20)),
            floor_dbfs=floor,
        )
        call = listen(line, bot(), Echo(db, DELAYS_MS[number % len(DELAYS_MS)]) if db else None)
        early += sum(isinstance(event, Withhold) and event.at < at for event in call.events)
        if (when := call.first(Withhold, at)) is not None:
            withheld.append(when - at)
        if (when := call.first(Interrupt, at)) is not None:
            interrupted.append(when - at)
    return {
        "case": case,
        "calls": len(said),
        "withheld before": early,
        "missed": len(said) - len(interrupted),
        "to withhold, ms": spread(withheld),
        "to interrupt, ms": spread(interrupted),
    }


# ---- the caller's turn ---------------------------------------------------------------------------


def turns() -> Iterator[Row]:
    for floor in (-65.0, -45.0, -40.0, -35.0):
        started: list[float] = []
        ended: list[float] = []
        pieces = premature = 0
        for phrase in phrases():
            at, over = 1.0, 1.0 + len(phrase) / RATE
            line = mixed(over + AFTER_S, (at, phrase), floor_dbfs=floor)
            call = listen(line)
            pieces += call.count(TurnEnded)
            if (when := call.first(SpeechStarted)) is not None:
                started.append(when - at)
            premature += sum(isinstance(e, TurnEnded) and e.ended_at < over for e in call.events)
            if (when := call.first(TurnEnded, over)) is not None:
                ended.append(when - over)
        yield {
            "case": f"person, noise {floor:.0f} dBFS",
            "phrases": len(phrases()),
            "turns": pieces,
            "ended too early": premature,
            "to start, ms": spread(started),
            "to end, ms": spread(ended),
        }


# ---- what it costs -------------------------------------------------------------------------------


def costs() -> Iterator[Row]:
    """Microseconds of inbound audio per 20 ms; best of five runs over ten seconds."""
    says = over_the_wire(bot())
    echo = over_the_wire(at_level(bot(), -40.0))
    yield {"case": "echo: bot silent", "us per 20 ms": _judging(None, echo)}
    yield {"case": "echo: bot speaks, caller silent", "us per 20 ms": _judging(says, echo * 0)}
    yield {"case": "echo: bot speaks and echoes", "us per 20 ms": _judging(says, echo)}
    yield {"case": "turns: silence", "us per 20 ms": _taking(0.0)}
    yield {"case": "turns: speech", "us per 20 ms": _taking(1.0)}


FRAMES = 500


def _best(run: Callable[[], None]) -> float:
    times: list[float] = []
    for _ in range(5):
        begin = perf_counter()
        run()
        times.append(perf_counter() - begin)
    return min(times) / FRAMES * 1e6


def _judging(says: np.ndarray | None, hears: np.ndarray) -> float:
    def run() -> None:
        judge = EchoJudge()
        for frame in range(FRAMES):
            now = frame * 0.02
            piece = slice(frame * 160, frame * 160 + 160)
            if says is not None:
                judge.played(says[piece], now)
            judge.hear(hears[piece], now + 0.1)

    return _best(run)


def _taking(probability: float) -> float:
    window = np.zeros(256, np.int16)

    def run() -> None:
        taker = TurnTaker()
        for number in range(FRAMES * 160 // 256):
            taker.hear(window, probability, number * 0.032, speaking=False)

    return _best(run)


TABLES: dict[str, Callable[[], Iterator[Row]]] = {
    "Nobody interrupts: the bot's echo": echoes,
    "Nobody interrupts: noise": noises,
    "Nobody interrupts: coughs and mm-hm": sounds,
    "The caller interrupts (median / largest)": interruptions,
    "The caller's turn (median / largest)": turns,
    "Cost": costs,
}


def show(title: str, rows: list[Row]) -> None:
    print(f"\n{title}")
    heads = list(rows[0])
    cells = [[f"{v:.1f}" if isinstance(v, float) else str(v) for v in r.values()] for r in rows]
    widths = [max(len(c) for c in column) for column in zip(heads, *cells, strict=True)]
    widths[0] = -widths[0]  # to the left
    for line in (heads, *cells):
        padded = (c.rjust(w) if w > 0 else c.ljust(-w) for c, w in zip(line, widths, strict=True))
        print("  ".join(padded))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    results: dict[str, list[Row]] = {}
    for title, table in TABLES.items():
        results[title] = list(table())
        if not options.json:
            show(title, results[title])
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
