"""A measurement as a picture: load against latency, targets side by side, or a soak over time.

Lines are named where they end, as a legend has to be hunted. Colours as in `picture.py`."""

# matplotlib's keyword arguments and canvases have no types.
# pyright: reportUnknownMemberType=false
# mypy: disable-error-code=no-untyped-call

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from callbridge.bench import ramp
from callbridge.bench.ramp import Trend
from callbridge.bench.report import number, ratio, slope
from callbridge.bench.results import Figures, Knee, Slo, Spread
from callbridge.demo.panels import (
    BLUE,
    GREEN,
    GREY,
    INK,
    LABEL,
    NOTE,
    ORANGE,
    PURPLE,
    RULE,
    VERMILION,
    blank,
)

if TYPE_CHECKING:  # an optional extra
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

LEFT, RIGHT, TOP, BOTTOM = 0.065, 0.9, 0.845, 0.08
APART_PX = 17.0  # between two names of lines
FLOOR_MS = 0.01  # a logarithm needs something

Sign = Literal["plain", "above", "other", "unsure"]

SIGNS: dict[Sign, str] = {
    "above": "✕ above the SLO",
    "other": "◆ missed otherwise: loss, underruns",
    "unsure": "○ generator-bound: nobody knows",
}
MARKERS: dict[Sign, str] = {"plain": "o", "above": "X", "other": "D", "unsure": "o"}

Read = Callable[[Figures], float | None]


@dataclass(frozen=True, slots=True)
class Curve:
    name: str
    color: str
    read: Read
    judged: bool = False  # it is what the SLO is about


def _curves(spread: Callable[[Figures], Spread | None]) -> tuple[Curve, ...]:
    def reads(name: str) -> Read:
        return lambda f: max(getattr(found, name), FLOOR_MS) if (found := spread(f)) else None

    return (
        Curve("p50", GREEN, reads("p50")),
        Curve("p99", BLUE, reads("p99"), judged=True),
        Curve("p99.9", PURPLE, reads("p999")),
    )


LATENCIES, JITTERS = _curves(lambda f: f.latency_ms), _curves(lambda f: f.jitter_ms)
SHARES = (
    Curve("endpoint", BLUE, lambda f: f.cpu_percent),
    Curve("generator", ORANGE, lambda f: f.generator_percent),
)


# ---- common to all ------------------------------------------------------------------------------


def _title(figure: "Figure", title: str, note: str) -> None:
    figure.text(0.02, 0.942, title, fontsize=18, color=INK, fontweight="bold")
    figure.text(0.02, 0.908, note, fontsize=LABEL + 0.5, color=GREY)


def _joined(*parts: str) -> str:
    return "   ·   ".join(filter(None, parts))


def _plain(axes: "Axes", *, grid: Literal["x", "y"] = "y") -> None:
    """No box, a light grid behind everything."""
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(GREY)
    axes.tick_params(which="both", left=False, colors=GREY, labelsize=LABEL)
    axes.grid(axis=grid, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)


def _head(axes: "Axes", text: str, note: str = "") -> None:
    """What a panel shows, above it."""
    head = axes.annotate(
        text, (0, 1), (0, 9), xycoords="axes fraction", textcoords="offset points",
        fontsize=LABEL + 2, fontweight="bold", color=INK,
    )  # fmt: skip
    axes.annotate(
        note, (1, 1), (8, 9), xycoords=(head, "axes fraction"), textcoords="offset points",
        fontsize=LABEL, color=GREY,
    )  # fmt: skip


def sign_of(each: Figures, line: Curve, slo: Slo) -> Sign:
    """What is to be known of a point. That a standard was missed is told on the curve that the
    standard is about, and nowhere else."""
    if each.verdict == "generator-bound":
        return "unsure"
    if each.verdict == "ok" or not line.judged:
        return "plain"
    return "above" if (line.read(each) or 0.0) > slo.p99_ms else "other"


