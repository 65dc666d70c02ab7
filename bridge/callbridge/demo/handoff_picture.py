"""A handoff as a picture: caller, bot and person on one time axis, what each said, who heard whom,
and where the time went until the two heard each other.

The bot has two lanes, as it is on two lines: one for each of those who hear it."""

# matplotlib's keyword arguments and canvases have no types.
# pyright: reportUnknownMemberType=false
# mypy: disable-error-code=no-untyped-call

from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from callbridge.demo import captions, flags, panels
from callbridge.demo.flags import Flag
from callbridge.demo.handoff_record import (
    Audible,
    HandedRecord,
    HandoffFigures,
    HandoffTrack,
    Party,
)
from callbridge.demo.panels import (
    BLUE,
    DASHES,
    GREEN,
    GREY,
    HEIGHT_PX,
    INK,
    LABEL,
    LEFT,
    NOTE,
    ORANGE,
    PURPLE,
    RIGHT,
    RULE,
    VERMILION,
    entitle,
    ms,
)
from callbridge.demo.transcript import SpokenWords

if TYPE_CHECKING:  # an optional extra
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

WHISPER = "#5DB79A"
TINTS = {"caller": "#F1F6FB", "bot": "#EFF8F5", "person": "#FAF1F8"}
COLORS: dict[Audible, str] = {"caller": BLUE, "bot": GREEN, "person": PURPLE, "music": ORANGE}
HEARS: dict[Audible, str] = {
    "caller": "hears the caller",
    "bot": "hears the bot",
    "person": "hears the person",
    "music": "hears hold music",
}
OURS, RINGING, THEIRS = GREEN, "#C9CDD2", "#DDB7D6"
STRIP = 0.13  # of a lane's height: the bar that says who is heard
BELOW_PX = 88.0
HEIGHTS = {"events": 1.35, "caller": 2.0, "to caller": 1.9, "to person": 1.9, "person": 2.0}


class HandoffLane(NamedTuple):
    """A row of the picture: what is heard in it, who makes it, and what that is."""

    name: str
    title: str
    note: str
    party: Party
    color: str
    sound: Sequence[HandoffTrack]
    words: Sequence[SpokenWords]


def draw(record: HandedRecord, png: Path) -> None:
    """Write a PNG of 1600 × 900 pixels. Raises CallbridgeError when matplotlib is not installed."""
    figure, canvas = panels.blank()
    rows = panels.stack(figure, HEIGHTS, BELOW_PX if record.figures else 0.0)
    panels.frame(rows, record.ends_s)
    for lane in lanes(record):
        _lane(rows[lane.name], record, lane)
    _waves(rows["to caller"], record.heard("caller", "music"), ORANGE)
    _hearings(rows, canvas, record)
    _ringing(rows["person"], record)
    _flags(rows, canvas, record)
    for lane in lanes(record):
        captions.write(rows[lane.name], canvas, lane.words, paper=TINTS[lane.party])
    if figures := record.figures:
        _shares(figure, figures)
    _title(figure, record)
    canvas.print_png(str(png))


def lanes(record: HandedRecord) -> list[HandoffLane]:
    """Three tracks; the bot's is two lanes. The words that no bot heard are the script's."""
    heard = "words as the bot\nheard them"
    if record.moments.left_s is not None:
        heard += ", then\nas in the script"
    persons = "words as in\nthe script" if not record.person.transcript.caller else heard
    return [
        HandoffLane("caller", "caller", heard, "caller", BLUE,
                    [record.caller_track], record.caller_said),
        HandoffLane("to caller", "bot → caller", "as the caller\nheard it", "bot", GREEN,
                    record.heard("caller", "bot"), record.told_caller),
        HandoffLane("to person", "bot → person", "whispered: the\ncaller does not\nhear it", "bot",
                    WHISPER, record.heard("person", "bot"), record.told_person),
        HandoffLane("person", "person", persons, "person", PURPLE,
                    [record.person_track], record.person_said),
    ]  # fmt: skip


# ---- lanes --------------------------------------------------------------------------------------


def _lane(axes: "Axes", record: HandedRecord, lane: HandoffLane) -> None:
    """The waveform above, the bar below; behind them a tint while who makes it is on the line."""
    sound = [np.zeros(0, np.int16), *(each.pcm for each in lane.sound)]
    panels.scale(axes, np.concatenate(sound), captioned=True)
    low, high = axes.get_ylim()
    axes.set_ylim(low - STRIP * 1.2 * (high - low), high)
    start_s, end_s = _there(record, lane.name)
    axes.axvspan(start_s, end_s, color=TINTS[lane.party], linewidth=0, zorder=0)
    axes.plot([start_s, end_s], [0, 0], color=RULE, linewidth=0.8)
    entitle(axes, lane.title, lane.note, GREEN if lane.party == "bot" else lane.color)
    _waves(axes, lane.sound, lane.color)


def _there(record: HandedRecord, lane: str) -> tuple[float, float]:
    """From when to when who makes the lane's sound is on that line."""
    spans = {"caller": "caller", "to caller": "caller", "to person": "person", "person": "person"}
    leg: Party = "person" if spans[lane] == "person" else "caller"
    start_s = record.from_s[leg]
    ends_s = record.moments.over_s if leg == "person" else record.caller.ends_s
    if lane.startswith("to "):
        heard = [each for each in record.hearings if (each.who, each.whom) == ("bot", leg)]
        ends_s = heard[-1].end_s if heard else ends_s
    return start_s, ends_s


def _waves(axes: "Axes", sound: Sequence[HandoffTrack], color: str) -> None:
    for each in sound:
        panels.wave(axes, each.pcm, each.rate, each.from_s, color)


