from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.bench.figures import measure
from callbridge.bench.ramp import Drift, Ramp, drift, grain
from callbridge.bench.results import Figures, Knee, Slo, Spread, Use, Window

from .steps import LATE, SLOW, late, slow, step


def endpoint(carries: int, generator: int = 10**9) -> Callable[[int], Figures]:
    """Holds up to so many calls, and can be measured up to so many."""

    def measure(calls: int) -> Figures:
        if calls > generator:
            return late(calls)
        return slow(calls) if calls > carries else step(calls, cpu_percent=80 * calls / carries)

    return measure


def climb(ramp: Ramp, measure: Callable[[int], Figures]) -> list[int]:
    """To its end; the loads that it tried."""
    tried: list[int] = []
    while (calls := ramp.next()) is not None:
        tried.append(calls)
        ramp.took(measure(calls))
        assert len(tried) < 60, "it does not end"
    return tried


def test_it_grows_then_repeats_then_halves() -> None:
    ramp = Ramp(100, 2000)
    assert climb(ramp, endpoint(430)) == [100, 150, 220, 330, 500, 500, 420, 460, 460]
    assert ramp.knee() == Knee(
        calls=420, calls_per_core=537.5, is_limit=True, advice=290, why=f"at 460 calls: {SLOW}"
    )


@given(carries=st.integers(10, 5000), first=st.integers(1, 10), growth=st.floats(1.2, 2.0))
def test_the_knee_is_within_a_tenth(carries: int, first: int, growth: float) -> None:
    ramp = Ramp(first, 10_000, growth)
    climb(ramp, endpoint(carries))
    knee = ramp.knee()
    assert knee.is_limit
    assert knee.calls <= carries
    assert carries - knee.calls <= max(0.13 * knee.calls, grain(carries))
    assert 10 * knee.advice <= 7 * knee.calls


@given(carries=st.integers(10, 2000), hiccup=st.integers(0, 30))
def test_one_hiccup_changes_nothing(carries: int, hiccup: int) -> None:
    steady, shaken = Ramp(10, 3000), Ramp(10, 3000)
    climb(steady, endpoint(carries))
    taken = 0

    def once(calls: int) -> Figures:
        nonlocal taken
        taken += 1
        return endpoint(0 if taken == hiccup else carries)(calls)

    climb(shaken, once)
    assert shaken.knee() == steady.knee()


def test_two_failures_at_one_load_are_no_hiccup() -> None:
    ramp = Ramp(100, 100)
    for _ in range(2):
        assert ramp.next() == 100
        ramp.took(slow(100))
    assert ramp.next() == 50


def test_where_the_generator_ends_is_no_limit() -> None:
    ramp = Ramp(100, 2000)
    tried = climb(ramp, endpoint(carries=5000, generator=400))
    knee = ramp.knee()
    assert max(tried) == 500
    assert (knee.is_limit, knee.calls, knee.calls_per_core) == (False, 400, None)
    assert knee.why == f"at 420 calls: {LATE}"


def full(calls: int) -> Figures:
    """An endpoint whose core is full from 650 calls on, which delays the generator, too."""
    broken = calls >= 650
    return measure(
        "callbridge",
        Window(
            calls=calls,
            began=0.0,
            ended=10.0,
            sent=500 * calls,
            lateness=np.full(100, 0.0016 if broken else 0.0002).tobytes(),
            echoes=np.array([(0.0, 0.0, 0.180 if broken else 0.004)]).tobytes(),
        ),
        Use(cpu_s=min(9.8, calls / 65), rss_mib=90.0, idle_rss_mib=80.0),
        Slo(),
        0.0,
    )


def test_an_endpoint_whose_core_is_full_has_found_its_limit() -> None:
    ramp = Ramp(400, 2000)
    climb(ramp, full)
    knee = ramp.knee()
    assert (knee.is_limit, knee.calls) == (True, 600)
    assert knee.why == ("at 650 calls: p99 180 ms, above 20 ms; the endpoint used 98 % of a core")


def test_a_limit_below_the_generators_end_is_found() -> None:
    ramp = Ramp(100, 2000)
    climb(ramp, endpoint(carries=370, generator=450))
    knee = ramp.knee()
    assert knee.is_limit
    assert knee.calls == pytest.approx(370, rel=0.1)


def test_an_endpoint_that_carries_all() -> None:
    ramp = Ramp(100, 300)
    assert climb(ramp, endpoint(1000)) == [100, 150, 220, 300]
    knee = ramp.knee()
    assert (knee.calls, knee.is_limit, knee.advice) == (300, False, 210)
    assert knee.why == "no more calls than these were asked for"


def test_an_endpoint_that_carries_nothing() -> None:
    ramp = Ramp(100, 300)
    tried = climb(ramp, endpoint(0))
    assert tried == [100, 100, 50, 50, 25, 25, 12, 12, 6, 6]
    knee = ramp.knee()
    assert (knee.calls, knee.calls_per_core, knee.is_limit, knee.advice) == (0, None, True, 0)


def test_an_endpoint_that_carries_one_call() -> None:
    ramp = Ramp(1, 10)
    climb(ramp, endpoint(1))
    knee = ramp.knee()
    assert (knee.calls, knee.is_limit, knee.advice) == (1, True, 1)