def _signs(axes: "Axes", found: set[Sign]) -> None:
    """What the points mean that are not plain ones, above the panel to the right."""
    said = [meaning for sign, meaning in SIGNS.items() if sign in found]
    axes.annotate(
        "      ".join(said), (1, 1), (0, 9), xycoords="axes fraction",
        textcoords="offset points", ha="right", fontsize=LABEL, color=INK,
    )  # fmt: skip


def log_ticks(axis: "Axis", low: float, high: float) -> None:
    """Enough of them to read a value off a logarithmic axis from `low` to `high`."""
    from matplotlib.ticker import LogLocator, NullLocator

    steps = (1, 2, 5) if high >= 10 * low else (1, 1.5, 2, 3, 5, 7)
    axis.set_major_locator(LogLocator(subs=steps, numticks=50))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: f"{value:g}")


def _point(axes: "Axes", at: float, value: float, sign: Sign, color: str, size: float) -> None:
    """See SIGNS."""
    hollow = sign == "unsure"
    axes.plot(
        at, value, MARKERS[sign],
        markersize=size if sign == "plain" else size + 2.5, color=color,
        markerfacecolor="white" if hollow else color,
        markeredgecolor=color if hollow else "white", markeredgewidth=1.8 if hollow else 0.6,
        zorder=3,
    )  # fmt: skip


class Name(NamedTuple):
    text: str
    color: str
    y: float  # where its line ends


def _name(axes: "Axes", names: Sequence[Name]) -> None:
    """To the right of the panel, each as near to its line's end as the others let it."""
    lowest = float("-inf")
    for each in sorted(names, key=lambda name: name.y):
        end = float(axes.transData.transform((0, each.y))[1])
        lowest = max(end, lowest + APART_PX)
        y = float(axes.transAxes.inverted().transform((0, lowest))[1])
        axes.annotate(
            each.text, (1, y), (8, 0), xycoords="axes fraction", textcoords="offset points",
            va="center", color=each.color, fontsize=LABEL, fontweight="bold",
        )  # fmt: skip


# ---- a ramp -------------------------------------------------------------------------------------


def draw_ramp(
    steps: Sequence[Figures], knee: Knee, slo: Slo, path: Path, *, note: str = ""
) -> None:
    """A PNG of 1600 × 900: latency over calls, the promise, the knee; below it, CPU.

    `note` says what was measured. Raises CallbridgeError when matplotlib is not installed,
    ValueError without steps."""
    if not steps:
        raise ValueError("a ramp without steps is no picture")
    figure, canvas = blank()
    upper, lower = figure.subplots(
        2, sharex=True,
        gridspec_kw={"height_ratios": (2.3, 1), "hspace": 0.22, "left": LEFT, "right": RIGHT,
                     "top": TOP, "bottom": BOTTOM},
    )  # fmt: skip
    upper.set_xlim(0, 1.03 * max(each.calls for each in steps))
    _latencies(upper, steps, slo)
    _cpu(lower, steps, slo)
    _knee(upper, lower, knee)
    _title(figure, _ramp_title(steps[0].target, knee), note)
    canvas.print_png(str(path))


def _ramp_title(target: str, knee: Knee) -> str:
    if not knee.calls:
        return f"{target}: {'no load held' if knee.is_limit else 'what it carries is not known'}"
    return f"{target} carries {'' if knee.is_limit else 'at least '}{knee.calls} calls"


def _latencies(axes: "Axes", steps: Sequence[Figures], slo: Slo) -> None:
    _plain(axes)
    axes.set_yscale("log")
    lines = LATENCIES if slo.echo else JITTERS
    values = [value for line in lines for each in steps if (value := line.read(each))]
    low, high = min([*values, slo.p99_ms]), max([*values, slo.p99_ms])
    axes.set_ylim(low / 2.2, high * 1.4)  # below, there is room for the knee's words
    log_ticks(axes.yaxis, low, high)
    axes.tick_params(labelbottom=True)
    axes.axhline(slo.p99_ms, color=VERMILION, linewidth=1.6, linestyle=(0, (5, 3)))
    _name(
        axes,
        [
            *(name for line in lines for name in _curve(axes, steps, line, slo)),
            Name(f"SLO {slo.p99_ms:g} ms", VERMILION, slo.p99_ms),
        ],
    )
    if slo.echo:
        _head(axes, "latency, ms", _way(steps))
    else:
        _head(axes, "jitter, ms", "of arrivals, against each call's own grid")
    _signs(axes, {sign_of(each, line, slo) for line in lines for each in steps if line.read(each)})


