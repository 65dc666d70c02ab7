from itertools import accumulate, chain, pairwise, zip_longest
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.bench.figures import measure, merge
from callbridge.bench.results import Figures, Slo, Spread, Use, Window

BEGAN = 5000.0  # of the window, on the monotonic clock
RUN_BEGAN = 4990.0
Message = tuple[float, float, float]  # call, arrival, duration


def rows(table: list[Any]) -> bytes:
    return np.array(table, np.float64).tobytes()


def stream(late: list[float], ms: float = 20.0, call: int = 0) -> list[Message]:
    """Messages of one call on their grid, each so many ms late."""
    return [
        (call, BEGAN + (number * ms + each) / 1000, ms / 1000) for number, each in enumerate(late)
    ]


def window(**known: Any) -> Window:
    plain: dict[str, Any] = {"calls": 1, "began": BEGAN, "ended": BEGAN + 10.0, "sent": 500,
             "echoes": rows([(0, 0, 0.001)]), "lateness": rows([0.0001])}  # fmt: skip
    return Window(**(plain | known))


def figures(use: Use | None = None, slo: Slo | None = None, **known: Any) -> Figures:
    return measure("here", window(**known), use, slo or Slo(), RUN_BEGAN)


def of(messages: list[Message]) -> Figures:
    return figures(slo=Slo(underrun_share=1.0), messages=rows(messages))


def ms(spread: Spread | None) -> tuple[float, ...]:
    assert spread is not None
    return msgspec.structs.astuple(spread)


# ---- latency ------------------------------------------------------------------------------------


def test_latency_is_the_third_column_in_milliseconds() -> None:
    echoes = rows([(call, number, (call + 1) / 1000) for call in range(101) for number in (0, 1)])
    found = figures(echoes=echoes, slo=Slo(p99_ms=200)).latency_ms
    assert ms(found) == pytest.approx((51.0, 100.0, 101.0, 101.0), abs=0.2)


def test_between_two_rows_a_quantile_is_in_proportion() -> None:
    found = figures(echoes=rows([(0, 0, 0.001), (0, 1, 0.002)])).latency_ms
    assert ms(found) == pytest.approx((1.5, 1.99, 1.999, 2.0))


@given(st.lists(st.floats(0, 10), min_size=1))
def test_quantiles_ascend(latencies: list[float]) -> None:
    found = ms(figures(echoes=rows([(0, 0, each) for each in latencies])).latency_ms)
    assert all(low <= high + 1e-9 for low, high in pairwise(found))


# ---- jitter and underruns -----------------------------------------------------------------------


def test_messages_on_their_grid_have_no_jitter_whatever_they_hold() -> None:
    for message_ms in (20, 40, 100):
        found = of(stream([3.0] * 50, message_ms))
        assert ms(found.jitter_ms) == pytest.approx((0, 0, 0, 0), abs=1e-6)
        assert found.underruns == 0


def test_messages_of_mixed_lengths_on_their_grid_have_no_jitter() -> None:
    durations = [0.02, 0.1, 0.04] * 20
    begins = [BEGAN + before for before in accumulate(durations, initial=0.0)]
    found = of([(0, at, each) for at, each in zip(begins, durations, strict=False)])
    assert ms(found.jitter_ms) == pytest.approx((0, 0, 0, 0), abs=1e-6)
    assert found.underruns == 0


def test_one_late_message_is_the_worst_and_no_more() -> None:
    found = of(stream([0.0] * 10 + [7.0] + [0.0] * 90))
    assert ms(found.jitter_ms) == pytest.approx((0, 0, 6.3, 7.0), abs=1e-6)
    assert found.underruns == 0


def test_an_early_message_is_as_far_from_the_grid() -> None:
    assert ms(of(stream([4.0, 4.0, 0.0, 4.0, 4.0])).jitter_ms)[3] == pytest.approx(4.0)


def test_a_call_that_is_late_throughout_has_no_jitter() -> None:
    """Each call has a grid of its own."""
    found = of(stream([0.0] * 20, call=0) + stream([13.0] * 20, call=1))
    assert ms(found.jitter_ms) == pytest.approx((0, 0, 0, 0), abs=1e-6)