def test_an_endpoint_that_takes_no_more_calls() -> None:
    ramp = Ramp(10, 10)
    for _ in range(2):
        ramp.refused("the endpoint answers 503")
    assert ramp.next() == 5
    ramp.took(step(5))
    for calls in (8, 8, 6, 6):
        assert ramp.next() == calls
        ramp.refused("the endpoint answers 503")
    assert ramp.next() is None
    assert (ramp.knee().calls, ramp.knee().is_limit) == (5, True)
    assert ramp.knee().why == "at 6 calls: the endpoint answers 503"


def test_calls_that_are_gone_did_not_hold() -> None:
    ramp = Ramp(10, 10)
    ramp.took(step(8))
    assert ramp.next() == 10
    ramp.took(step(8))
    assert ramp.next() == 5
    ramp.took(step(5))
    assert ramp.knee().calls == 5


def test_without_cpu_there_is_no_guess_at_a_core() -> None:
    ramp = Ramp(10, 20)
    climb(ramp, lambda calls: (step if calls <= 10 else slow)(calls, cpu_percent=None))
    assert (ramp.knee().is_limit, ramp.knee().calls_per_core) == (True, None)


def test_a_ramp_that_is_broken_off_claims_no_limit() -> None:
    ramp = Ramp(10, 1000)
    assert ramp.knee().calls == 0
    ramp.took(step(10))
    knee = ramp.knee()
    assert (knee.calls, knee.is_limit) == (10, False)
    assert knee.why == "the ramp did not come to its end"


def test_after_its_end_there_is_nothing_to_take() -> None:
    ramp = Ramp(10, 10)
    ramp.took(step(10))
    with pytest.raises(ValueError, match="over"):
        ramp.took(step(10))
    with pytest.raises(ValueError, match="over"):
        ramp.refused("no")


@pytest.mark.parametrize(("first", "most", "growth"), [(0, 10, 2.0), (11, 10, 2.0), (1, 10, 1.0)])
def test_ramps_that_lead_nowhere(first: int, most: int, growth: float) -> None:
    with pytest.raises(ValueError, match="no ramp"):
        Ramp(first, most, growth)


# ---- drift --------------------------------------------------------------------------------------


def soak(
    windows: int,
    rss_mib: Callable[[float], float] | None = None,
    p99_ms: Callable[[float], float] | None = None,
) -> Drift:
    """A window a minute, each quantity as a function of the minute."""
    found: list[Figures] = []
    for minute in range(windows):
        p99 = p99_ms(minute) if p99_ms else None
        found.append(
            step(
                100,
                at_s=60.0 * minute,
                seconds=60.0,
                rss_mib=rss_mib(minute) if rss_mib else None,
                latency_ms=Spread(p99 / 2, p99, p99, p99) if p99 is not None else None,
                lag_p99_ms=None,
            )
        )
    return drift(found)


def test_a_leak_is_measured() -> None:
    found = soak(40, rss_mib=lambda minute: 80 + minute / 8)
    assert found.rss_kib is not None
    assert found.rss_kib.per_minute == pytest.approx(128)
    assert found.rss_kib.first == pytest.approx(1024 * (80 + (4 + 8 / 2) / 8), rel=0.001)
    assert found.rss_kib.last == pytest.approx(1024 * (80 + (39 - 8 / 2) / 8), rel=0.001)
    assert found.minutes == pytest.approx(36)
    assert found.sentence == "In 36 minutes: memory grew by 128 KiB a minute."


def test_warming_up_is_no_leak() -> None:
    found = soak(40, rss_mib=lambda minute: 80 + min(minute, 4) + minute % 2 / 100)
    assert found.rss_kib is not None
    assert not found.rss_kib.seen


def test_what_only_scatters_does_not_drift() -> None:
    found = soak(60, lambda minute: 80 + minute % 7 / 10, lambda minute: 1 + minute * 37 % 11 / 10)
    assert found.sentence == "In 54 minutes: no drift of memory and p99 latency."


def test_a_latency_that_falls_is_told_as_such() -> None:
    found = soak(20, lambda _: 80.0, lambda minute: 9 - minute / 4)
    assert found.p99_ms is not None
    assert found.p99_ms.per_minute == pytest.approx(-0.25)
    assert found.sentence == (
        "In 18 minutes: p99 latency fell by 0.25 ms a minute, no drift of memory."
    )


def test_a_latency_from_3_to_15_ms_among_windows_that_scatter_is_not_called_no_drift() -> None:
    found = soak(
        40, lambda _: 80.0, lambda minute: 60.0 if minute in (8, 9) else 3 + minute // 28 * 12
    )
    trend = found.p99_ms
    assert trend is not None
    assert (trend.first, trend.last) == (3.0, 15.0)
    assert not trend.seen
    assert not trend.still
    assert found.sentence == (
        "In 36 minutes: no drift of memory, p99 latency scattered too much to tell."
    )


@pytest.mark.parametrize("windows", [0, 1, 2, 4])
def test_a_soak_that_is_too_short(windows: int) -> None:
    found = soak(windows, lambda _: 80.0)
    assert (found.rss_kib, found.sentence) == (None, "Too short to see a drift.")