def _way(steps: Sequence[Figures]) -> str:
    """What a latency is that of."""
    if steps[0].tokens is None:
        return "from sending a frame to having its echo"
    return "from sending a prompt to having the first token of its answer"


def _cpu(axes: "Axes", steps: Sequence[Figures], slo: Slo) -> None:
    _plain(axes)
    shares = [value for line in SHARES for each in steps if (value := line.read(each))]
    axes.set_ylim(0, 1.12 * max([*shares, 100.0]))
    axes.axhline(100, color=GREY, linewidth=0.9)
    _name(axes, [name for line in SHARES for name in _curve(axes, steps, line, slo)])
    _head(axes, "CPU, % of a core")
    axes.set_xlabel("calls at the same time", fontsize=LABEL, color=GREY)


def _curve(axes: "Axes", steps: Sequence[Figures], line: Curve, slo: Slo) -> list[Name]:
    """Every step as a point, a line through the last of each load; its name, if there is any."""
    known = [(each, value) for each in steps if (value := line.read(each)) is not None]
    if not known:
        return []
    last = {each.calls: value for each, value in known}
    loads = sorted(last)
    axes.plot(loads, [last[calls] for calls in loads], color=line.color, linewidth=1.8, zorder=2)
    for each, value in known:
        _point(axes, each.calls, value, sign_of(each, line, slo), line.color, size=7)
    return [Name(line.name, line.color, last[loads[-1]])]


def _knee(upper: "Axes", lower: "Axes", knee: Knee) -> None:
    """A line through both panels, with its words where no curve runs."""
    if not knee.calls:
        return
    for axes in (upper, lower):
        axes.axvline(knee.calls, color=INK, linewidth=1.2, linestyle="-" if knee.is_limit else ":")
    words = "the knee" if knee.is_limit else "held, and no limit found"
    right = knee.calls > 0.6 * upper.get_xlim()[1]
    upper.annotate(
        f"{knee.calls} calls: {words}", (knee.calls, 0), (-7 if right else 7, 7),
        xycoords=("data", "axes fraction"), textcoords="offset points",
        ha="right" if right else "left", fontsize=LABEL + 1, fontweight="bold", color=INK,
    )  # fmt: skip


# ---- targets side by side -----------------------------------------------------------------------

BAR = 0.5  # of a row
NAME = 32  # characters of a target
VERDICTS = {"slo": "missed the standard", "generator-bound": "generator-bound"}


def draw_comparison(
    steps: Sequence[Figures], path: Path, *, base: str | None = None, note: str = ""
) -> None:
    """A PNG of 1600 × 900: CPU per frame or token of each target, and its latency, cheapest first.

    Ratios are multiples of `base`, or of the first target. Raises CallbridgeError when matplotlib
    is not installed, ValueError without targets."""
    if not steps:
        raise ValueError("a comparison of nothing is no picture")
    base = base or steps[0].target
    rows = sorted(steps, key=lambda each: each.cpu_us or 0.0)
    figure, canvas = blank()
    bars, dots = figure.subplots(
        1, 2, sharey=True,
        gridspec_kw={"width_ratios": (1.25, 1), "wspace": 0.06, "left": 0.17, "right": 0.97,
                     "top": TOP, "bottom": BOTTOM},
    )  # fmt: skip
    _bars(bars, rows, base)
    _dots(dots, rows)
    _targets(bars, rows, base)
    calls = " and ".join(str(calls) for calls in sorted({each.calls for each in rows}))
    _title(figure, f"Side by side at {calls} calls", _joined(f"× is multiples of {base}", note))
    canvas.print_png(str(path))