@pytest.mark.parametrize(("late_ms", "underruns"), [(19.9, 0), (20.0, 0), (20.1, 1)])
def test_a_carrier_runs_dry_for_what_is_more_than_20_ms_late(
    late_ms: float, underruns: int
) -> None:
    assert of(stream([0.0, 0.0, late_ms, 0.0, 0.0])).underruns == underruns


def test_after_a_stall_the_carrier_is_behind_and_runs_dry_only_once() -> None:
    assert of(stream([0.0] * 5 + [50.0] * 5)).underruns == 1
    assert of(stream([0.0] * 5 + [50.0, 45.0, 69.0, 40.0])).underruns == 1
    assert of(stream([0.0] * 5 + [50.0, 45.0, 71.0, 40.0])).underruns == 2


def test_a_long_message_covers_a_pause() -> None:
    """100 ms at once, then nothing for 115: in time. After 125 it is not."""
    start = [(0.0, BEGAN, 0.1)]
    assert of([*start, (0.0, BEGAN + 0.115, 0.02)]).underruns == 0
    assert of([*start, (0.0, BEGAN + 0.125, 0.02)]).underruns == 1


def test_the_last_message_of_one_call_does_not_excuse_the_next_call() -> None:
    found = of(stream([0.0, 90.0], call=0) + stream([0.0, 50.0], call=1))
    assert found.underruns == 2


LATE = st.lists(st.integers(0, 60), min_size=1, max_size=12)


@given(st.lists(LATE, min_size=1, max_size=5))
def test_it_does_not_matter_how_the_rows_of_calls_are_mixed(calls: list[list[int]]) -> None:
    streams = [stream([*map(float, late)], call=number) for number, late in enumerate(calls)]
    one_by_one = of([*chain(*streams)])
    in_turns = [row for turn in zip_longest(*reversed(streams)) for row in turn if row is not None]
    assert of(in_turns) == one_by_one


@given(LATE)
def test_underruns_are_those_of_a_carrier_that_plays(late: list[int]) -> None:
    messages = stream([*map(float, late)])
    plays_until, underruns = messages[0][1], 0
    for _, arrival, duration in messages:
        underruns += arrival > plays_until + 0.020 + 1e-7
        plays_until = max(plays_until, arrival) + duration
    assert of(messages).underruns == underruns


# ---- the endpoint and the generator -------------------------------------------------------------


def test_what_the_endpoint_used() -> None:
    lag = {0.001: 98, 0.0005: 0, 0.005: 1, 0.01: 1}
    use = Use(cpu_s=4.0, rss_mib=90.0, idle_rss_mib=80.0, lag=lag)
    found = figures(use, calls=400, sent=200_000)
    assert found.cpu_us_per_frame == pytest.approx(20.0)
    assert found.cpu_percent == pytest.approx(40.0)
    assert found.kib_per_call == pytest.approx(25.6)
    assert found.rss_mib == 90.0
    assert found.lag_p99_ms == pytest.approx(5.0)
    assert (found.at_s, found.seconds) == (10.0, 10.0)


def test_a_lag_beyond_all_bounds_is_at_least_the_highest() -> None:
    use = Use(cpu_s=1.0, rss_mib=1.0, idle_rss_mib=1.0, lag={0.1: 1, float("inf"): 9})
    assert figures(use).lag_p99_ms == pytest.approx(100.0)


@pytest.mark.parametrize("lag", [None, {}, {0.001: 0, float("inf"): 0}])
def test_a_lag_of_no_timers_is_not_known(lag: dict[float, int] | None) -> None:
    use = Use(cpu_s=1.0, rss_mib=1.0, idle_rss_mib=1.0, lag=lag)
    assert figures(use).lag_p99_ms is None


def test_what_the_generator_used() -> None:
    found = figures(cpu_s=3.0, lateness=rows([0.0002] * 99 + [0.0004]))
    assert found.generator_percent == pytest.approx(30.0)
    assert found.lateness_p99_ms == pytest.approx(0.202)


