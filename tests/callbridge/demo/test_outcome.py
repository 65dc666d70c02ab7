import io
from pathlib import Path

import msgspec

from callbridge.carrier.people.expect import parse_expectation
from callbridge.demo.outcome import (
    LAG,
    MOVED,
    TROUBLES,
    Check,
    DemoOutcome,
    checks,
    read_metrics,
    render,
    stream_trouble,
)
from callbridge.demo.record import HeardSound, Interruption, read
from callbridge.demo.transcript import Transcript
from callbridge.host import terminal

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


OUTCOME = DemoOutcome(
    bot="[odd] bot.py",
    voice=None,
    ok=True,
    duration_s=4.04,
    hangup="the bot: normal_clearing",
    caller_sounds=(),
    bot_sounds=(HeardSound(0.5, 2.55), HeardSound(2.571, 4.0)),
    marks_returned=3,
    marks_cleared=1,
    interruptions=(
        Interruption(key_s=2.5, speech_s=None, clear_s=2.51, silent_s=2.554),
        Interruption(key_s=None, speech_s=3.0, clear_s=3.9, silent_s=3.2),
        Interruption(key_s=None, speech_s=None, clear_s=4.0, silent_s=4.02),
    ),
    transcript=Transcript(),
    metrics={**dict.fromkeys((*MOVED, *TROUBLES), 0.0), "frames_in": 200.0, LAG: 0.0061},
    checks=(Check("cleared is true"), Check("bot_spoke_s at least 3", "found 1.2 [s]")),
    wav="out/bot.wav",
    tape="out/bot.json",
    picture=None,
    no_picture="a picture needs matplotlib: pip install 'callbridge[pictures]'",
)


def printed(outcome: DemoOutcome) -> list[str]:
    out = io.StringIO()
    terminal.console(out, width=120).print(render(outcome))
    return [line.strip() for line in out.getvalue().splitlines()]


def test_every_figure_of_the_table_is_that_of_the_call() -> None:
    assert printed(OUTCOME) == [
        "",
        "call  4.0 s, ended by the bot: normal_clearing",
        "caller spoke  nothing",
        "caller heard  0.50–2.55 s, 2.57–4.00 s",
        "marks  3 heard, 1 cleared",
        "interruption  key from 2.50 s on: silent 54 ms later, cleared 10 ms later",
        "interruption  speech from 3.00 s on: silent 200 ms later, cleared 900 ms later",
        "interruption  cleared at 4.00 s, silent 20 ms later",
        "bridge  200 frames in; no underrun, no early mark, nothing lost; "
        "loop late by 6 ms at most",
        "✓  cleared is true",
        "✗  found 1.2 [s]",
        "",
        "listen  out/bot.wav",
        "read  out/bot.json",
        "look  no picture: a picture needs matplotlib: pip install 'callbridge[pictures]'",
    ]


def test_what_went_wrong_in_the_bridge_takes_the_place_of_nothing_lost() -> None:
    metrics = OUTCOME.metrics | {"underruns": 2.0}
    text = "\n".join(printed(msgspec.structs.replace(OUTCOME, metrics=metrics)))
    assert "underruns 2" in text
    assert "nothing lost" not in text
