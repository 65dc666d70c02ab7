"""One call as a picture: both waveforms and what was said, keys, interruptions, marks, webhooks and
commands, and the waterfall of every answer.

Nothing in it comes from the script: all is read from the carrier's tape and recording and from the
bridge's log."""

# matplotlib's keyword arguments and canvases have no types.
# pyright: reportUnknownMemberType=false
# mypy: disable-error-code=no-untyped-call

from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from callbridge.demo import captions, fall, flags, panels
from callbridge.demo.flags import Flag
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
    RIGHT,
    RULE,
    VERMILION,
    entitle,
    ms,
)
from callbridge.demo.record import Record, read

if TYPE_CHECKING:  # an optional extra
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.text import Text

WATERFALL_PX = 58  # what waterfalls need besides their rows
MARK_ROWS = 3
CLEAR_APART_S = 0.1  # so long after the end of sound a clear is something of its own
NAMED_MARKS = 16  # more names would be a carpet, and say less than none


def draw(report: Path, recording: Path, png: Path) -> None:
    """Write a PNG of 1600 × 900 pixels.

    Raises CallbridgeError when there is no such call, or when matplotlib is not installed."""
    record = read(report, recording)
    figure, canvas = panels.blank()
    rows = _rows(figure, record)
    panels.frame(rows, record.ends_s)
    _waves(rows, record)
    _captions(rows, canvas, record)
    _interruptions(rows["bot"], record)
    _answers(rows["caller"], record)
    if not record.relayed:
        _marks(rows["marks"], canvas, record)
    _events(rows, canvas, record)
    _wire(rows["wire"], canvas, record)
    _waterfalls(figure, record)
    _title(figure, record)
    canvas.print_png(str(png))


def _rows(figure: "Figure", record: Record) -> "dict[str, Axes]":
    """The panels; room for the rows of the waterfalls under them."""
    heights = {"events": 1.0, "caller": 2.6, "bot": 2.6, "marks": 0.75, "wire": 1.7}
    if record.relayed:
        del heights["marks"]
    falls = min(len(record.transcript.answered), fall.MOST)
    return panels.stack(figure, heights, WATERFALL_PX + falls * fall.ROW_PX if falls else 0.0)


def _title(figure: "Figure", record: Record) -> None:
    facts = record.facts
    panels.head(figure, f"{facts.from_}  →  {facts.to}", _facts(record))
    if facts.failed:
        text = f"✗ {len(facts.failed)} failed: {facts.failed[0]}"
        text = text if len(text) <= 90 else text[:89] + "…"
        figure.text(0.985, 0.957, text, fontsize=LABEL + 1, color=VERMILION, ha="right")


def _facts(record: Record) -> list[str]:
    facts = record.facts
    said = [
        f"{facts.direction}, {facts.duration_s:.1f} s at {facts.sample_rate} Hz",
        "on the relay"
        if record.relayed
        else f"{_count(facts.marks_returned, 'mark')} heard"
        + (f", {facts.marks_cleared} cleared" if facts.marks_cleared else ""),
    ]
    if facts.stream_errors:
        said.append(_count(facts.stream_errors, "error frame"))
    if facts.hangup_cause:
        said.append(f"{facts.hung_up_by} hung up: {facts.hangup_cause}")
    return said


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


# ---- sound ------------------------------------------------------------------------------------


def _waves(rows: "dict[str, Axes]", record: Record) -> None:
    captioned = bool(record.transcript.caller or record.transcript.bot)
    for name, track, color, note in (
        ("caller", record.caller, BLUE, "as recorded"),
        ("bot", record.bot, GREEN, "as the caller\nheard it"),
    ):
        level = panels.scale(rows[name], track, captioned=captioned)
        entitle(rows[name], name, f"{note},\n{level}", color)
        rows[name].axhline(0, color=RULE, linewidth=0.8)
        panels.wave(rows[name], track, record.facts.sample_rate, record.audio_from_s, color)


def _captions(rows: "dict[str, Axes]", canvas: "FigureCanvasAgg", record: Record) -> None:
    captions.write(rows["caller"], canvas, record.transcript.caller)
    captions.write(rows["bot"], canvas, record.transcript.bot)


def _interruptions(axes: "Axes", record: Record) -> None:
    """From the key, the speech or the clear to the end of sound."""
    for each in record.interruptions():
        axes.axvspan(each.begin_s, each.silent_s, color=VERMILION, alpha=0.30, linewidth=0)
        axes.axvline(each.clear_s, color=VERMILION, linewidth=1.0)
        if each.clear_s - each.silent_s > CLEAR_APART_S:
            low, _ = axes.get_ylim()
            axes.text(each.clear_s, low, " clear", color=VERMILION, fontsize=NOTE, va="bottom")


def _answers(axes: "Axes", record: Record) -> None:
    """From the caller's last voiced sample to the answer's first sound."""
    low, _ = axes.get_ylim()
    for each in record.transcript.answered:
        begin, end = each.last_voiced_s, each.last_voiced_s + max(each.after_s.values())
        y = 0.55 * low
        axes.annotate("", (begin, y), (end, y), arrowprops={"arrowstyle": "<->", "color": INK})
        text = ms(end - begin)
        axes.text((begin + end) / 2, 0.62 * low, text, ha="center", va="top", fontsize=NOTE)


