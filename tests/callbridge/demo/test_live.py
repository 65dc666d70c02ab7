from typing import Any

import pytest

from callbridge.carrier.core.report import TapeEntry
from callbridge.demo.live import Story, ToldLine
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


def test_where_the_bot_has_left_the_script_knows_the_words() -> None:
    story = Story()
    step = TapeEntry(3.0, "script", {"at": "step 3 (say 'Yes.')", "says": "Yes."})
    assert story.tape(step) is None
    story.tape(TapeEntry(3.5, "stream stopped", {"stream_id": "1"}))
    assert story.tape(step) == ToldLine(3.0, "caller", "says to the person: Yes.")
    assert story.tape(TapeEntry(4.0, "script", {"at": "step 4 (wait hangup)"})) is None


def test_a_call_that_ends_with_its_conference_was_ended_by_nobody_on_it() -> None:
    ended = TapeEntry(9.0, "state", {"state": "ended", "cause": "c", "source": "callee"})
    assert Story().tape(ended) == ToldLine(9.0, "bot", "hangs up: c")
    story = Story()
    story.tape(TapeEntry(9.0, "webhook", {"event_type": "conference.ended", "id": "1"}))
    assert story.tape(ended) == ToldLine(9.0, "carrier", "ends the call: c")
