"""The command: see `python -m benchmarks.endings --help`."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np
from benchmarks import endings
from benchmarks.detection import show
from benchmarks.endings import material
from benchmarks.endings.examples import Table, examples, table
from benchmarks.endings.figures import Row, calibration, number_rows, rows
from benchmarks.endings.fit import fit

from callbridge.speech import prosody
from callbridge.speech.prosody import FloatArray, Weights
from telecodecs import Pcm

DIGITS_AFTER_THE_POINT = 4


def by_other_speakers(known: Table) -> FloatArray:
    """The log odds of every example, by weights that were learnt from other speakers."""
    speakers = np.array([each.place.speaker for each in known.examples])
    odds = np.zeros(len(speakers), np.float32)
    for speaker in sorted(set(speakers.tolist())):
        weights = fit(known.only(speakers != speaker))
        odds[speakers == speaker] = weights.log_odds(known.traits[speakers == speaker])
    return odds


def by_smart_turn(known: Table) -> tuple[FloatArray, float]:
    """The log odds, and milliseconds of CPU for each. Raises ModuleNotFoundError."""
    from benchmarks.endings.smart_turn import SmartTurn

    found, ms = timed(known, SmartTurn().finished)
    found = np.clip(found, 1e-6, 1 - 1e-6)
    return np.log(found / (1 - found)), ms


def timed(known: Table, finished: Callable[[Pcm], float]) -> tuple[FloatArray, float]:
    begun = process_time()
    found = np.array([finished(each.audio) for each in known.examples], np.float32)
    return found, (process_time() - begun) * 1000 / len(found)


def write(weights: Weights) -> Path:
    """Beside the module that reads them."""
    path = Path(prosody.__file__).with_name(prosody.WEIGHTS)
    arrays = {name: np.asarray(value, np.float64) for name, value in weights._asdict().items()}
    rounded = {name: value.round(DIGITS_AFTER_THE_POINT).tolist() for name, value in arrays.items()}
    lines = ",\n".join(f' "{name}": {json.dumps(value)}' for name, value in rounded.items())
    path.write_text(f"{{\n{lines}\n}}\n")
    return path


def tables(known: Table, *, final: bool, smart_turn: bool) -> dict[str, list[Row]]:
    odds = prosody.weights().log_odds(known.traits) if final else by_other_speakers(known)
    _, ms = timed(known, prosody.finished)
    found = {
        f"prosody, {ms:.1f} ms of CPU a pause": rows(known, odds),
        "prosody, what it said against what was so": calibration(known, odds),
    }
    told = table(list(examples(material.numbers(final=final))))
    found["prosody, numbers"] = number_rows(told, prosody.weights().log_odds(told.traits))
    if smart_turn:
        odds, ms = by_smart_turn(known)
        found[f"smart-turn v3.2, {ms:.1f} ms of CPU a pause"] = rows(known, odds)
        found["smart-turn, what it said against what was so"] = calibration(known, odds)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.endings", description=(endings.__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--final", action="store_true", help="on what is left for the end")
    parser.add_argument("--write", action="store_true", help="learn, and keep the weights")
    parser.add_argument(
        "--smart-turn", action="store_true", help="beside it; needs pipecat-ai and onnxruntime"
    )
    parser.add_argument("--part", type=int, default=1, metavar="N", help="one place in N")
    options = parser.parse_args()
    if lacks := material.missing():
        raise SystemExit(lacks)
    if options.write and options.final:
        raise SystemExit("nothing is learnt from what is left for the end")
    places = material.places(final=options.final)[:: options.part]
    known = table(list(examples(places)))
    if options.write:
        print(write(fit(known)))
        return
    found = tables(known, final=options.final, smart_turn=options.smart_turn)
    if options.json:
        print(json.dumps(found))
        return
    for title, table_rows in found.items():
        show(title, table_rows)


if __name__ == "__main__":
    main()
