"""Waterfalls in a picture: a row for each answered turn, a colour for each step."""

# matplotlib's keyword arguments and canvases have no types.
# pyright: reportUnknownMemberType=false
# mypy: disable-error-code=no-untyped-call

from collections.abc import Sequence
from typing import TYPE_CHECKING

from callbridge.demo.transcript import STEPS, Answered

if TYPE_CHECKING:  # matplotlib is an optional extra; see picture.py
    from matplotlib.axes import Axes

MOST = 6  # rows
ROW_PX = 24.0
NUMBER_PX = 26.0  # what a number of three digits needs
TEXT = 90  # characters of a turn
SCALE = 1.75  # of the longest waterfall: the rest is for the text
SIZE = 9.0  # points
INK, GREY = "#1A1A1A", "#5F6368"
COLORS = {
    "turn_ended": "#C9CDD2",
    "final_text": "#E69F00",
    "first_token": "#AA4499",
    "first_audio": "#56B4E9",
    "first_sent": "#0072B2",
    "first_heard": "#009E73",
}
DARK = {"first_token", "first_sent", "first_heard"}  # behind white numbers


def draw(axes: "Axes", answered: Sequence[Answered]) -> None:
    """On a scale of milliseconds since the caller's last voiced sample."""
    rows = answered[:MOST]
    longest = max(max(each.after_s.values()) for each in rows)
    axes.set_xlim(0, 1000 * longest * SCALE)
    axes.set_ylim(len(rows) - 0.45, -0.55)
    px_per_ms = axes.get_window_extent().width / (1000 * longest * SCALE)
    for row, each in enumerate(rows):
        end = _bar(axes, row, each, px_per_ms)
        text = each.text if len(each.text) <= TEXT else each.text[: TEXT - 1] + "…"
        axes.annotate(
            f"{end:.0f} ms", (end, row), (6, 0), textcoords="offset points",
            va="center", color=INK, fontsize=SIZE + 1, fontweight="bold",
        )  # fmt: skip
        axes.annotate(
            f"after “{text}” at {each.last_voiced_s:.2f} s", (end, row), (60, 0),
            textcoords="offset points", va="center", color=GREY, fontsize=SIZE,
        )  # fmt: skip
    _legend(axes)


def _bar(axes: "Axes", row: int, each: Answered, px_per_ms: float) -> float:
    """Steps one after the other, with their milliseconds where they fit; returns the end."""
    before = 0.0
    for step in STEPS:
        if step not in each.after_s:
            continue
        after = 1000 * each.after_s[step]
        axes.barh(row, after - before, left=before, height=0.66, color=COLORS[step])
        if (after - before) * px_per_ms >= NUMBER_PX:
            axes.text(
                (before + after) / 2, row, f"{after - before:.0f}", ha="center", va="center",
                fontsize=SIZE, color="white" if step in DARK else INK,
            )  # fmt: skip
        before = after
    return before


def _legend(axes: "Axes") -> None:
    from matplotlib.patches import Patch

    axes.legend(
        handles=[Patch(color=COLORS[step], label=name) for step, name in STEPS.items()],
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=len(STEPS),
        frameon=False,
        fontsize=SIZE,
        labelcolor=GREY,
        handlelength=1.0,
        handleheight=0.8,
        borderaxespad=0.1,
        columnspacing=1.6,
        handletextpad=0.5,
    )
