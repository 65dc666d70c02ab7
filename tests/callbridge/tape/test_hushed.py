"""CALLBRIDGE_LOG_WORDS=0: how much was said is kept, and not what."""

import json
import logging
from pathlib import Path

import pytest

from callbridge.tape.events import BotLog, CallEvent, PlatformTold, Said, ToolRan, TurnTaken
from callbridge.tape.hushed import Hushed, without_words
from callbridge.tape.lines import LogLines
from callbridge.tape.tape import TapeFile

TURN = TurnTaken(said="My name is Eve.", audio_s=1.0, began_at=8.0, last_voiced_at=9.0)
CUT = Said(
    text="Hello Eve, goodbye.",
    heard="Hello Eve, ",
    heard_s=0.6,
    stop="interrupted",
    certainty="measured",
    sent_at=1.0,
)

HEARD = PlatformTold(
    event_type="call.transcription",
    payload={
        "call_control_id": "v3:x",
        "transcription_data": {"transcript": "I am Eve", "confidence": 0.9, "is_final": True},
    },
)

TOOL = ToolRan(tool="find", arguments='{"guest": "Eve"}', result="Eve is here", began_at=1.0)


class Ids:
    reference = "c1"
    call_control_id = "v3:x"


def test_a_dot_stands_for_each_word() -> None:
    turn, cut = without_words(TURN), without_words(CUT)
    assert isinstance(turn, TurnTaken)
    assert isinstance(cut, Said)
    assert turn.said == "• • • •"
    assert (cut.text, cut.heard) == ("• • •", "• •")  # what was heard still begins the text
    assert (turn.audio_s, cut.heard_s, cut.stop) == (1.0, 0.6, "interrupted")


def test_of_a_webhook_the_words_are_dots_and_the_rest_stays() -> None:
    hushed = without_words(HEARD)
    assert isinstance(hushed, PlatformTold)
    data = {"transcript": "• • •", "confidence": 0.9, "is_final": True}
    assert hushed.payload == {"call_control_id": "v3:x", "transcription_data": data}


@pytest.mark.parametrize(
    ("result", "shown"),
    [("human", "human"), ({"name": "Eve", "age": 33}, {"name": "•", "age": "•"})],
    ids=["of a detector", "of an assistant"],
)
def test_a_result_is_hushed_where_it_is_what_a_caller_told(result: object, shown: object) -> None:
    told = PlatformTold(event_type="any", payload={"result": result, "message_history": [None]})
    hushed = without_words(told)
    assert isinstance(hushed, PlatformTold)
    assert hushed.payload == {"result": shown, "message_history": [None]}


def test_what_the_bot_logs_is_the_bots_choice() -> None:
    line = BotLog(levelno=20, message="Eve rang")
    assert without_words(line) is line


@pytest.mark.parametrize("event", [TURN, CUT, HEARD, TOOL])
def test_neither_the_log_nor_the_tape_has_what_was_said(
    event: CallEvent, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tape = TapeFile(str(tmp_path / "tape.jsonl"))
    with caplog.at_level(logging.DEBUG):
        for reader in (LogLines(logging.getLogger("callbridge")), tape):
            Hushed(reader).on_event(Ids(), 1.0, event, None)
    tape.close()
    logged = "".join(str(vars(record)) for record in caplog.records)
    written = (tmp_path / "tape.jsonl").read_text()
    assert json.loads(written)["happened"]["event"] == event.__struct_config__.tag
    for text in (logged, written):
        assert "•" in text
        assert "Eve" not in text
