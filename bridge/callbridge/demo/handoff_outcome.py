"""What a handoff came to: moments, figures, who heard whom, and a recording of both lines."""

from pathlib import Path

import msgspec
from rich.table import Table

from callbridge.carrier.net.files import write_wav
from callbridge.demo.handoff_moments import HandoffMoments
from callbridge.demo.handoff_record import LINES_HZ, HandedRecord, HandoffFigures, Hearing
from callbridge.demo.transcript import SpokenWords


class HandoffOutcome(msgspec.Struct, frozen=True):
    """Times are seconds since the caller's call came in. `lines` is a stereo WAV: all that is on
    the caller's line, and all that is on the person's."""

    person: str  # the number
    moments: HandoffMoments
    figures: HandoffFigures | None
    hearings: tuple[Hearing, ...]
    caller_said: tuple[SpokenWords, ...]
    told_caller: tuple[SpokenWords, ...]
    told_person: tuple[SpokenWords, ...]
    person_said: tuple[SpokenWords, ...]
    lines: str


def of(record: HandedRecord, lines: Path) -> HandoffOutcome:
    """Writes the recording, too."""
    write_wav(lines, *record.both_lines(), LINES_HZ)
    return HandoffOutcome(
        person=record.person.facts.to,
        moments=record.moments,
        figures=record.figures,
        hearings=record.hearings,
        caller_said=tuple(record.caller_said),
        told_caller=tuple(record.told_caller),
        told_person=tuple(record.told_person),
        person_said=tuple(record.person_said),
        lines=str(lines),
    )


def render(handoff: HandoffOutcome, table: Table) -> None:
    """Rows of the table that ends a call."""
    for name, words in sentences(handoff.figures):
        table.add_row(name, words)


def sentences(figures: HandoffFigures | None) -> list[tuple[str, str]]:
    """The figures in words, each with its name."""
    if figures is None:
        return [("handoff", "nobody took the call")]
    ours = [f"decision to dial {_ms(figures.dial_s)}"]
    if figures.join_s is not None:
        ours.append(f"key to joined {_ms(figures.join_s)}")
    return [
        ("rang", f"{figures.rings_s:.2f} s"),
        ("ours", f"{_ms(figures.ours_s)} of the {figures.total_s:.2f} s from the decision until "
         f"the two hear each other: {', '.join(ours)}"),
        ("silence", f"{_ms(figures.silence_s)} at most for the caller, until the person speaks"),
    ]  # fmt: skip


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"
