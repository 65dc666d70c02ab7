"""Labels on a time axis that never overlap: each hangs on a stem, in a lane that is free."""

# matplotlib's keyword arguments and canvases have no types.
# pyright: reportUnknownMemberType=false
# mypy: disable-error-code=no-untyped-call

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # matplotlib is an optional extra; see picture.py
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg

GAP_PX = 7.0


class Flag(NamedTuple):
    at_s: float
    text: str
    color: str
    marker: str = "o"


class _Placed(NamedTuple):
    stem: float
    left: float
    right: float
    lane: int


def _fits(new: _Placed, placed: Iterable[_Placed]) -> bool:
    """No text over another, and no stem through one."""
    for old in placed:
        if old.lane == new.lane and new.left < old.right and old.left < new.right:
            return False
        lower, higher = (old, new) if old.lane < new.lane else (new, old)
        if lower.left < higher.stem < lower.right and higher.stem != lower.stem:
            return False
    return True


def lanes(
    stems: Sequence[float], widths: Sequence[float], end: float, most: int
) -> list[tuple[int, bool] | None]:
    """A lane, from 0 upwards, and whether the text stands left of its stem; all in pixels.

    `stems` rise. Texts stand on the right unless they would pass `end`. The ones on the right are
    laid from the last to the first and those on the left the other way round: so stems pass beside
    the texts, and texts of one stem read downwards. None is for what `most` lanes do not hold."""
    leftward = [stem + width > end for stem, width in zip(stems, widths, strict=True)]
    indexes = range(len(stems))
    order = [i for i in reversed(indexes) if not leftward[i]]
    order += sorted((i for i in indexes if leftward[i]), key=lambda i: (stems[i], -i))
    placed: dict[int, _Placed] = {}
    for index in order:
        stem, width = stems[index], widths[index] + GAP_PX
        left, right = (stem - width, stem) if leftward[index] else (stem, stem + width)
        for lane in range(most):
            new = _Placed(stem, left, right, lane)
            if _fits(new, placed.values()):
                placed[index] = new
                break
    return [(placed[i].lane, leftward[i]) if i in placed else None for i in indexes]


def plant(
    axes: "Axes", canvas: "FigureCanvasAgg", flags: Sequence[Flag], *, size: float, lane_px: float
) -> None:
    """Draw flags, in order of time, from the bottom of `axes` upwards; its limits must be set.

    Where there are too many a flag loses its text and keeps its marker."""
    low, high = axes.get_ylim()
    box = axes.get_window_extent()
    px = (high - low) / box.height
    texts = [axes.text(flag.at_s, low, flag.text, fontsize=size, va="center") for flag in flags]
    renderer = canvas.get_renderer()
    widths = [text.get_window_extent(renderer).width + GAP_PX for text in texts]
    stems = [float(axes.transData.transform((flag.at_s, low))[0]) for flag in flags]
    where = lanes(stems, widths, float(box.x1), int(box.height / lane_px))
    for flag, text, place in zip(flags, texts, where, strict=True):
        axes.plot([flag.at_s], [low], flag.marker, color=flag.color, markersize=6, clip_on=False)
        if place is None:
            text.remove()
            continue
        lane, leftward = place
        y = low + px * lane_px * (lane + 0.9)
        axes.plot([flag.at_s, flag.at_s], [low, y], color=flag.color, linewidth=0.8, alpha=0.6)
        text.set(
            position=_beside(axes, flag.at_s, -GAP_PX if leftward else GAP_PX, y),
            ha="right" if leftward else "left",
            color=flag.color,
        )


def _beside(axes: "Axes", at_s: float, px: float, y: float) -> tuple[float, float]:
    """The point so many pixels right of a time."""
    x, _ = axes.transData.transform((at_s, y))
    return float(axes.transData.inverted().transform((x + px, 0.0))[0]), y
