"""The command: see `python -m benchmarks.answers --help`."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks import answers
from benchmarks.answers import figures, peers, recordings
from benchmarks.answers.calls import Ears
from benchmarks.answers.curve import Both, draw
from benchmarks.answers.figures import Measured, Row
from benchmarks.answers.judging import OverlapJudged
from benchmarks.answers.overlaps import Overlap, judge_all, judge_calls, over_lines, overlaps
from benchmarks.answers.peers import PipecatBot
from benchmarks.answers.turns import Turns
from benchmarks.detection import show
from benchmarks.machine import LoadWatch

from callbridge.speech.turns import TurnSettings

STOPWATCH_MS = (200, 300, 400, 500, 600, 700, 800, 1000, 1200)
TODAY = "today"

Tables = dict[str, list[Row]]


def stopwatch(ms: int) -> TurnSettings:
    """Nothing but a silence of this length ends a turn."""
    return TurnSettings(soonest=ms / 1000, latest=ms / 1000, unjudged=ms / 1000)


def both(name: str, found: Sequence[Measured]) -> Both:
    """Of speech and of digits."""
    speech = [each for each in found if each.kind != "digits"]
    digits = [each for each in found if each.kind == "digits"]
    return figures.point(name, speech), figures.point(name, digits)


# ---- tables --------------------------------------------------------------------------------------


def tables(
    ears: Ears, *, final: bool, plot: Path | None, peer: Path | None, only_turns: bool
) -> Tables:
    """Of English, all there is."""
    turns = Turns(final=final, ears=ears)
    today = turns.measured()
    found = turn_tables("Turns", today)
    beside = beside_others(turns, peer)
    for name, theirs in beside.items():
        found |= turn_tables(name, theirs)
    if not only_turns:
        found |= over_the_bot(ears, final=final, peer=peer)
    others = [both(name, theirs) for name, theirs in beside.items()]
    points = [both(TODAY, today)]
    if plot is not None:
        watched = [both(f"{ms} ms", turns.measured(stopwatch(ms))) for ms in STOPWATCH_MS]
        points = [*watched, *points]
        draw(points, plot, f"{len(today)} calls at each point, half of them in noise", others)
    if plot is not None or others:
        found["Side by side"] = figures.point_rows([*points, *others])
    return found


def over_the_bot(ears: Ears, *, final: bool, peer: Path | None) -> Tables:
    cases = overlaps(recordings.catalogue(), final=final)
    found = overlap_tables("the bot", cases, judge_all(cases, ears))
    if peer is not None:  # its two ways to end a turn are interrupted alike
        calls = PipecatBot(peer, "smart").talks(over_lines(cases))
        found |= overlap_tables("pipecat", cases, judge_calls(cases, calls))
    return found


def tables_of(language: str, *, final: bool, peer: Path | None) -> Tables:
    """Of a language that the recogniser does not know: turns alone."""
    turns = Turns(final=final, ears=Ears(), language=language)
    measured = {
        "knowing the words": turns.measured_by_oracle(),
        "without words": turns.measured_without_words(),
        **beside_others(turns, peer),
    }
    found: Tables = {}
    for name, each in measured.items():
        found |= turn_tables(f"{language}, {name}", each)
    points = [both(name, each) for name, each in measured.items()]
    return found | {f"{language}, side by side": figures.point_rows(points)}


def beside_others(turns: Turns, peer: Path | None) -> dict[str, list[Measured]]:
    if peer is None:
        return {}
    return {
        name: turns.measured_by(PipecatBot(peer, ending)) for ending, name in peers.ENDINGS.items()
    }


def turn_tables(name: str, found: Sequence[Measured]) -> Tables:
    return {
        f"{name}, answer: median / 95th percentile": figures.turn_rows(found),
        f"{name}: pauses that were cut into": figures.pause_rows(found),
    }


def overlap_tables(name: str, cases: Sequence[Overlap], judged: Sequence[OverlapJudged]) -> Tables:
    return {
        f"Over {name}: no interruption": figures.overlap_rows(cases, judged, meant=False),
        f"Over {name}: an interruption": figures.overlap_rows(cases, judged, meant=True),
    }


# ---- the command ---------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.answers", description=(answers.__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a PNG, and the table behind it")
    parser.add_argument("--only", choices=["turns", "overlaps"], help="nothing but these")
    parser.add_argument("--final", action="store_true", help="on what is left for the end")
    parser.add_argument(
        "--heard", type=Path, metavar="FILE", help="keep what the recogniser heard, and reuse it"
    )
    parser.add_argument(
        "--peer", type=Path, metavar="PYTHON", help="of an environment with pipecat: the same by it"
    )
    parser.add_argument(
        "--language", choices=("en", *recordings.OTHERS), default="en", help="what callers speak"
    )
    return parser


def main() -> None:
    options = parser().parse_args()
    peer: Path | None = options.peer
    lacks = recordings.missing(options.language)
    if lacks := lacks or (peers.missing(peer) if peer is not None else ""):
        raise SystemExit(lacks)
    watch = LoadWatch({})
    heard: Path | None = options.heard
    if options.language == "en":
        ears = Ears(known=json.loads(heard.read_text()) if heard and heard.is_file() else None)
        if options.only == "overlaps":
            found = over_the_bot(ears, final=options.final, peer=peer)
        else:
            only_turns = options.only == "turns"
            found = tables(
                ears, final=options.final, plot=options.plot, peer=peer, only_turns=only_turns
            )
        if heard is not None:
            heard.write_text(json.dumps(ears.known))
    else:
        found = tables_of(options.language, final=options.final, peer=peer)
    if options.json:
        print(json.dumps(found))
        return
    for title, rows in found.items():
        show(title, rows)
    print(f"\n{watch.load()}")


if __name__ == "__main__":
    main()