def _ringing(axes: "Axes", record: HandedRecord) -> None:
    moments = record.moments
    axes.axvspan(moments.ringing_s, moments.picked_up_s, facecolor="none", edgecolor=RINGING,
                 hatch="///", linewidth=0)  # fmt: skip
    axes.text(
        (moments.ringing_s + moments.picked_up_s) / 2, 0.5, "rings",
        transform=axes.get_xaxis_transform(), ha="center", va="center", color=GREY, fontsize=NOTE,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
    )  # fmt: skip


def _hearings(rows: "dict[str, Axes]", canvas: "FigureCanvasAgg", record: HandedRecord) -> None:
    """At the foot of each lane a bar in the colour of whom its speaker hears."""
    for each in record.hearings:
        row = f"to {each.whom}" if each.who == "bot" else each.who
        axes, middle_s = rows[row], (each.start_s + each.end_s) / 2
        at = axes.get_xaxis_transform()
        axes.broken_barh(
            [(each.start_s, each.end_s - each.start_s)], (0.0, STRIP), transform=at,
            color=COLORS[each.whom], linewidth=0, zorder=3,
        )  # fmt: skip
        text = axes.text(
            middle_s, STRIP / 2, HEARS[each.whom], transform=at, ha="center", zorder=4,
            va="center_baseline", fontsize=NOTE - 0.5,
            color=INK if each.whom == "music" else "white",
        )  # fmt: skip
        wide = text.get_window_extent(canvas.get_renderer()).width
        px = axes.transData.transform([(each.start_s, 0), (each.end_s, 0)])
        if wide + 6 > float(px[1][0] - px[0][0]):
            text.remove()


# ---- moments ------------------------------------------------------------------------------------


def marks(record: HandedRecord) -> list[Flag]:
    """What happened, in order."""
    return sorted(_marks(record), key=itemgetter(0))


def _marks(record: HandedRecord) -> Iterator[Flag]:
    moments = record.moments
    yield Flag(record.from_s["caller"], "answered", INK, ".")
    yield Flag(moments.decided_s, "decides to hand off", GREEN, "D")
    yield Flag(moments.dialled_s, "dials", GREEN, "^")
    yield Flag(moments.ringing_s, "rings", PURPLE, ".")
    yield Flag(moments.picked_up_s, "picked up", PURPLE, "o")
    for at_s, digit in record.keys:
        accepts = "accepts: " if at_s == moments.accepted_s else ""
        yield Flag(at_s, f"{accepts}key {digit}", VERMILION, "s")
    if moments.joined_s is not None:
        yield Flag(moments.joined_s, "joined", INK, "o")
    if moments.left_s is not None:
        yield Flag(moments.left_s, "bot leaves", GREEN, "X")
    yield Flag(moments.over_s, f"{record.over_by} hangs up", PURPLE, ".")


def _flags(rows: "dict[str, Axes]", canvas: "FigureCanvasAgg", record: HandedRecord) -> None:
    axes = rows["events"]
    axes.set_ylim(0, 1)
    happened = marks(record)
    flags.plant(axes, canvas, happened, size=LABEL, lane_px=19)
    for flag in happened:
        for row in rows.values():
            if row is not axes:
                row.axvline(flag.at_s, color=flag.color, linewidth=0.9, linestyle=DASHES)


# ---- figures ------------------------------------------------------------------------------------


def _shares(figure: "Figure", figures: HandoffFigures) -> None:
    """Below the time axis, on a scale of its own: the time from the decision until joined."""
    from matplotlib.patches import Patch

    axes = figure.add_axes((LEFT, 0.045, RIGHT - LEFT, 20 / HEIGHT_PX))
    axes.axis("off")
    axes.set_xlim(0, figures.total_s)
    entitle(axes, "handoff", "from the decision\nto joined", INK)
    parts = [
        (figures.dial_s, OURS, f"ours: decision to dial {ms(figures.dial_s)}"),
        (figures.rings_s, RINGING, f"the telephone rings {figures.rings_s:.2f} s"),
        (figures.listens_s, THEIRS, f"the person listens and decides {figures.listens_s:.2f} s"),
        (figures.join_s or 0.0, OURS, f"ours: key to joined {ms(figures.join_s or 0.0)}"),
    ]
    before = 0.0
    for seconds, color, _ in parts:
        axes.barh(0, seconds, left=before, height=1.0, color=color)
        before += seconds
    axes.legend(
        handles=[Patch(color=color, label=label) for _, color, label in parts],
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(parts), frameon=False,
        fontsize=NOTE, labelcolor=GREY, handlelength=1.0, handleheight=0.8, borderaxespad=0.1,
        columnspacing=1.6, handletextpad=0.5,
    )  # fmt: skip
    said = (f"{ms(figures.ours_s)} of {figures.total_s:.2f} s are ours   ·   the caller hears "
            f"silence for {ms(figures.silence_s)} at most, until the person speaks")  # fmt: skip
    axes.text(0.0, -0.35, said, transform=axes.transAxes, va="top", color=INK, fontsize=LABEL,
              fontweight="bold")  # fmt: skip


def _title(figure: "Figure", record: HandedRecord) -> None:
    facts, person = record.caller.facts, record.person.facts
    figures = record.figures
    told = [f"handoff, {record.ends_s:.1f} s at {facts.sample_rate} Hz"]
    told.append("nobody took the call" if figures is None else
                f"joined {figures.total_s:.1f} s after the decision")  # fmt: skip
    if record.moments.left_s is not None:
        told.append("the bot left both lines")
    panels.head(figure, f"{facts.from_}  →  {facts.to}  →  {person.to}", told)
