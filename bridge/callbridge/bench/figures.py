"""From the rows of a window to its figures, and to a verdict. Pure: arrays in, numbers out.

No verdict is passed on an endpoint when the generator was late and the endpoint had time left: then
nobody knows. An endpoint whose core is full delays the generator, too, and is at its own limit."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from math import isinf
from statistics import median
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from callbridge.bench.results import Figures, Slo, Spread, Use, Verdict, Window

Table = NDArray[np.float64]

QUANTILES = (50, 99, 99.9, 100)  # of a Spread, in its order
LATENESS_MS = 1.0  # p99; a generator that is later measures itself
GENERATOR_PERCENT = 80.0  # of a core; more, and its queue is part of the latency
FULL_PERCENT = 90.0  # of a core; an endpoint that uses more has no time left
CARRIER_S = 0.020  # a carrier plays on a clock of its own: so late is still in time
ROUNDING_S = 1e-9  # of float64 seconds: what is exactly 20 ms late is in time
SEVERITY: tuple[Verdict, ...] = ("ok", "generator-bound", "slo")


def measure(target: str, window: Window, use: Use | None, slo: Slo, began: float) -> Figures:
    """The figures of a window; `began` is the run's beginning, `use` the endpoint's if known.

    What there are no rows for is None. A window without any echo is not "ok"."""
    seconds = window.ended - window.began
    echoes, messages = _table(window.echoes, 3), _table(window.messages, 3)
    deviations_s, underruns = _arrivals(messages)
    late = _spread(_table(window.lateness, 1)[:, 0])
    figures = Figures(
        target=target,
        calls=window.calls,
        at_s=window.began - began,
        seconds=seconds,
        frames=window.sent,
        latency_ms=_spread(echoes[:, 2]),
        jitter_ms=_spread(deviations_s),
        underruns=underruns,
        lost=window.lost,
        foreign=window.foreign,
        dropped=window.dropped,
        cpu_us_per_frame=_cpu_us(use, window.sent) if window.tokens is None else None,
        cpu_percent=100 * use.cpu_s / seconds if use and seconds > 0 else None,
        rss_mib=use.rss_mib if use else None,
        kib_per_call=_kib_per_call(use, window.calls) if use else None,
        lag_p99_ms=_bucket_ms(use.lag, 0.99) if use and use.lag else None,
        lateness_p99_ms=late.p99 if late else 0.0,
        # What it spins is taken off, and so the rest of an idle one wavers around 0.
        generator_percent=max(0.0, 100 * window.cpu_s / seconds) if seconds > 0 else 0.0,
        verdict="ok",
    )
    if window.tokens is not None:
        figures = _with_tokens(figures, _table(window.tokens, 1)[:, 0], use)
    verdict, why = _judge(figures, len(messages), slo)
    return msgspec.structs.replace(figures, verdict=verdict, why=why)


def _with_tokens(figures: Figures, seconds: Table, use: Use | None) -> Figures:
    """Of a relay. `seconds` (n,): how old each token was when it came."""
    return msgspec.structs.replace(
        figures,
        tokens=len(seconds),
        token_ms=_spread(seconds),
        cpu_us_per_token=_cpu_us(use, len(seconds)),
    )


def _cpu_us(use: Use | None, each_of: int) -> float | None:
    return 1e6 * use.cpu_s / each_of if use and each_of else None


def _table(rows: bytes, columns: int) -> Table:
    return np.frombuffer(rows, np.float64).reshape(-1, columns)


def _spread(seconds: Table) -> Spread | None:
    """Milliseconds, between two rows in proportion; None without rows."""
    if not len(seconds):
        return None
    return Spread(*(1000 * np.percentile(seconds, QUANTILES)).tolist())


# ---- arrivals -----------------------------------------------------------------------------------


def _arrivals(messages: Table) -> tuple[Table, int]:
    """(deviation of every message in seconds, underruns), over all calls; (n, 3) as in `Window`.

    The rows of different calls may be mixed in any way; those of one call are in their order."""
    if not len(messages):
        return np.empty(0), 0
    rows = messages[np.argsort(messages[:, 0], kind="stable")]
    begins = np.flatnonzero(np.diff(rows[:, 0], prepend=np.nan))  # nan: the first row begins one
    of_calls = [_of_call(rows[a:b]) for a, b in pairwise([*begins.tolist(), len(rows)])]
    return np.concatenate([each for each, _ in of_calls]), sum(runs for _, runs in of_calls)


def _of_call(rows: Table) -> tuple[Table, int]:
    """The same for one call.

    A message's delay is its arrival less the audio before it: constant, were all on a grid. How far
    it is from the call's median is jitter, which does not mind messages of 20, 40 or 100 ms. A
    carrier that plays on is done with what it has when the largest delay so far says so: a message
    whose own is larger by more than CARRIER_S comes too late, and moves that end."""
    delays = rows[:, 1] - (np.cumsum(rows[:, 2]) - rows[:, 2])
    until = np.maximum.accumulate(delays)[:-1]
    underruns = np.count_nonzero(delays[1:] - until > CARRIER_S + ROUNDING_S)
    return np.abs(delays - np.median(delays)), int(underruns)


# ---- the endpoint -------------------------------------------------------------------------------


def _kib_per_call(use: Use, calls: int) -> float | None:
    """Can be below 0 where calls take less than memory wavers by itself."""
    return 1024 * (use.rss_mib - use.idle_rss_mib) / calls if calls else None


def _bucket_ms(counts: dict[float, int], quantile: float) -> float | None:
    """The upper bound of the bucket that holds the quantile, in milliseconds.

    `counts` are each bucket's own, not cumulative, by upper bounds in seconds. For the open bucket
    it is the highest bound that there is: at least so late."""
    total, seen = sum(counts.values()), 0
    known = 0.0
    for bound, count in sorted(counts.items()):
        known = known if isinf(bound) else bound
        seen += count
        if count and seen >= quantile * total:
            return 1000 * known
    return None


# ---- the verdict --------------------------------------------------------------------------------


def _judge(figures: Figures, messages: int, slo: Slo) -> tuple[Verdict, str]:
    """A full endpoint first: a late generator is then its doing. Otherwise the generator: what that
    did not manage says nothing about the endpoint."""
    theirs = list(_endpoint_faults(figures, messages, slo))
    ours = list(_generator_faults(figures))
    if theirs and ours and figures.cpu_percent is None:
        ours.append("the endpoint's own CPU is not known, so it may be its limit")
    full = figures.cpu_percent is not None and figures.cpu_percent >= FULL_PERCENT
    if theirs and full:
        theirs.append(f"the endpoint used {figures.cpu_percent:.0f} % of a core")
    if ours and not (theirs and full):
        return "generator-bound", "; ".join(ours)
    return ("slo", "; ".join(theirs)) if theirs else ("ok", "")


def _generator_faults(figures: Figures) -> Iterable[str]:
    if figures.lateness_p99_ms > LATENESS_MS:
        late = f"{figures.lateness_p99_ms:.4g} ms (p99), above {LATENESS_MS:g} ms"
        yield f"the generator's own frames left late by {late}"
    if figures.generator_percent > GENERATOR_PERCENT:
        used = f"{figures.generator_percent:.0f} % of a core, above {GENERATOR_PERCENT:.0f} %"
        yield f"the generator used {used}"


def _endpoint_faults(figures: Figures, messages: int, slo: Slo) -> Iterable[str]:
    if not slo.echo:
        if figures.jitter_ms is None:
            yield "no audio at all"
        elif figures.jitter_ms.p99 > slo.p99_ms:
            yield f"jitter p99 {figures.jitter_ms.p99:.4g} ms, above {slo.p99_ms:g} ms"
    elif figures.latency_ms is None:
        yield "no echo at all" if figures.tokens is None else "no answer at all"
    elif figures.latency_ms.p99 > slo.p99_ms:
        yield f"p99 {figures.latency_ms.p99:.4g} ms, above {slo.p99_ms:g} ms"
    if figures.lost > slo.lost_share * figures.frames:
        shares = _shares(figures.lost, figures.frames, slo.lost_share)
        noun = "frame" if figures.tokens is None else "answer"
        yield f"{_count(figures.lost, noun)} lost, {shares}"
    if figures.underruns > slo.underrun_share * messages:
        shares = _shares(figures.underruns, messages, slo.underrun_share)
        yield f"{_count(figures.underruns, 'underrun')}, {shares}"
    if figures.dropped:
        yield f"{_count(figures.dropped, 'call')} dropped"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _shares(count: int, of: int, allowed: float) -> str:
    share = f"{100 * count / of:.3g} %, " if of else ""
    return f"{share}above {100 * allowed:g} %"


# ---- rounds -------------------------------------------------------------------------------------

COUNTS = ("frames", "tokens", "underruns", "lost", "foreign", "dropped", "seconds")


def merge(rounds: list[Figures]) -> Figures:
    """Several windows of one target at one load as one: medians, counts summed, what was worst.

    A round that was not ok is told as one of several: its figures are not those of the median.
    Raises ValueError without rounds, or when they are not of one target."""
    if len({each.target for each in rounds}) != 1:
        raise ValueError(f"not rounds of one target: {[each.target for each in rounds]}")
    worst = max(rounds, key=lambda each: SEVERITY.index(each.verdict))
    bad = sum(each.verdict != "ok" for each in rounds)
    of_rounds = f"in {bad} of {len(rounds)} rounds: " if bad and len(rounds) > 1 else ""
    summed = {name: _sum([getattr(each, name) for each in rounds]) for name in COUNTS}
    middle = {
        name: _middle([getattr(each, name) for each in rounds])
        for name in Figures.__struct_fields__
        if name not in (*COUNTS, "target", "calls", "at_s", "verdict", "why")
    }
    return msgspec.structs.replace(
        worst,
        calls=round(median(each.calls for each in rounds)),
        at_s=min(each.at_s for each in rounds),
        why=f"{of_rounds}{worst.why}",
        **summed,
        **middle,
    )


def _sum(values: list[Any]) -> Any:
    """None for what no round has."""
    return None if None in values else sum(values)


def _middle(values: list[Any]) -> Any:
    """The median of numbers, or of each quantile, and the worst of all; of rounds that know it."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    if isinstance(known[0], Spread):
        middle = Spread(*map(median, zip(*map(_quantiles, known), strict=True)))
        return msgspec.structs.replace(middle, worst=max(each.worst for each in known))
    return median(known)


_quantiles: Callable[[Spread], tuple[float, ...]] = msgspec.structs.astuple
