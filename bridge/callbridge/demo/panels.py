"""What pictures of calls are made of: colours, an empty sheet, panels on one time axis, waveforms.

The colours are those of Okabe and Ito, which the colour-blind can tell apart."""

# matplotlib's keyword arguments and canvases have no types.
# pyright: reportUnknownMemberType=false
# mypy: disable-error-code=no-untyped-call

import math
from typing import TYPE_CHECKING

import numpy as np

from callbridge.demo import captions
from callbridge.errors import CallbridgeError
from telecodecs import Pcm

if TYPE_CHECKING:  # an optional extra
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

BLUE, GREEN, VERMILION, PURPLE, ORANGE = "#0072B2", "#009E73", "#D55E00", "#AA4499", "#E69F00"
INK, GREY, RULE = "#1A1A1A", "#5F6368", "#D5D8DC"

HEIGHT_PX = 900
LEFT, RIGHT, TOP = 0.1, 0.985, 0.91  # of the panels
COLUMNS = 1400  # of a waveform: about one for every pixel
QUIETEST_PEAK = 2000  # a silent track is drawn as a line, not blown up to full height
LABEL, NOTE = 10.5, 9.5  # points
DASHES = (0, (4, 3))


def blank() -> "tuple[Figure, FigureCanvasAgg]":
    """1600 × 900 pixels. Raises CallbridgeError when matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise CallbridgeError(
            "a picture needs matplotlib: pip install 'callbridge[pictures]'"
        ) from None
    figure = Figure(figsize=(16, 9), dpi=100, facecolor="white")
    return figure, FigureCanvasAgg(figure)


def stack(figure: "Figure", heights: dict[str, float], below_px: float) -> "dict[str, Axes]":
    """Panels one below the other; under the last one so many pixels besides its time axis."""
    axes = figure.subplots(
        len(heights),
        sharex=True,
        gridspec_kw={
            "height_ratios": list(heights.values()),
            "hspace": 0.07,
            "left": LEFT,
            "right": RIGHT,
            "top": TOP,
            "bottom": 0.07 + below_px / HEIGHT_PX,
        },
    )
    return dict(zip(heights, axes, strict=True))


def frame(panels: "dict[str, Axes]", end_s: float) -> None:
    """The common time axis under the last panel, with a little room before and after the call. The
    first panel is for flags, and has no grid."""
    first, *_, last = panels
    for name, axes in panels.items():
        axes.set_xlim(-0.01 * end_s, 1.01 * end_s)
        axes.tick_params(left=False, labelleft=False, bottom=name == last, colors=GREY)
        for side, spine in axes.spines.items():
            spine.set_visible(side == "bottom" and name == last)
            spine.set_color(GREY)
        if name != first:
            axes.grid(axis="x", color=RULE, linewidth=0.6)
        axes.set_axisbelow(True)
    panels[last].set_xlabel("seconds since the call came in", fontsize=LABEL, color=GREY)


def entitle(axes: "Axes", name: str, note: str, color: str) -> None:
    """What a panel shows, in the margin before it."""
    at = axes.transAxes
    axes.text(-0.012, 0.5, name, transform=at, ha="right", va="bottom", color=color,
              fontsize=LABEL + 2, fontweight="bold")  # fmt: skip
    axes.text(-0.012, 0.46, note, transform=at, ha="right", va="top", color=GREY, fontsize=NOTE)


def head(figure: "Figure", title: str, facts: list[str]) -> None:
    figure.text(0.015, 0.957, title, fontsize=18, color=INK, fontweight="bold")
    figure.text(0.015, 0.925, "   ·   ".join(facts), fontsize=LABEL + 0.5, color=GREY)


def scale(axes: "Axes", track: Pcm, *, captioned: bool) -> str:
    """A scale of the track's own, as people speak softer than machines, with room above for what
    was said. Returns how loud its loudest sample is."""
    peak = int(np.abs(track.astype(np.int32)).max(initial=0))
    top = 1.1 * max(peak, QUIETEST_PEAK)
    axes.set_ylim(-top, top * (1.0 + 2.0 * (_strip(axes) if captioned else 0.0)))
    return f"peak −{20 * math.log10(32768 / peak):.0f} dBFS" if peak else "silent"


def _strip(axes: "Axes") -> float:
    """The room that captions need over a waveform, as a share of the waveform's."""
    strip = captions.LINES * captions.LINE_PX
    return strip / (axes.get_window_extent().height - strip)


def wave(axes: "Axes", track: Pcm, rate: int, from_s: float, color: str) -> None:
    """The range of the samples under each pixel."""
    step = max(1, len(track) // COLUMNS)
    columns = track[: len(track) // step * step].reshape(-1, step).astype(np.int32)
    time = from_s + np.arange(len(columns)) * (step / rate)
    if len(columns):
        low, high = columns.min(axis=1), columns.max(axis=1)
        axes.fill_between(time, low, high, color=color, linewidth=0.7)


def ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"
