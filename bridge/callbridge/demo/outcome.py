"""What a demonstrated call came to: figures, expectations and files, for people and programs."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Group
from rich.table import Table
from rich.text import Text

from callbridge.carrier.people.expect import Expectation
from callbridge.demo import chart, handoff_outcome, handoff_picture, handoff_record, picture
from callbridge.demo.handoff_outcome import HandoffOutcome
from callbridge.demo.record import HeardSound, Interruption, Record, read
from callbridge.demo.transcript import Transcript
from callbridge.errors import CallbridgeError

# Of the bridge's /metrics: what was moved, and everything that should be 0.
MOVED = ("frames_in", "frames_out", "relay_frames_in", "relay_tokens_out", "relay_turns_out")
TROUBLES = ("early_marks", "underruns", "frames_lost", "frames_late", "write_stalls", "malformed",
            "inbound_dropped", "streams_lost", "relay_refused", "relay_unmatched",
            "bots_crashed")  # fmt: skip
LAG = "loop_lag_worst_seconds"
DemoVoice = Literal["media", "relay"]
WHO = {"callee": "the bot", "caller": "the caller"}  # somebody rings in


class Check(msgspec.Struct, frozen=True):
    """An expectation or a step that the caller could not do; `failure` is None when it held."""

    claim: str
    failure: str | None = None


class Line(NamedTuple):
    """The files of a leg that the bot has dialled, which began so much later than the caller's."""

    wav: Path
    tape: Path
    later_s: float


class DemoOutcome(msgspec.Struct, frozen=True):
    """One call. Times are seconds since it came in. `metrics` are the bridge's, where it was
    asked."""

    bot: str
    voice: DemoVoice | None  # None where the bot, or the one who runs it, has chosen
    ok: bool
    duration_s: float
    hangup: str
    caller_sounds: tuple[HeardSound, ...]
    bot_sounds: tuple[HeardSound, ...]
    marks_returned: int
    marks_cleared: int
    interruptions: tuple[Interruption, ...]
    transcript: Transcript
    metrics: dict[str, float]
    checks: tuple[Check, ...]
    wav: str
    tape: str
    picture: str | None
    no_picture: str | None  # why there is none
    handoff: HandoffOutcome | None = None


def of_call(
    name: str,
    wav: Path,
    tape: Path,
    png: Path,
    found: Sequence[Check],
    metrics: dict[str, float],
    *,
    voice: DemoVoice | None = None,
    others: Sequence[Line] = (),
) -> DemoOutcome:
    """What the files of a call show, with its picture, which is drawn here; of a handoff, one with
    the person, and a recording of both lines."""
    record = read(tape, wav)
    facts, no_picture = record.facts, None
    shared = handoff_record.find(
        record, [(read(line.tape, line.wav), line.later_s) for line in others]
    )
    try:
        if shared is None:
            picture.draw(tape, wav, png)
        else:
            handoff_picture.draw(shared, png)
    except CallbridgeError as error:
        no_picture = str(error)
    return DemoOutcome(
        bot=name,
        voice=voice,
        ok=all(check.failure is None for check in found),
        duration_s=facts.duration_s,
        hangup=f"{facts.hung_up_by}: {facts.hangup_cause}",
        caller_sounds=tuple(record.sounds(record.caller)),
        bot_sounds=tuple(record.sounds(record.bot)),
        marks_returned=facts.marks_returned,
        marks_cleared=facts.marks_cleared,
        interruptions=tuple(record.interruptions()),
        transcript=record.transcript,
        metrics=metrics,
        checks=tuple(found),
        wav=str(wav),
        tape=str(tape),
        picture=str(png) if no_picture is None else None,
        no_picture=no_picture,
        handoff=handoff_outcome.of(shared, png.with_name(f"{png.stem}-lines.wav"))
        if shared
        else None,
    )


def checks(expected: Iterable[Expectation], failed: Sequence[str]) -> tuple[Check, ...]:
    """Which of the script's expectations held, and the other things that the carrier found."""
    rest = list(failed)
    found: list[Check] = []
    for expectation in expected:
        of_it = [text for text in rest if text.split(":")[0].split(".")[0] == expectation.name]
        found.append(Check(_claim(expectation), in_words(of_it[0]) if of_it else None))
        rest = [text for text in rest if text not in of_it[:1]]
    return (*found, *(Check("the caller could do all steps", text) for text in rest))