def _targets(axes: "Axes", rows: Sequence[Figures], base: str) -> None:
    """Names in the margin, and what is to be known of a figure before it is believed."""
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks([])
    for row, each in enumerate(rows):
        axes.annotate(
            _short(each.target), (0, row), (-10, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", ha="right", va="center", fontsize=LABEL + 1,
            color=INK, fontweight="bold" if each.target == base else "normal",
        )  # fmt: skip
        if each.verdict != "ok":
            axes.annotate(
                VERDICTS[each.verdict], (0, row), (-10, -15),
                xycoords=("axes fraction", "data"), textcoords="offset points", ha="right",
                va="center", fontsize=NOTE, color=VERMILION,
            )  # fmt: skip


def _short(target: str) -> str:
    return target if len(target) <= NAME else f"…{target[1 - NAME :]}"


def _bars(axes: "Axes", rows: Sequence[Figures], base: str) -> None:
    _plain(axes, grid="x")
    costs = [each.cpu_us or 0.0 for each in rows]
    axes.set_xlim(0, 1.22 * max([*costs, 1.0]))
    of_base = next((each.cpu_us for each in rows if each.target == base), None)
    for row, (each, cost) in enumerate(zip(rows, costs, strict=True)):
        color = GREEN if each.target == base else BLUE
        axes.barh(row, cost, height=BAR, color=color)
        unit = " us" if each.cpu_us is not None else " not known"
        head = axes.annotate(
            ratio(each.cpu_us, of_base), (cost, row), (8, 0), textcoords="offset points",
            va="center", fontsize=LABEL + 3, fontweight="bold", color=INK,
        )  # fmt: skip
        axes.annotate(
            f"{number(each.cpu_us)}{unit}", (1, row), (8, 0), xycoords=(head, "data"),
            textcoords="offset points", va="center", fontsize=LABEL, color=GREY,
        )  # fmt: skip
    if rows[0].tokens is None:
        _head(axes, "CPU per frame, us", "a frame in and its echo out")
    else:
        _head(axes, "CPU per token, us", "prompts and the ends of turns included")


def _dots(axes: "Axes", rows: Sequence[Figures]) -> None:
    """From p50 to p99, each with its number on its outer side."""
    _plain(axes, grid="x")
    axes.set_xscale("log")
    known = [each.latency_ms for each in rows if each.latency_ms]
    if known:
        low, high = min(each.p50 for each in known), max(each.p99 for each in known)
        low, high = max(low, FLOOR_MS) / 2.2, max(high, FLOOR_MS) * 2.2
        axes.set_xlim(low, high)
        log_ticks(axes.xaxis, low, high)
    for row, each in enumerate(rows):
        if each.latency_ms is None:
            continue
        ends = [max(each.latency_ms.p50, FLOOR_MS), max(each.latency_ms.p99, FLOOR_MS)]
        axes.plot(ends, [row, row], color=RULE, linewidth=5, solid_capstyle="round", zorder=2)
        for at, color, side in ((ends[0], GREEN, -1), (ends[1], BLUE, 1)):
            axes.plot(at, row, "o", markersize=9, color=color, zorder=3)
            axes.annotate(
                number(at), (at, row), (10 * side, 0), textcoords="offset points",
                ha="right" if side < 0 else "left", va="center", fontsize=LABEL, color=color,
                fontweight="bold",
            )  # fmt: skip
    _head(axes, "latency, ms", "p50 to p99, on a logarithmic scale")


# ---- a soak -------------------------------------------------------------------------------------

STANDARD = Slo()
BROAD = "broad: medians of the first and last quarter, without the first tenth"
MEMORY = Curve("memory, MiB", PURPLE, lambda f: f.rss_mib)
SOAKED = (
    MEMORY,
    Curve(
        "latency p99, ms", BLUE, lambda f: f.latency_ms.p99 if f.latency_ms else None, judged=True
    ),
    Curve("lag of the endpoint's timers p99, ms", ORANGE, lambda f: f.lag_p99_ms),
)


def draw_soak(steps: Sequence[Figures], path: Path, *, slo: Slo = STANDARD, note: str = "") -> None:
    """A PNG of 1600 × 900: memory, p99 latency and lag over the minutes, with their trends.

    Raises CallbridgeError when matplotlib is not installed, ValueError without windows."""
    if not steps:
        raise ValueError("a soak without windows is no picture")
    figure, canvas = blank()
    found = ramp.drift(list(steps))
    trends = dict(zip(SOAKED, (found.rss_kib, found.p99_ms, found.lag_p99_ms), strict=True))
    lines = [line for line in SOAKED if any(line.read(each) is not None for each in steps)]
    panels = figure.subplots(
        max(1, len(lines)), sharex=True, squeeze=False,
        gridspec_kw={"hspace": 0.32, "left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM},
    )[:, 0]  # fmt: skip
    minutes = [(each.at_s - steps[0].at_s) / 60 for each in steps]
    panels[0].set_xlim(0, (minutes[-1] + steps[-1].seconds / 60) or 1.0)
    for axes, line in zip(panels, lines, strict=False):
        _over_time(axes, steps, minutes, line, slo)
        _trend(axes, trends[line], minutes, line)
        notes = [BROAD] if line is lines[0] and trends[line] else []
        notes += [f"dashed: the SLO, {slo.p99_ms:g} ms"] if _has_slo(axes, line, slo) else []
        _head(axes, line.name, "; ".join(notes))
    panels[-1].set_xlabel("minutes", fontsize=LABEL, color=GREY)
    calls = max(each.calls for each in steps)
    title = f"{steps[0].target} with {calls} calls for {panels[0].get_xlim()[1]:.3g} minutes"
    _title(figure, title, _joined(found.sentence.rstrip("."), note))
    canvas.print_png(str(path))


def _over_time(
    axes: "Axes", steps: Sequence[Figures], minutes: Sequence[float], line: Curve, slo: Slo
) -> None:
    """A point for every window; those that missed the standard stand out where it is judged."""
    _plain(axes)
    rows = [(at, each, line.read(each)) for at, each in zip(minutes, steps, strict=True)]
    known = [(at, each, value) for at, each, value in rows if value is not None]
    values = [value for *_, value in known]
    axes.set_ylim(*(_room(values) if line is MEMORY else (0, 1.15 * max([*values, FLOOR_MS]))))
    axes.plot([at for at, *_ in known], values, color=line.color, linewidth=1.2)
    if _has_slo(axes, line, slo):
        axes.axhline(slo.p99_ms, color=VERMILION, linewidth=1.6, linestyle=(0, (5, 3)))
    signs: list[Sign] = [
        sign_of(each, line, slo) if line.judged else "plain" for _, each, _ in known
    ]
    for (at, _, value), sign in zip(known, signs, strict=True):
        _point(axes, at, value, sign, line.color if sign == "plain" else VERMILION, size=5)
    _signs(axes, set(signs))


def _has_slo(axes: "Axes", line: Curve, slo: Slo) -> bool:
    return line.judged and slo.p99_ms <= axes.get_ylim()[1]


def _room(values: Sequence[float]) -> tuple[float, float]:
    """Memory is looked at where it is: a leak is little beside all that a process holds."""
    low, high = min(values), max(values)
    room = max(high - low, 0.02 * high)
    return low - 0.3 * room, high + 0.3 * room


def _trend(axes: "Axes", trend: Trend | None, minutes: Sequence[float], line: Curve) -> None:
    """The medians of the beginning and of the end as broad bars, and the slope beside them."""
    if trend is None:
        return
    kept = minutes[math.ceil(ramp.WARMING * len(minutes)) :]
    ends = max(1, round(ramp.ENDS * len(kept)))
    first, last = (level / (1024 if line is MEMORY else 1) for level in (trend.first, trend.last))
    for span, level in ((kept[:ends], first), (kept[-ends:], last)):
        axes.plot(
            [span[0], span[-1]], [level, level], color=INK, linewidth=5, alpha=0.35,
            solid_capstyle="butt", zorder=4,
        )  # fmt: skip
    _name(axes, [Name(_slope(trend, line), INK if trend.seen else GREY, last)])


def _slope(trend: Trend, line: Curve) -> str:
    return (
        slope(trend, "KiB" if line is MEMORY else "ms")
        .replace(" a minute", "\na minute")
        .replace(" much", "\nmuch")
    )
