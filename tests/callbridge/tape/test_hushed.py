"""CALLBRIDGE_LOG_WORDS=0: how much was said is kept, and not what."""

import json
import logging
from pathlib import Path

import pytest

from callbridge.tape.events import BotLog, CallEvent, Said, TurnTaken
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


def test_what_the_bot_logs_is_the_bots_choice() -> None:
    line = BotLog(levelno=20, message="Eve rang")
    assert without_words(line) is line


@pytest.mark.parametrize("event", [TURN, CUT])
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