def test_nothing_at_all_is_no_crash() -> None:
    found = measure("x", Window(calls=0, began=1.0, ended=1.0, sent=0), None, Slo(), 1.0)
    assert (found.latency_ms, found.jitter_ms, found.cpu_percent) == (None, None, None)
    assert (found.underruns, found.lateness_p99_ms, found.why) == (0, 0.0, "no echo at all")
    use = Use(cpu_s=0.0, rss_mib=1.0, idle_rss_mib=1.0)
    found = measure("x", Window(calls=0, began=1.0, ended=1.0, sent=0), use, Slo(), 1.0)
    assert (found.cpu_us_per_frame, found.cpu_percent, found.kib_per_call) == (None, None, None)


def test_one_message_is_on_its_grid() -> None:
    found = of(stream([5.0]))
    assert (ms(found.jitter_ms), found.underruns) == ((0, 0, 0, 0), 0)


# ---- the verdict --------------------------------------------------------------------------------


def test_what_holds_is_ok() -> None:
    found = figures(messages=rows(stream([0.0] * 500)), sent=1000, lost=1)
    assert (found.verdict, found.why) == ("ok", "")


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({"echoes": rows([(0, 0, 0.0312)])}, "p99 31.2 ms, above 20 ms"),
        ({"echoes": b""}, "no echo at all"),
        ({"lost": 3, "sent": 1000}, "3 frames lost, 0.3 %, above 0.1 %"),
        ({"dropped": 1}, "1 call dropped"),
        ({"dropped": 2}, "2 calls dropped"),
        (
            {"messages": rows(stream([0.0] * 5 + [50.0] * 45))},
            "1 underrun, 2 %, above 0.1 %",
        ),
        (
            {"dropped": 2, "lost": 500, "echoes": b""},
            "no echo at all; 500 frames lost, 100 %, above 0.1 %; 2 calls dropped",
        ),
    ],
)
def test_what_does_not_hold_is_said_with_numbers(known: dict[str, Any], why: str) -> None:
    found = figures(**known)
    assert (found.verdict, found.why) == ("slo", why)


def test_the_promise_is_an_argument() -> None:
    slow = rows([(0, 0, 0.0312)])
    assert figures(slo=Slo(p99_ms=40), echoes=slow).verdict == "ok"
    assert figures(slo=Slo(lost_share=0.01), lost=4).verdict == "ok"


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({"cpu_s": 8.3}, "the generator used 83 % of a core, above 80 %"),
        (
            {"lateness": rows([0.0017])},
            "the generator's own frames left late by 1.7 ms (p99), above 1 ms",
        ),
    ],
)
def test_a_generator_that_is_late_passes_no_verdict_on_others(
    known: dict[str, Any], why: str
) -> None:
    idle = of_a_core(0.4)
    fine, broken = figures(idle, **known), figures(idle, **known, echoes=b"", dropped=3)
    assert (fine.verdict, fine.why) == ("generator-bound", why)
    assert (broken.verdict, broken.why) == ("generator-bound", why)


GENERATOR_LATE: dict[str, Any] = {"lateness": rows([0.0017])}
ANSWERS_SLOW: dict[str, Any] = {"echoes": rows([(0, 0, 0.0312)])}


def of_a_core(share: float) -> Use:
    """The endpoint's use in the ten seconds of `figures`."""
    return Use(cpu_s=10 * share, rss_mib=50.0, idle_rss_mib=50.0)


@pytest.mark.parametrize("share", [0.90, 0.97, 1.0])
def test_a_full_endpoint_is_at_its_limit_though_the_generator_was_late_as_well(
    share: float,
) -> None:
    found = figures(of_a_core(share), **GENERATOR_LATE, **ANSWERS_SLOW)
    used = f"p99 31.2 ms, above 20 ms; the endpoint used {100 * share:.0f} % of a core"
    assert (found.verdict, found.why) == ("slo", used)


def test_an_endpoint_that_had_time_left_is_not_blamed_for_a_late_generator() -> None:
    assert figures(of_a_core(0.89), **GENERATOR_LATE, **ANSWERS_SLOW).verdict == "generator-bound"


