"""How many calls an endpoint carries: which loads to try, and where the knee is. Pure.

And drift: what a load that does not change does to an endpoint over time."""

import math
from collections.abc import Callable
from statistics import median

import msgspec
import numpy as np

from callbridge.bench.results import Figures, Knee

NEAR = 0.1  # of the highest load that held: the lowest that did not need not be closer
HALVINGS = 4  # at most, between the two
ADVICE_TENTHS = 7  # of the knee: real calls come in waves, and machines have neighbours


def grain(calls: float) -> int:
    """Loads are tried in steps that people read: 12, 35, 130, 450, 1650."""
    for below, step in ((20, 1), (100, 5), (500, 10), (5000, 50)):
        if calls < below:
            return step
    return 500


class Ramp:
    """Grows until a load does not hold twice, then halves the gap that is left.

    `next()` says what to try; `took` or `refused` says what became of it, until `next()` is None.
    A load that fails is tried once more, and that is what counts: machines have hiccups. One that
    the generator cannot make bounds the search as well, but is no limit of the endpoint."""

    def __init__(self, first: int, most: int, growth: float = 1.5) -> None:
        if not 1 <= first <= most or growth <= 1.0:
            raise ValueError(f"no ramp from {first} to {most} calls, times {growth:g} each")
        self._most, self._growth = most, growth
        self._next: int | None = first
        self._again = False
        self._halvings = 0
        self._held: Figures | None = None  # at the highest load that held, which is ...
        self._low = 0
        self._high: int | None = None  # the lowest that did not, and ...
        self._why = ""
        self._by_generator = False

    def next(self) -> int | None:
        """The load to try; None when the knee is known."""
        return self._next

    def took(self, figures: Figures) -> None:
        """What was measured at `next()` calls. Raises ValueError when the ramp is over.

        Fewer calls than were asked for is a failure, however well these went."""
        load = self._load()
        if figures.verdict != "ok":
            self._failed(figures.why, by_generator=figures.verdict == "generator-bound")
        elif figures.calls < load:
            self._failed(f"{load - figures.calls} calls were gone before they were measured")
        else:
            self._held, self._low, self._again = figures, load, False
            self._plan()

    def refused(self, why: str) -> None:
        """The endpoint did not take `next()` calls. Raises ValueError when the ramp is over."""
        self._load()
        self._failed(why)

    def _load(self) -> int:
        if self._next is None:
            raise ValueError("the ramp is over")
        return self._next

    def _failed(self, why: str, *, by_generator: bool = False) -> None:
        if not self._again:
            self._again = True
            return
        self._high, self._why, self._by_generator = self._next, why, by_generator
        self._again = False
        self._plan()

    def _plan(self) -> None:
        low, high = self._low, self._high
        if high is None:
            self._next = self._more(low) if low < self._most else None
            return
        middle = _read(0.5 * (low + high))
        if high - low <= NEAR * low or self._halvings == HALVINGS or not low < middle < high:
            self._next = None
            return
        self._halvings += 1
        self._next = middle

    def _more(self, low: int) -> int:
        return min(self._most, max(_read(low * self._growth), low + grain(low)))

    def knee(self) -> Knee:
        """The highest load that held, and what came next. Can be asked before the end.

        `calls_per_core` is an extrapolation: what the CPU used there would come to on a whole core.
        It is None unless the endpoint's limit was found, as nobody has seen it carry more."""
        by_endpoint = self._high is not None and not self._by_generator
        is_limit = self._next is None and by_endpoint
        return Knee(
            calls=self._low,
            calls_per_core=_per_core(self._held) if is_limit else None,
            is_limit=is_limit,
            advice=_advice(self._low),
            why=self._what_came_next(),
        )

    def _what_came_next(self) -> str:
        if self._next is not None:
            return "the ramp did not come to its end"
        if self._high is None:
            return "no more calls than these were asked for"
        return f"at {self._high} calls: {self._why}"


def _read(calls: float) -> int:
    step = grain(calls)
    return step * round(calls / step)


def _per_core(held: Figures | None) -> float | None:
    return 100 * held.calls / held.cpu_percent if held and held.cpu_percent else None


