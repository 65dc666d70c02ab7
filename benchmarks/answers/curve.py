"""A picture: how long callers wait against how often they are cut into."""

# matplotlib's keyword arguments and canvases have no types.
# pyright: reportUnknownMemberType=false
# mypy: disable-error-code=no-untyped-call

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from benchmarks.answers.figures import Point
from numpy.typing import NDArray

from callbridge.demo.panels import BLUE, GREEN, GREY, INK, LABEL, RULE, VERMILION, blank

if TYPE_CHECKING:  # an optional extra
    from matplotlib.axes import Axes

LONGEST_MS = 1600
MARKERS = "s^"  # of others
COLOURS = 64  # as many as keep the file under 100 kB

Both = tuple[Point, Point]
"""Of speech, and of digits."""


def draw(points: Sequence[Both], path: Path, note: str = "", beside: Sequence[Both] = ()) -> None:
    """A PNG of 1600 × 900. The last point is today's, the ones before are a stopwatch's; `beside`
    are those of others.

    Raises CallbridgeError when matplotlib is not installed."""
    figure, canvas = blank()
    left, right = figure.subplots(
        1, 2, sharey=True,
        gridspec_kw={"wspace": 0.08, "left": 0.06, "right": 0.97, "top": 0.82, "bottom": 0.09},
    )  # fmt: skip
    for axes, n, head in (
        (left, 0, "sentences, readings, single words"),
        (right, 1, "numbers, told in groups of digits"),
    ):
        _panel(axes, [each[n] for each in points], head, [each[n] for each in beside])
    left.set_ylabel("turns of a hundred that the bot cuts into", fontsize=LABEL, color=GREY)
    figure.text(
        0.02, 0.935, "How long callers wait, and how often they are cut into",
        fontsize=18, color=INK, fontweight="bold",
    )  # fmt: skip
    figure.text(0.02, 0.9, note, fontsize=LABEL + 0.5, color=GREY)
    canvas.draw()
    _save(np.asarray(canvas.buffer_rgba()), path)


def _save(pixels: NDArray[np.uint8], path: Path) -> None:
    from PIL import Image  # matplotlib brings it

    Image.fromarray(pixels).convert("RGB").quantize(COLOURS).save(path, "png", optimize=True)


def _panel(axes: "Axes", points: Sequence[Point], head: str, beside: Sequence[Point]) -> None:
    *stopwatch, today = points
    _plain(axes, head)
    waits = [each.median_ms for each in stopwatch]
    axes.plot(waits, [each.cut for each in stopwatch], "o-", color=BLUE, label="a stopwatch")
    axes.plot(
        waits, [each.cut_unfinished for each in stopwatch], "o--", color=GREEN,
        label="of these: where the words so far were unfinished",
    )  # fmt: skip
    for each in stopwatch:
        axes.annotate(
            each.name, (each.median_ms, each.cut), (6, 6), textcoords="offset points",
            fontsize=LABEL, color=GREY,
        )  # fmt: skip
    _mark(axes, today, today.cut, "today, and up to its 95th percentile", face=VERMILION)
    _mark(axes, today, today.cut_unfinished, "today, where words were unfinished", face="white")
    for each, marker in zip(beside, MARKERS, strict=False):
        _mark(axes, each, each.cut, each.name, face=INK, colour=INK, marker=marker)
    axes.legend(frameon=False, fontsize=LABEL, labelcolor=INK, loc="upper right")


def _mark(
    axes: "Axes", point: Point, cut: float, label: str, *, face: str,
    colour: str = VERMILION, marker: str = "D",
) -> None:  # fmt: skip
    axes.plot([point.median_ms, point.p95_ms], [cut, cut], "-", color=colour, linewidth=1.2)
    axes.plot(
        point.median_ms, cut, marker, markersize=10, color=colour, markerfacecolor=face,
        label=label,
    )  # fmt: skip


def _plain(axes: "Axes", head: str) -> None:
    axes.set_title(head, fontsize=LABEL + 2, fontweight="bold", color=INK, loc="left")
    axes.set_xlim(0, LONGEST_MS)
    axes.set_ylim(-2, 122)  # above 100 there is room for the legend
    axes.set_yticks(range(0, 101, 20))
    axes.set_xlabel("ms from the last sound to the answer, median", fontsize=LABEL, color=GREY)
    axes.grid(color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(left=False, colors=GREY, labelsize=LABEL)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(GREY)
