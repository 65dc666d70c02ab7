import json
from typing import Any

import pytest

from callbridge.demo import journal
from callbridge.demo.journal import Journal

BEGAN = 1_795_000_000.0  # Unix seconds


def line(**fields: Any) -> journal.LogRecord:
    record = journal.read(json.dumps({"name": "callbridge", "levelname": "INFO"} | fields))
    assert record is not None
    return record


def test_times_of_the_log_become_times_of_the_tape() -> None:
    book = Journal(BEGAN + 0.030)  # the call came in, and this was known 30 ms later
    for at_s, late_s in ((0.0, 0.020), (1.0, 0.004), (2.0, 0.050)):
        book.on_tape(at_s, BEGAN + at_s + late_s)
    book.add(line(message="turn", said="Yes.", last_voiced_at=BEGAN + 7.5, call="c1"), BEGAN + 8.2)
    book.add(line(message="withheld", at=BEGAN + 9.0), BEGAN + 9.1)
    turn, withheld = book.entries()
    assert (turn.kind, set(turn.detail)) == ("turn", {"said", "last_voiced_at_s"})
    assert turn.detail["last_voiced_at_s"] == pytest.approx(7.5, abs=0.005)
    assert turn.at_s == pytest.approx(8.2, abs=0.005)
    assert withheld.detail == {"at_s": pytest.approx(9.0, abs=0.005)}


@pytest.mark.parametrize(
    ("name", "level", "about_calls"),
    [
        ("callbridge", "INFO", True),
        ("callbridge.media", "INFO", True),
        ("uvicorn.error", "INFO", False),
        ("uvicorn.error", "ERROR", True),
    ],
)
def test_only_what_is_about_calls_or_trouble_is_read(
    name: str, level: str, about_calls: bool
) -> None:
    text = json.dumps({"name": name, "levelname": level, "message": "so"})
    assert (journal.read(text) is not None) == about_calls


def test_what_is_no_json_object_is_not_read() -> None:
    assert journal.read("callbridge serves a bot") is None
    assert journal.read("[1]") is None