def _advice(knee: int) -> int:
    """70 % of the knee, rounded down to what people read; 0 if nothing held, else at least 1."""
    calls = ADVICE_TENTHS * knee // 10
    return max(calls // grain(calls) * grain(calls), min(knee, 1))


# ---- drift --------------------------------------------------------------------------------------

WARMING = 0.1  # share of a soak that is left out
ENDS = 0.25  # share of the rest whose median is its beginning, or its end
LEAST = 4  # windows; two points always make a line
ERRORS = 4.0  # standard errors: windows scatter, and neighbours resemble each other
SPOKEN_OF = 0.001  # of what there was at first; less is nothing to speak of
LEVEL_OF = 0.2  # of what there was at first: ends that are farther apart are not on one level


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity over a soak. `first` and `last` are medians of its ends."""

    first: float
    last: float
    per_minute: float  # least squares
    change: float  # of that line, from its beginning to its end
    error: float  # the standard error of `change`

    @property
    def seen(self) -> bool:
        """Whether the change stands out from how the windows scatter about the line."""
        return abs(self.change) > max(ERRORS * self.error, SPOKEN_OF * abs(self.first))

    @property
    def still(self) -> bool:
        """Whether it stayed where it was. Ends far apart among windows that scatter are neither
        seen nor still: nobody knows."""
        return not self.seen and abs(self.last - self.first) <= LEVEL_OF * abs(self.first)


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """What went up or down at a steady load. What was not measured is None."""

    minutes: float  # that were looked at
    rss_kib: Trend | None
    p99_ms: Trend | None
    lag_p99_ms: Trend | None
    sentence: str


def drift(windows: list[Figures]) -> Drift:
    """Trends over the windows of a soak, in their order, after its first tenth."""
    rest = windows[math.ceil(WARMING * len(windows)) :]
    rss = _trend(rest, lambda w: None if w.rss_mib is None else 1024 * w.rss_mib)
    p99 = _trend(rest, lambda w: None if w.latency_ms is None else w.latency_ms.p99)
    lag = _trend(rest, lambda w: w.lag_p99_ms)
    minutes = (rest[-1].at_s + rest[-1].seconds - rest[0].at_s) / 60 if rest else 0.0
    return Drift(
        minutes=minutes,
        rss_kib=rss,
        p99_ms=p99,
        lag_p99_ms=lag,
        sentence=_sentence(minutes, rss, p99, lag),
    )


def _trend(windows: list[Figures], read: Callable[[Figures], float | None]) -> Trend | None:
    known = [(each.at_s / 60, value) for each in windows if (value := read(each)) is not None]
    if len(known) < LEAST or known[-1][0] <= known[0][0]:
        return None
    at, values = np.array(known).T
    since = at - at.mean()
    slope = float(since @ values / (since @ since))
    minutes = float(at[-1] - at[0])
    scatter = np.linalg.norm(values - values.mean() - slope * since) / math.sqrt(len(known) - 2)
    ends = max(1, round(ENDS * len(known)))
    return Trend(
        first=median(values[:ends].tolist()),
        last=median(values[-ends:].tolist()),
        per_minute=slope,
        change=slope * minutes,
        error=float(scatter / np.linalg.norm(since)) * minutes,
    )


def _sentence(minutes: float, rss: Trend | None, p99: Trend | None, lag: Trend | None) -> str:
    trends = {"memory": rss, "p99 latency": p99, "timer lag": lag}
    known = {name: trend for name, trend in trends.items() if trend is not None}
    if not known:
        return "Too short to see a drift."
    moved = [f"{name} {_moved(name, trend)}" for name, trend in known.items() if trend.seen]
    still = [name for name, trend in known.items() if trend.still]
    unclear = [name for name, trend in known.items() if not (trend.seen or trend.still)]
    said = [*moved, *([f"no drift of {' and '.join(still)}"] if still else [])]
    said += [f"{' and '.join(unclear)} scattered too much to tell"] if unclear else []
    return f"In {minutes:.3g} minutes: {', '.join(said)}."


def _moved(name: str, trend: Trend) -> str:
    verb = "grew" if trend.change > 0 else "fell"
    unit = "KiB" if name == "memory" else "ms"
    return f"{verb} by {abs(trend.per_minute):.3g} {unit} a minute"