def in_words(failure: str) -> str:
    """A failed expectation, with who is meant by the wire's names of the two ends."""
    for end, who in WHO.items():
        failure = failure.replace(f"'{end}'", f"'{end}' ({who})")
    return failure


def _claim(expectation: Expectation) -> str:
    demand = expectation.demand
    if not isinstance(demand, dict):
        who = f", {WHO[demand]}" if expectation.name == "hangup_source" and demand in WHO else ""
        return f"{expectation.name} is {str(demand).lower()}{who}"
    parts = [f"{name} {bounds}".strip() for name, bounds in demand.items()]
    return f"{expectation.name} {', '.join(parts)}"


def stream_trouble(record: Record) -> tuple[Check, ...]:
    """A broken stream fails the demo whatever the script expects."""
    broken = [
        *record.of("stream failed"),
        *record.of("stream closed by the customer"),
    ]
    return tuple(
        Check("the media stream holds", f"{entry.kind} at {entry.at_s:.2f} s") for entry in broken
    )


def read_metrics(text: str) -> dict[str, float]:
    """The figures of MOVED, TROUBLES and LAG in a Prometheus exposition."""
    return {
        name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        for name in (*MOVED, *TROUBLES, LAG)
        if sample.name in (f"callbridge_{name}", f"callbridge_{name}_total")
    }


# ---- for people -------------------------------------------------------------------------------


def render(outcome: DemoOutcome) -> Group:
    """The tables that end a call."""
    figures = _grid()
    figures.add_row("call", f"{outcome.duration_s:.1f} s, ended by {outcome.hangup}")
    figures.add_row("caller spoke", _sounds(outcome.caller_sounds))
    figures.add_row("caller heard", _sounds(outcome.bot_sounds))
    if outcome.marks_returned:
        figures.add_row("marks", f"{outcome.marks_returned} heard, {outcome.marks_cleared} cleared")
    for each in outcome.interruptions:
        figures.add_row("interruption", _interruption(each))
    if outcome.handoff:
        handoff_outcome.render(outcome.handoff, figures)
    if outcome.metrics:
        figures.add_row("bridge", _bridge(outcome.metrics))
    for check in outcome.checks:
        figures.add_row("✓" if check.failure is None else "✗", _check(check))
    files = _grid()
    if outcome.handoff:
        both = "left: the caller's line, right: the person's"
        files.add_row("listen", f"{outcome.handoff.lines} ({both})")
    files.add_row("listen", outcome.wav)
    files.add_row("read", outcome.tape)
    files.add_row("look", outcome.picture or f"no picture: {outcome.no_picture}")
    answered = outcome.transcript.answered
    return Group("", *([chart.render(answered)] if answered else []), figures, "", files)


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", justify="right", min_width=12)
    grid.add_column(overflow="fold")
    return grid


def _sounds(sounds: Sequence[HeardSound]) -> str:
    return ", ".join(f"{each.start_s:.2f}–{each.end_s:.2f} s" for each in sounds) or "nothing"


def _interruption(each: Interruption) -> str:
    if each.key_s is None and each.speech_s is None:
        return f"cleared at {each.clear_s:.2f} s, silent {_ms(each.silent_s - each.clear_s)} later"
    cause = "speech" if each.key_s is None else "key"
    return (
        f"{cause} from {each.begin_s:.2f} s on: silent {_ms(silent_after(each))} later, "
        f"cleared {_ms(each.clear_s - each.begin_s)} later"
    )


def silent_after(each: Interruption) -> float:
    """Seconds from what interrupted the bot to the end of its sound."""
    return each.silent_s - each.begin_s


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def _bridge(metrics: dict[str, float]) -> str:
    moved = ", ".join(
        f"{metrics[name]:.0f} {name.replace('_', ' ')}" for name in MOVED if metrics[name]
    )
    bad = [f"{name.replace('_', ' ')} {metrics[name]:.0f}" for name in TROUBLES if metrics[name]]
    said = ", ".join(bad) if bad else "no underrun, no early mark, nothing lost"
    return f"{moved}; {said}; loop late by {_ms(metrics[LAG])} at most"


def _check(check: Check) -> Text:
    if check.failure is None:
        return Text(check.claim, style="green")
    return Text(check.failure, style="bold red")
