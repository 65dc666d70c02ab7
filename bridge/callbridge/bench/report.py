"""What a measurement says: tables, sentences and JSON, and how far it is while it runs."""

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any

import msgspec
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from callbridge.bench.ramp import Drift, Trend
from callbridge.bench.results import Figures, Knee, Slo, Spread, Verdict

NOTHING = "–"
TINY = 0.005  # would be written 0.00
WIDE, MIDDLING = 108, 72  # columns of a terminal from which on all, or most, columns have room
STYLES: dict[Verdict, str] = {"ok": "green", "slo": "bold red", "generator-bound": "yellow"}
WORDS: dict[Verdict, str] = {"ok": "ok", "slo": "missed", "generator-bound": "generator"}
REFRESHES = 4  # a second, of the live view


# ---- what was measured --------------------------------------------------------------------------


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Where and when; figures of two scenes are not compared."""

    cores: int  # that this process may use
    cpu: str | None
    python: str
    loop: str | None
    codec: str
    date: str


def scene(codec: str, loop: str | None, now: datetime) -> Scene:
    """This machine. `loop` is the endpoint's event loop if it is known, `codec` what is spoken."""
    usable = getattr(os, "sched_getaffinity", None)
    return Scene(
        cores=len(usable(0)) if usable else os.cpu_count() or 1,
        cpu=cpu_model(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        loop=loop,
        codec=codec,
        date=now.strftime("%Y-%m-%d %H:%M"),
    )


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """As Linux names it; None where nobody does."""
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        return None
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(filter(None, names), None)


def header(scene: Scene) -> str:
    cpu = f" of {scene.cpu}" if scene.cpu else ""
    cores = f"{scene.cores} {'core' if scene.cores == 1 else 'cores'}{cpu}"
    parts = (scene.codec, cores, scene.python, scene.loop, scene.date)
    return " · ".join(part for part in parts if part)


# ---- a row for every step -----------------------------------------------------------------------


def number(value: float | None, digits: int = 3) -> str:
    """So many digits that count, but no thousandths and no exponent; None is a dash."""
    if value is None:
        return NOTHING
    rounded = float(f"{value:.{digits}g}")
    if abs(rounded) < TINY:
        return "0"
    whole = len(str(int(abs(rounded)))) if abs(rounded) >= 1 else 0
    return f"{rounded:.{max(0, min(digits - whole, 2))}f}"


def signed(value: float) -> str:
    text = number(abs(value))
    return f"{'' if text == '0' else '+' if value > 0 else '−'}{text}"


@dataclass(frozen=True, slots=True)
class Column:
    head: str  # two lines
    read: Callable[[Figures], str]
    least: int  # columns that a terminal must have to show it


def _of(spread: Spread | None, name: str) -> str:
    return number(getattr(spread, name) if spread else None)


COMMON = (
    Column("CPU\n%", lambda f: number(f.cpu_percent), MIDDLING),
    Column("KiB\n/call", lambda f: number(f.kib_per_call), WIDE),
    Column("lag p99\nms", lambda f: number(f.lag_p99_ms), WIDE),
    Column("gen. p99\nms late", lambda f: number(f.lateness_p99_ms), WIDE),
    Column("gen.\nCPU %", lambda f: number(f.generator_percent), WIDE),
)
COLUMNS = (
    Column("\ncalls", lambda f: str(f.calls), 0),
    Column("ms\np50", lambda f: _of(f.latency_ms, "p50"), 0),
    Column("ms\np99", lambda f: _of(f.latency_ms, "p99"), 0),
    Column("ms\np99.9", lambda f: _of(f.latency_ms, "p999"), WIDE),
    Column("ms\nworst", lambda f: _of(f.latency_ms, "worst"), MIDDLING),
    Column("jitter\np99 ms", lambda f: _of(f.jitter_ms, "p99"), MIDDLING),
    Column("under-\nruns", lambda f: str(f.underruns), 0),
    Column("\nlost", lambda f: str(f.lost), 0),
    Column("CPU us\n/frame", lambda f: number(f.cpu_us_per_frame), MIDDLING),
    *COMMON,
)
RELAY_COLUMNS = (
    Column("\ncalls", lambda f: str(f.calls), 0),
    Column("first\np50 ms", lambda f: _of(f.latency_ms, "p50"), 0),
    Column("first\np99 ms", lambda f: _of(f.latency_ms, "p99"), 0),
    Column("first\nworst", lambda f: _of(f.latency_ms, "worst"), MIDDLING),
    Column("token\np50 ms", lambda f: _of(f.token_ms, "p50"), MIDDLING),
    Column("token\np99 ms", lambda f: _of(f.token_ms, "p99"), 0),
    Column("\nlost", lambda f: str(f.lost), 0),
    Column("CPU us\n/token", lambda f: number(f.cpu_us_per_token), MIDDLING),
    *COMMON,
)
LEGEND = (  # the heads that each part explains
    ("ms\np50", "ms: from a frame's sending to its echo"),
    ("first\np50 ms", "first: from a prompt's sending to the first token of its answer"),
    ("token\np99 ms", "token: from when the bot has it to when it is received"),
    ("jitter\np99 ms", "jitter: of arrivals, against each call's own grid"),
    ("under-\nruns", "underruns: a carrier would have run dry"),
    ("CPU\n%", "CPU: the endpoint's, of one core"),
    ("lag p99\nms", "lag: of the endpoint's timers, to the next step of its histogram"),
    ("gen.\nCPU %", "gen.: the load generator's own"),
)


def table(steps: Sequence[Figures], *, legend: bool = True) -> RenderableType:
    """One row per step, and a sentence for each load that is not ok.

    All columns from WIDE on; in less there are fewer."""
    return _Steps(steps, legend)


class _Steps:
    """Knows its width only when it is printed."""

    def __init__(self, steps: Sequence[Figures], legend: bool) -> None:
        self._steps, self._legend = steps, legend

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        of_kind = RELAY_COLUMNS if _relayed(self._steps) else COLUMNS
        columns = [each for each in of_kind if options.max_width >= each.least]
        several = len({each.target for each in self._steps}) > 1
        grid = _grid(["\ntarget"] * several, [*(column.head for column in columns), "\nverdict"])
        for each in self._steps:
            cells = [column.read(each) for column in columns]
            grid.add_row(*[each.target] * several, *cells, _verdict(each))
        yield grid
        yield from _reasons(self._steps, several)
        if self._legend:
            known = {c.head for c in columns if any(c.read(s) != NOTHING for s in self._steps)}
            said = [text for head, text in LEGEND if head in known]
            yield Text(" · ".join(said), style="dim")


def _relayed(steps: Sequence[Figures]) -> bool:
    return any(each.tokens is not None for each in steps)


def _grid(names: Sequence[str], numbers: Sequence[str]) -> Table:
    """Names to the left, numbers to the right, without lines."""
    grid = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for head in names:
        grid.add_column(head, overflow="fold")
    for head in numbers:
        grid.add_column(head, justify="right", no_wrap=True)
    return grid


def _verdict(each: Figures) -> Text:
    return Text(WORDS[each.verdict], style=STYLES[each.verdict])


def _reasons(steps: Iterable[Figures], several: bool) -> Iterator[Text]:
    """A line for each load that was not ok, in words: how often, and why at last."""
    loads: dict[tuple[str, int], list[Figures]] = {}
    for each in steps:
        loads.setdefault((each.target, each.calls), []).append(each)
    for (target, calls), windows in loads.items():
        bad = [each for each in windows if each.verdict != "ok"]
        if bad:
            who = f"{target}, " if several else ""
            often = f", {len(bad)} of {len(windows)} times, at last" if len(windows) > 1 else ""
            text = f"{who}{_calls(calls)}{often}: {bad[-1].why}"
            yield Text(text, style=STYLES[bad[-1].verdict])


# ---- a row for every target ---------------------------------------------------------------------

RATIOS = ("CPU\nratio", "p99\nratio", "memory\nratio")
ABSOLUTE = ("CPU us\n/frame", "ms\np50", "ms\np99", "jitter\np99 ms", "KiB\n/call", "\nverdict")
OF_RELAYS = {  # what these are there
    "CPU us\n/frame": "CPU us\n/token",
    "ms\np50": "first\np50 ms",
    "ms\np99": "first\np99 ms",
    "jitter\np99 ms": "token\np99 ms",
}
FIRST = ("CPU\nratio", "p99\nratio", "CPU us\n/frame", "ms\np99", "\nverdict")  # in little room


def ratios(steps: Sequence[Figures], base: str) -> RenderableType:
    """Targets side by side, cheapest first: how many times the `base` each takes, then how much.

    A ratio is between figures of one load; without a base at that load it is a dash."""
    return _Ratios(steps, base)


class _Ratios:
    """Knows its width only when it is printed."""

    def __init__(self, steps: Sequence[Figures], base: str) -> None:
        self._steps = sorted(steps, key=lambda each: (each.calls, _cost(each)))
        self._base = base

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        loads = sorted({each.calls for each in self._steps})
        bases = {each.calls: each for each in self._steps if each.target == self._base}
        several = ["\ncalls"] if len(loads) > 1 else []
        heads = (*RATIOS, *ABSOLUTE) if options.max_width >= MIDDLING else FIRST
        shown = [OF_RELAYS.get(head, head) if _relayed(self._steps) else head for head in heads]
        grid = _grid(["\ntarget"], [*several, *shown])
        for each in self._steps:
            cells = _beside(each, bases.get(each.calls))
            grid.add_row(
                Text(each.target, style="bold" if each.target == self._base else ""),
                *[str(each.calls)] * len(several),
                *(cells[head] for head in heads),
            )
        yield grid
        yield from _reasons(self._steps, several=True)
        at = f"at {loads[0]} calls, " if len(loads) == 1 else ""
        note = f"{at}as multiples of {self._base}; compare only within one run"
        yield Text(note, style="dim")


def _beside(each: Figures, base: Figures | None) -> dict[str, str | Text]:
    """The cells of a row by the heads of RATIOS and ABSOLUTE."""
    absolute = (
        number(each.cpu_us),
        _of(each.latency_ms, "p50"),
        _of(each.latency_ms, "p99"),
        _of(each.jitter_ms if each.tokens is None else each.token_ms, "p99"),
        number(each.kib_per_call),
        _verdict(each),
    )
    return dict(zip((*RATIOS, *ABSOLUTE), (*_compared(each, base), *absolute), strict=True))


def _cost(each: Figures) -> float:
    return float("inf") if each.cpu_us is None else each.cpu_us


def _compared(each: Figures, base: Figures | None) -> list[str]:
    """In the order of RATIOS."""
    if base is None:
        return [NOTHING] * len(RATIOS)
    return [
        ratio(each.cpu_us, base.cpu_us),
        ratio(
            each.latency_ms.p99 if each.latency_ms else None,
            base.latency_ms.p99 if base.latency_ms else None,
        ),
        ratio(each.kib_per_call, base.kib_per_call),
    ]


def ratio(value: float | None, base: float | None) -> str:
    """`2.3×`; a dash where there is nothing to compare, or what is below the noise."""
    if value is None or base is None or value <= 0 or base <= 0:
        return NOTHING
    return f"{number(value / base, 2)}×"


# ---- sentences ----------------------------------------------------------------------------------


def knee_lines(
    knee: Knee,
    steps: Sequence[Figures] = (),
    *,
    refused: Sequence[tuple[int, str]] = (),
    ours: bool = True,
) -> list[str]:
    """What a ramp found; for an endpoint that is a Callbridge also what to set.

    What the table of `steps` says already, or a line about what was `refused` (calls, why), is not
    said again."""
    said = [*refused, *((each.calls, each.why) for each in steps)]
    why = [] if knee.why in {f"at {n} calls: {text}" for n, text in said} else [_sentence(knee.why)]
    if knee.calls == 0:
        found = "No load held." if knee.is_limit else "What it carries is not known."
        return [" ".join([found, *why])]
    if knee.is_limit:
        lines = [f"It carries {_calls(knee.calls)}.", *why]
    else:
        lines = [f"It carries at least {_calls(knee.calls)}; its limit was not found.", *why]
    if knee.calls_per_core is not None:
        percent = 100 * knee.calls / knee.calls_per_core
        lines.append(
            f"There it used {percent:.0f} % of a core: by CPU alone a whole one would carry about "
            f"{number(knee.calls_per_core, 2)} (extrapolated, not measured)."
        )
    if ours:
        reserve = 100 * (knee.calls - knee.advice) / knee.calls
        lines.append(f"CALLBRIDGE_MAX_CALLS={knee.advice} leaves {reserve:.0f} % in reserve.")
    return lines


def _calls(number: int) -> str:
    return f"{number} {'call' if number == 1 else 'calls'}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def drift_lines(drift: Drift) -> list[str]:
    """What a soak showed: a sentence, then from where to where each quantity went."""
    return [
        drift.sentence,
        *_trend("memory", drift.rss_kib, "KiB", shown="MiB", per=1024),
        *_trend("p99 latency", drift.p99_ms, "ms"),
        *_trend("timer lag p99", drift.lag_p99_ms, "ms"),
    ]


def _trend(
    name: str, trend: Trend | None, unit: str, *, shown: str | None = None, per: float = 1.0
) -> list[str]:
    """A line, if there is something to tell; `per` of its units are one `shown`."""
    if trend is None:
        return []
    first, last = number(trend.first / per), number(trend.last / per)
    return [f"{name}: {first} → {last} {shown or unit}, {slope(trend, unit)}"]


def slope(trend: Trend, unit: str) -> str:
    """What a trend comes to. A rate is only that of a drift."""
    if trend.seen:
        return f"{signed(trend.per_minute)} {unit} a minute"
    return "no drift" if trend.still else "scatters too much to tell"


# ---- for programs -------------------------------------------------------------------------------


def as_json(
    scene: Scene,
    steps: Sequence[Figures],
    *,
    slo: Slo,
    knee: Knee | None = None,
    drift: Drift | None = None,
    broken_off: str = "",
) -> dict[str, Any]:
    """All of it as plain types; what was not asked for is left out, what is not known is None.

    `broken_off` says why it did not come to its end."""
    whole: dict[str, Any] = {"scene": scene, "slo": slo, "steps": list(steps)}
    rest = {"knee": knee, "drift": drift, "broken_off": broken_off}
    whole |= {name: value for name, value in rest.items() if value}
    plain: dict[str, Any] = msgspec.to_builtins(whole)
    return plain


# ---- while it runs ------------------------------------------------------------------------------

OTHER_LINES = 8  # of the live view, besides its rows


class BenchProgress:
    """How far it is: a view that changes on a terminal, elsewhere a line per finished step.

    A context manager. What it showed on a terminal is gone at its end, for the report to follow."""

    def __init__(self, console: Console, now: Callable[[], float] = monotonic) -> None:
        self._console, self._now = console, now
        self._steps: list[Figures] = []
        self._doing = "starting"
        self._since, self._seconds = now(), 0.0
        self._live: Live | None = None
        self._told: set[str] = set()

    def __enter__(self) -> "BenchProgress":
        if self._console.is_terminal:
            self._live = Live(
                console=self._console,
                get_renderable=self.view,
                refresh_per_second=REFRESHES,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def phase(self, target: str, calls: int, phase: str, seconds: float = 0.0) -> None:
        """What is done now, and how long it takes; 0 is not known."""
        self._doing = f"{target}, {_calls(calls)}: {phase}"
        self._since, self._seconds = self._now(), seconds

    def step(self, figures: Figures) -> None:
        """One more is measured."""
        self._steps.append(figures)
        if self._live is None:
            self._console.print(plain(figures), soft_wrap=True)

    def refused(self, target: str, calls: int, why: str) -> None:
        """The endpoint did not take so many calls. It has no row, so the words stay."""
        line = f"{target}, {_calls(calls)}: {why}"
        if line not in self._told:  # every load that fails is tried twice
            self._told.add(line)
            self._console.print(Text(line, style=STYLES["slo"]), soft_wrap=True)

    def view(self) -> RenderableType:
        """The rows so far, as many as there is room for, and what is done now."""
        rows = self._steps[-max(1, self._console.height - OTHER_LINES) :]
        done = ""
        if self._seconds:
            elapsed = min(self._now() - self._since, self._seconds)
            done = f" {elapsed:.0f}/{self._seconds:.0f} s"
        now = Text(f"{self._doing}{done}", style="dim")
        return Group(table(rows, legend=False), now) if rows else now


def plain(figures: Figures) -> Text:
    """A step in one line; the reasons of a verdict stand below the table that follows."""
    latency, relayed = figures.latency_ms, figures.tokens is not None
    parts = [
        f"p50 {_of(latency, 'p50')}, p99 {_of(latency, 'p99')}, worst {_of(latency, 'worst')} ms",
        f"token p99 {_of(figures.token_ms, 'p99')} ms"
        if relayed
        else f"jitter p99 {_of(figures.jitter_ms, 'p99')} ms",
        f"{number(figures.cpu_us)} us/{'token' if relayed else 'frame'}",
        f"{number(figures.cpu_percent)} % CPU",
        WORDS[figures.verdict],
    ]
    return Text(f"{figures.target}, {_calls(figures.calls)}: {'; '.join(parts)}")
