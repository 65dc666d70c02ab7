"""What was said, written over its waveform: word by word, in the room until the next text."""

# matplotlib's keyword arguments and canvases have no types.
# pyright: reportUnknownMemberType=false
# mypy: disable-error-code=no-untyped-call

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from callbridge.demo.transcript import SpokenWords

if TYPE_CHECKING:  # matplotlib is an optional extra; see picture.py
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg

LINES = 3
LINE_PX = 15.0
MARGIN_PX = 8.0  # to the text that follows
STEM_PX = 4.0  # to what stands where it begins: a key, the answer
NARROWEST_PX = 40.0
UNHEARD_WORDS = 4  # of a text that was cut: enough to see what was missed
SIZE = 9.0  # points
INK, LOST, CUT = "#1A1A1A", "#8A8F94", "#D55E00"
CROSS = "✕"


class CaptionWord(NamedTuple):
    text: str
    color: str


class Place(NamedTuple):
    """Of a word, in pixels from the left of the first line."""

    line: int
    left: float


def words(said: SpokenWords, fewer: int) -> list[CaptionWord]:
    """The words to write, `fewer` than there are: first those that nobody heard go, and the mark
    of the cut goes last."""
    heard = [CaptionWord(text, INK) for text in said.text.split()]
    unheard = [CaptionWord(text, LOST) for text in said.unheard.split()]
    shown = min(len(unheard), UNHEARD_WORDS)
    lost, fewer = max(0, shown - fewer), max(0, fewer - shown)
    kept = heard[: max(0, len(heard) - fewer)]
    if fewer:
        kept.append(CaptionWord("…", INK))
    if not unheard:
        return kept
    rest = unheard[:lost]
    if lost < len(unheard):  # no line for an ellipsis alone
        rest = [*rest[:-1], CaptionWord(f"{rest[-1].text if rest else ''}…", LOST)]
    return [*kept, CaptionWord(CROSS, CUT), *rest]


def flow(widths: Sequence[float], space: float, room: float) -> list[Place] | None:
    """Lines of at most `room` pixels; None when LINES of them do not hold all."""
    places: list[Place] = []
    line, left = 0, 0.0
    for width in widths:
        if left and left + width > room:
            line, left = line + 1, 0.0
        if line == LINES or width > room:
            return None
        places.append(Place(line, left))
        left += width + space
    return places


def fit(
    said: SpokenWords, measure: Callable[[str], float], room: float
) -> tuple[list[CaptionWord], list[Place]] | None:
    """As many words as there is room for; None if not even one."""
    for fewer in range(len(said.text.split()) + UNHEARD_WORDS):
        shown = words(said, fewer)
        places = flow([measure(word.text) for word in shown], measure(" "), room)
        if places is not None:
            return shown, places
    return None


def write(
    axes: "Axes", canvas: "FigureCanvasAgg", texts: Sequence[SpokenWords], *, paper: str = "white"
) -> None:
    """At the top of `axes`, each from where it began to sound; its limits must be set. `paper` is
    the colour behind the words."""
    measure = _measure(axes, canvas)
    box = axes.get_window_extent()
    starts = [float(axes.transData.transform((said.start_s, 0.0))[0]) for said in texts]
    ends = [*starts, float(box.x1)][1:]  # where the next text begins
    for said, start, following in zip(texts, starts, ends, strict=True):
        room = following - start - MARGIN_PX - STEM_PX
        found = fit(said, measure, room) if room >= NARROWEST_PX else None
        for word, place in zip(*found, strict=True) if found else ():
            axes.annotate(
                word.text,
                (start + STEM_PX + place.left, float(box.y1) - LINE_PX * (place.line + 0.8)),
                xycoords="figure pixels",
                va="baseline",
                color=word.color,
                fontsize=SIZE,
                fontweight="bold" if word.color == CUT else "normal",
                bbox={"facecolor": paper, "edgecolor": "none", "pad": 0.6},
            )


def _measure(axes: "Axes", canvas: "FigureCanvasAgg") -> Callable[[str], float]:
    renderer = canvas.get_renderer()
    probe = axes.text(0, 0, "", fontsize=SIZE)
    known: dict[str, float] = {}

    def measure(text: str) -> float:
        if text not in known:
            probe.set_text(f"x{text}x")  # spaces at the ends have no extent
            around = float(probe.get_window_extent(renderer).width)
            probe.set_text("xx")
            known[text] = around - float(probe.get_window_extent(renderer).width)
            probe.set_text("")
        return known[text]

    return measure
