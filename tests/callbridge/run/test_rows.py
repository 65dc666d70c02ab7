"""A call as the page shows it, out of both tapes."""

import json
from pathlib import Path

from callbridge.carrier.core.report import TapeEntry
from callbridge.demo.journal import Journal
from callbridge.run import calls
from callbridge.run.calls import ListedCall
from callbridge.run.rows import CallRows, SpokenRow
from callbridge.run.stream import MOVES, WINDOW, window
from callbridge.tape.events import (
    BotCrashed,
    CallEvent,
    CallOver,
    Interrupted,
    Said,
    TurnTaken,
    WaterfallMeasured,
    WordsQueued,
)
from callbridge.tape.tape import TapeLine

BEGAN_AT = 1_700_000_000.0


def line(at_s: float, event: CallEvent) -> TapeLine:
    return TapeLine(BEGAN_AT + at_s, "ref", "v3:one", event)


def said(at_s: float, text: str, heard: str) -> TapeLine:
    stop = "finished" if text == heard else "interrupted"
    sent_at = BEGAN_AT + at_s
    event = Said(text=text, heard=heard, heard_s=1.0, stop=stop, certainty="", sent_at=sent_at)
    return line(at_s + 1, event)


def turn(at_s: float, text: str) -> TapeLine:
    began_at, ended_at = BEGAN_AT + at_s, BEGAN_AT + at_s + 1
    event = TurnTaken(said=text, audio_s=1.0, began_at=began_at, last_voiced_at=ended_at)
    return line(at_s + 1.5, event)


CONVERSATION = [
    said(1, "Good day. What is it? Tell me all.", "Good day. What is"),
    turn(2, "A table for two."),
    line(
        5,
        WaterfallMeasured(
            last_voiced_at=BEGAN_AT + 3, after_s={"turn_ended": 0.5, "first_sent": 0.9}
        ),
    ),
    said(4, "Done.", "Done."),
    said(6, "Anything else?", "Anything else?"),
    line(9, BotCrashed(error="ValueError: no", traceback="...", file="/nowhere.py", line=3)),
    line(10, CallOver(cause="normal_clearing")),
]


def rows_of(lines: list[TapeLine]) -> CallRows:
    rows = CallRows(BEGAN_AT, "incoming")
    for each in lines:
        rows.event(each)
    return rows


def test_what_was_cut_is_told_apart_at_the_word_and_the_history_has_what_was_heard() -> None:
    rows = rows_of(CONVERSATION)
    assert rows.transcript == [
        SpokenRow(1.0, "bot", "Good day. What is", "it? Tell me all."),
        SpokenRow(2.0, "caller", "A table for two.", ""),
        SpokenRow(4.0, "bot", "Done.", ""),
        SpokenRow(6.0, "bot", "Anything else?", ""),
    ]
    assert rows.history == [
        {"role": "assistant", "content": "Good day. What is"},
        {"role": "user", "content": "A table for two."},
        {"role": "assistant", "content": "Done. Anything else?"},
    ]
    (answer,) = rows.answered
    assert (answer.text, answer.after_s["first_sent"]) == ("A table for two.", 0.9)
    assert rows.trouble is not None
    assert (rows.trouble.file, rows.trouble.line, rows.trouble.code) == ("/nowhere.py", 3, ())


def test_words_that_wait_are_shown_until_it_is_known_what_of_them_was_heard() -> None:
    rows = rows_of([line(1, WordsQueued(text="Good ", opens=True))])
    rows.event(line(1.1, WordsQueued(text="day.")))
    assert rows.coming == "Good day."
    rows.event(line(2, Interrupted(at=BEGAN_AT + 2)))
    assert rows.coming == ""
    rows.event(line(3, WordsQueued(text="Yes?", opens=True)))
    assert rows.coming == "Yes?"
    rows.event(said(3, "Yes?", "Yes?"))
    assert rows.coming == ""


def test_lines_stand_in_the_order_of_time_whichever_tape_was_read_first() -> None:
    rows = rows_of([said(1, "Hello.", "Hello.")])
    rows.tape(TapeEntry(0.5, "state", {"state": "answered"}))
    rows.tape(TapeEntry(2.5, "mark returned", {"name": "e0.1", "cleared": True}))
    rows.tape(TapeEntry(3.0, "state", {"state": "ended", "cause": "x", "source": "caller"}))
    assert [each.at_s for each in rows.sequence] == [0.5, 2.0, 2.5, 3.0]
    assert "cleared" in rows.sequence[2].what
    assert (rows.face.state, rows.face.ended) == ("ended", "caller hangs up: x")


def test_a_finished_call_is_read_back_as_it_was_seen(tmp_path: Path) -> None:
    report = tmp_path / "call.json"
    report.write_text(json.dumps(SUMMARY | {"tape": [
        {"at_s": 0.2, "kind": "state", "detail": {"state": "answered"}}
    ]}))  # fmt: skip
    journal = Journal(BEGAN_AT)
    for each in CONVERSATION:
        journal.add(each)
    calls.put_log(report, journal)
    listed = ListedCall(call="v3:one", direction="incoming", from_="+1", to="+2", began_at=BEGAN_AT)
    back, seen = calls.read_rows(report, listed), rows_of(CONVERSATION)
    assert back.transcript == seen.transcript
    assert back.answered == seen.answered
    assert back.history == seen.history
    assert back.trouble == seen.trouble
    assert [each.what for each in back.sequence] == [
        "call answered",
        *(each.what for each in seen.sequence),
    ]


def test_a_call_that_never_ends_does_not_fill_the_memory_or_the_page() -> None:
    rows = CallRows(BEGAN_AT, "incoming")
    for number in range(30_000):
        rows.tape(TapeEntry(number / 10, "dtmf", {"digit": "1"}))
    assert len(rows.sequence) == 20_000
    shown, left_out = window(rows.sequence)
    assert WINDOW - MOVES < len(shown) <= WINDOW
    assert left_out % MOVES == 0
    assert left_out + len(shown) == 20_000


SUMMARY: dict[str, object] = {
    "call_control_id": "v3:one",
    "direction": "incoming",
    "from": "+1",
    "to": "+2",
    "state": "ended",
    "sample_rate": 8000,
    "duration_s": 9.0,
    "answered_at_s": 0.2,
    "audio_from_s": 0.2,
    "hangup_cause": "normal_clearing",
    "hangup_source": "caller",
    "marks_returned": 0,
    "marks_cleared": 0,
    "stream_errors": 0,
    "failed": [],
}
