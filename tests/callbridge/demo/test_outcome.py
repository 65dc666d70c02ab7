from pathlib import Path

from callbridge.carrier.people.expect import parse_expectation
from callbridge.demo.outcome import (
    LAG,
    MOVED,
    TROUBLES,
    Check,
    checks,
    read_metrics,
    stream_trouble,
)
from callbridge.demo.record import read

from .records import CALL, ENDED, Entry, track, write


def test_every_expectation_is_listed_with_what_became_of_it() -> None:
    expected = [
        parse_expectation({"cleared": True}),
        parse_expectation({"bot_spoke_s": {"at_least": 3}}),
        parse_expectation({"bot_heard_like_caller": {"correlation": {"at_least": 0.9}}}),
        parse_expectation({"hangup_cause": "normal_clearing"}),
    ]
    failed = (
        "step 4 (wait bot_speaking): bot_speaking did not come in 30 s",
        "bot_heard_like_caller.correlation: expected at least 0.9, found 0.1",
        "bot_spoke_s: expected at least 3, found 1.2",
    )
    assert checks(expected, failed) == (
        Check("cleared is true"),
        Check("bot_spoke_s at least 3", failed[2]),
        Check("bot_heard_like_caller correlation at least 0.9", failed[1]),
        Check("hangup_cause is normal_clearing"),
        Check("the caller could do all steps", failed[0]),
    )


def test_a_broken_stream_is_a_failure_whatever_was_expected(tmp_path: Path) -> None:
    broken: list[Entry] = [(2.0, "stream closed by the customer", {"stream_id": "1"})]
    record = read(*write(tmp_path, CALL + broken + ENDED, track(4.0), track(4.0)))
    assert stream_trouble(record) == (
        Check("the media stream holds", "stream closed by the customer at 2.00 s"),
    )
    record = read(*write(tmp_path, CALL + ENDED, track(4.0), track(4.0)))
    assert stream_trouble(record) == ()


def test_the_figures_are_read_out_of_the_exposition() -> None:
    names = [f"callbridge_{name}_total" for name in (*MOVED, *TROUBLES)] + [f"callbridge_{LAG}"]
    text = "".join(
        f"# TYPE {name.removesuffix('_total')} "
        f"{'counter' if name.endswith('_total') else 'gauge'}\n{name} {number}.0\n"
        for number, name in enumerate(names)
    )
    assert read_metrics(text + "# TYPE callbridge_calls gauge\ncallbridge_calls 1.0\n") == {
        name: float(number) for number, name in enumerate((*MOVED, *TROUBLES, LAG))
    }