def test_a_full_endpoint_that_holds_says_nothing_when_the_generator_was_late() -> None:
    assert figures(of_a_core(0.97), **GENERATOR_LATE).verdict == "generator-bound"


def test_whose_limit_it_is_cannot_be_told_of_an_endpoint_whose_cpu_is_not_seen() -> None:
    late = "the generator's own frames left late by 1.7 ms (p99), above 1 ms"
    found = figures(None, **GENERATOR_LATE, **ANSWERS_SLOW)
    assert found.verdict == "generator-bound"
    assert found.why == f"{late}; the endpoint's own CPU is not known, so it may be its limit"
    assert figures(None, **GENERATOR_LATE).why == late


# ---- rounds -------------------------------------------------------------------------------------


def test_rounds_become_medians_and_sums() -> None:
    rounds = [
        figures(
            Use(cpu_s=cpu_s, rss_mib=50.0, idle_rss_mib=50.0),
            echoes=rows([(0, 0, latency)]),
            lost=lost,
            sent=5000,
        )
        for cpu_s, latency, lost in ((1.0, 0.003, 1), (5.0, 0.001, 0), (2.0, 0.002, 2))
    ]
    found = merge(rounds)
    assert (found.frames, found.lost, found.seconds) == (15000, 3, 30.0)
    assert found.cpu_percent == pytest.approx(20.0)
    assert ms(found.latency_ms) == pytest.approx((2.0, 2.0, 2.0, 3.0))  # the worst of all
    assert (found.jitter_ms, found.verdict, found.calls) == (None, "ok", 1)


def test_a_round_that_is_not_ok_is_not_hidden() -> None:
    ok, slow, late = figures(), figures(dropped=1), figures(cpu_s=9.0)
    assert merge([ok, late, ok]).why == f"in 1 of 3 rounds: {late.why}"
    assert merge([ok, late, slow]).why == f"in 2 of 3 rounds: {slow.why}"
    assert merge([slow, ok, late]).verdict == "slo"


def test_a_generator_that_only_spun_used_nothing_and_not_less() -> None:
    assert figures(cpu_s=-0.02).generator_percent == 0.0


def test_one_round_is_itself() -> None:
    only = figures(Use(cpu_s=1.0, rss_mib=60.0, idle_rss_mib=50.0), messages=rows(stream([1, 2])))
    assert merge([only]) == only


def test_rounds_of_different_targets_are_not_mixed() -> None:
    with pytest.raises(ValueError, match="not rounds of one target"):
        merge([figures(), msgspec.structs.replace(figures(), target="there")])
    with pytest.raises(ValueError, match="not rounds of one target"):
        merge([])


# ---- relays -------------------------------------------------------------------------------------


def test_of_a_relay_tokens_are_timed_and_what_cpu_is_counted_by() -> None:
    found = figures(
        use=Use(cpu_s=0.2, rss_mib=70.0, idle_rss_mib=69.0),
        sent=10,
        tokens=rows([0.0001 * n for n in range(101)]),
    )
    assert found.frames == 10
    assert found.tokens == 101
    assert ms(found.token_ms) == pytest.approx((5.0, 9.9, 9.99, 10.0))
    assert found.cpu_us_per_token == pytest.approx(0.2e6 / 101)
    assert found.cpu_us == found.cpu_us_per_token
    assert found.cpu_us_per_frame is None


def test_a_relay_that_does_not_answer_is_not_ok() -> None:
    silent = figures(sent=10, echoes=b"", tokens=b"", lost=1)
    assert silent.verdict == "slo"
    assert silent.why == "no answer at all; 1 answer lost, 10 %, above 0.1 %"
    assert (silent.token_ms, silent.cpu_us) == (None, None)


def test_rounds_of_a_relay_sum_their_tokens_and_those_of_media_have_none() -> None:
    tokens = rows([0.001] * 20)
    assert merge([figures(tokens=tokens), figures(tokens=tokens)]).tokens == 40
    assert merge([figures(), figures()]).tokens is None
