import io
from typing import Any

import pytest
from rich.console import Console

from callbridge.carrier.core.report import TapeEntry
from callbridge.demo.live import Story, Telling, ToldLine
from callbridge.tape.events import (
    BotCrashed,
    BotLog,
    CallEvent,
    Said,
    TurnLost,
    TurnTaken,
    WaterfallMeasured,
    Withheld,
)
from callbridge.tape.tape import TapeLine

BEGAN = 1_795_000_000.0  # Unix seconds


def told(kind: str, **detail: Any) -> ToldLine | None:
    return Story().tape(TapeEntry(1.5, kind, detail))


@pytest.mark.parametrize(
    ("kind", "detail", "who", "what", "bad"),
    [
        ("state", {"state": "parked"}, "caller", "rings", False),
        ("webhook", {"event_type": "call.initiated", "id": "1"}, "carrier",
         "webhook call.initiated", False),
        ("command", {"action": "answer"}, "bridge", "command answer", False),
        ("state", {"state": "answered"}, "carrier", "call answered", False),
        ("stream started", {"stream_id": "1"}, "carrier", "media stream started", False),
        ("stream failed", {"stream_id": "1", "reason": "403"}, "carrier",
         "media stream failed: 403", True),
        ("dtmf", {"digit": "5"}, "caller", "presses 5", False),
        ("clear", {"marks": []}, "bridge", "clear", False),
        ("error", {"code": 100004, "detail": "too short"}, "carrier",
         "error frame 100004: too short", True),
        ("script failed", {"why": "step 2"}, "caller", "gives up: step 2", True),
        ("state", {"state": "ended", "cause": "normal_clearing", "source": "callee"}, "bot",
         "hangs up: normal_clearing", False),
        ("state", {"state": "ended", "cause": "normal_clearing", "source": "caller"}, "caller",
         "hangs up: normal_clearing", False),
        ("state", {"state": "ended", "cause": "timeout", "source": "unknown"}, "carrier",
         "ends the call: timeout", False),
        ("webhook delivery", {"event_type": "e", "attempt": 1, "delivered": False, "said": "500"},
         "carrier", "webhook e, attempt 1: 500", True),
        ("webhook delivery", {"event_type": "e", "attempt": 2, "delivered": True, "said": "200"},
         "carrier", "webhook e, attempt 2: 200", False),
        ("something new", {"b": 2, "a": 1}, "carrier", "something new a=1 b=2", False),
    ],
)  # fmt: skip
def test_every_kind_of_entry(
    kind: str, detail: dict[str, Any], who: str, what: str, bad: bool
) -> None:
    assert told(kind, **detail) == ToldLine(1.5, who, what, bad)  # type: ignore[arg-type]


def test_what_says_nothing_new_is_not_told() -> None:
    assert told("webhook delivery", event_type="e", attempt=1, delivered=True, said="200") is None
    assert told("mark queued", name="e0.1") is None


def test_the_script_is_never_told() -> None:
    assert told("script", at="step 3 (press 5)") is None


def test_where_nobody_else_tells_it_the_steps_of_the_script_are() -> None:
    line = Story(steps=True).tape(TapeEntry(1.5, "script", {"at": "step 3 (press 5)"}))
    assert line == ToldLine(1.5, "caller", "comes to step 3 (press 5)")


def test_the_first_mark_says_that_the_bot_was_heard() -> None:
    story = Story()
    returned: list[dict[str, object]] = [
        {"name": "e0.1", "cleared": True},
        {"name": "e1.2", "sample": 160},
        {"name": "e1.3", "sample": 8160},
    ]
    lines = [story.tape(TapeEntry(1.0, "mark returned", detail)) for detail in returned]
    assert [line and line.what for line in lines] == [
        None,
        "is heard (mark e1.2 is back)",
        None,
    ]


def test_a_clear_says_how_long_after_the_key_it_came() -> None:
    story = Story()
    story.tape(TapeEntry(2.5, "dtmf", {"digit": "5"}))
    line = story.tape(TapeEntry(2.512, "clear", {"marks": []}))
    assert line == ToldLine(2.512, "bridge", "clear, 12 ms after the key")
    line = story.tape(TapeEntry(2.7, "clear", {"marks": []}))
    assert line == ToldLine(2.7, "bridge", "clear")  # that one had another cause
    story.tape(TapeEntry(8.0, "dtmf", {"digit": "5"}))
    line = story.tape(TapeEntry(9.0, "clear", {"marks": []}))
    assert line == ToldLine(9.0, "bridge", "clear")  # and that key was long before


def watched(event: CallEvent) -> ToldLine | None:
    return Story().event(event, 3.0)


def said(text: str, heard: str, stop: str) -> Said:
    return Said(text=text, heard=heard, heard_s=1.0, stop=stop, certainty="measured", sent_at=1.0)


def test_what_the_bot_logs_and_how_it_crashes() -> None:
    jingle = BotLog(levelno=20, message="jingle", fields={"heard_s": "2.0", "key": "5"})
    assert watched(jingle) == ToldLine(3.0, "bot", "log: jingle heard_s=2.0 key=5")
    crash = BotCrashed(error="ValueError: no such tune", traceback="Traceback ...")
    assert watched(crash) == ToldLine(
        3.0, "bridge", "the bot raised ValueError: no such tune", bad=True
    )
    lost = TurnLost(why="the engine hangs")
    assert watched(lost) == ToldLine(
        3.0, "bridge", "a turn was not understood why=the engine hangs", bad=True
    )


def test_a_conversation() -> None:
    turn = TurnTaken(said="Hello.", audio_s=1.0, began_at=8.0, last_voiced_at=9.0)
    assert watched(turn) == ToldLine(3.0, "caller", "said: Hello.")
    assert watched(said("One two. ", "One two. ", "finished")) == ToldLine(
        3.0, "bot", "said: One two."
    )
    assert watched(said("One two. ", "One ", "interrupted")) == ToldLine(
        3.0, "bot", "said: One", unheard="two."
    )
    assert watched(Withheld(at=9.0)) == ToldLine(
        3.0, "bridge", "withholds: somebody speaks over the bot"
    )
    assert watched(WaterfallMeasured(last_voiced_at=9.0, after_s={})) is None


async def test_what_was_not_heard_is_told_apart() -> None:
    printed = io.StringIO()
    telling = Telling(Console(file=printed, width=100))
    telling.begin(BEGAN)
    telling.event(TapeLine(BEGAN + 1, "c1", "v3:x", said("One two.", "One ", "call_ended")))
    telling.end()
    assert printed.getvalue() == "   1.00 s  bot     said: One |cut| two.\n"


async def test_no_line_is_from_before_the_call_came_in(capsys: pytest.CaptureFixture[str]) -> None:
    """The bridge knows of a call before the demo has its id, and both clocks have one zero."""
    telling = Telling(Console(width=100))
    telling.event(TapeLine(BEGAN + 0.01, "c1", "v3:x", Withheld(at=BEGAN)))
    telling.begin(BEGAN)
    telling.tape(TapeEntry(0.0, "state", {"state": "parked"}))
    telling.end()
    rings, withholds = capsys.readouterr().out.splitlines()
    assert rings.startswith("   0.00 s  caller  rings")
    assert withholds.startswith("   0.01 s  bridge  withholds")