# ---- events -----------------------------------------------------------------------------------


def _events(rows: "dict[str, Axes]", canvas: "FigureCanvasAgg", record: Record) -> None:
    """What a listener would notice, above the waves, with a line through them."""
    axes = rows["events"]
    axes.set_ylim(0, 1)
    happened: list[Flag] = []
    if record.facts.answered_at_s is not None:
        happened.append(Flag(record.audio_from_s, "answered", INK, "."))
    happened += _keys_and_clears(record)
    happened += [
        Flag(entry.at_s, f"stream lost: {entry.kind.removeprefix('stream ')}", VERMILION, "X")
        for kind in ("stream failed", "stream closed by the customer")
        for entry in record.of(kind)
    ]
    happened += [
        Flag(entry.at_s, f"{record.facts.hung_up_by} hangs up", INK, ".")
        for entry in record.of("state")
        if entry.detail.get("state") == "ended"
    ]
    happened.sort(key=itemgetter(0))
    flags.plant(axes, canvas, happened, size=LABEL, lane_px=19)
    for flag in happened:
        for name in rows.keys() & {"caller", "bot", "marks"}:
            rows[name].axvline(flag.at_s, color=flag.color, linewidth=0.9, linestyle=DASHES)


def _keys_and_clears(record: Record) -> list[Flag]:
    """A key that stopped the bot says how soon."""
    silences = {each.begin_s: each for each in record.interruptions()}
    happened: list[Flag] = []
    for entry in record.of("dtmf"):
        stopped = silences.pop(entry.at_s, None)
        soon = f": silent {ms(stopped.silent_s - stopped.begin_s)} later" if stopped else ""
        happened.append(Flag(entry.at_s, f"key {entry.detail['digit']}{soon}", VERMILION, "s"))
    for each in silences.values():
        cause = "clear" if each.speech_s is None else "speaks over the bot"
        soon = ms(each.silent_s - each.begin_s)
        happened.append(Flag(each.begin_s, f"{cause}: silent {soon} later", VERMILION, "D"))
    return happened


def _marks(axes: "Axes", canvas: "FigureCanvasAgg", record: Record) -> None:
    """Bars from queued to returned, each with its name behind it where that is not in the way."""
    entitle(axes, "marks", "queued → returned\nhatched: cleared", GREY)
    axes.set_ylim(MARK_ROWS - 0.4, -0.6)
    returned = record.of("mark returned")
    queued = {str(entry.detail["name"]): entry.at_s for entry in record.of("mark queued")}
    names: dict[int, Text] = {}  # the last of each row
    free = [0.0] * MARK_ROWS  # from when on
    for entry in returned:
        name = str(entry.detail["name"])
        queued_s = queued.get(name, entry.at_s)
        row = next((r for r, since in enumerate(free) if since <= queued_s), free.index(min(free)))
        if row in names and free[row] > queued_s:
            names.pop(row).remove()
        _bar(axes, row, queued_s, entry.at_s, cleared=bool(entry.detail.get("cleared")))
        if len(returned) > NAMED_MARKS:
            free[row] = entry.at_s
            continue
        text = axes.text(entry.at_s, row, f" {name}", va="center", color=INK, fontsize=NOTE)
        box = text.get_window_extent(canvas.get_renderer())
        free[row] = float(axes.transData.inverted().transform((box.x1, box.y0))[0])
        names[row] = text


def _bar(axes: "Axes", row: int, start_s: float, end_s: float, *, cleared: bool) -> None:
    axes.barh(
        row,
        end_s - start_s,
        left=start_s,
        height=0.42,
        color="white" if cleared else GREEN,
        edgecolor=VERMILION if cleared else GREEN,
        hatch="////" if cleared else None,
    )
    axes.plot([end_s], [row], "|", color=VERMILION if cleared else INK, markersize=10)


def _wire(axes: "Axes", canvas: "FigureCanvasAgg", record: Record) -> None:
    """Webhooks of the carrier and commands of the bridge."""
    entitle(axes, "wire", "● webhooks\n▲ commands", GREY)
    axes.set_ylim(0, 1)
    sent = [(entry.at_s, str(entry.detail["event_type"]), GREY, "o") for entry in
            record.of("webhook")]  # fmt: skip
    sent += [(entry.at_s, str(entry.detail["action"]), BLUE, "^") for entry in record.of("command")]
    flags.plant(
        axes,
        canvas,
        [Flag(*each) for each in sorted(sent, key=itemgetter(0))],
        size=NOTE,
        lane_px=19,
    )


def _waterfalls(figure: "Figure", record: Record) -> None:
    """Below the time axis, on a scale of their own: an answer takes a thirtieth of a call."""
    answered = record.transcript.answered
    if not answered:
        return
    rows = min(len(answered), fall.MOST)
    height = rows * fall.ROW_PX / HEIGHT_PX
    axes = figure.add_axes((LEFT, 0.025, RIGHT - LEFT, height))
    axes.axis("off")
    note = "ms from the last\nvoiced sample on"
    if len(answered) > rows:
        note = f"the first {rows} of {len(answered)}"
    entitle(axes, "answers", note, INK)
    fall.draw(axes, answered)
