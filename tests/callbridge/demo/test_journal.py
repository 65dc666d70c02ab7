"""The bridge's tape on the clock of the carrier's."""

import asyncio
from pathlib import Path

import pytest

from callbridge.demo.journal import FOLLOW_S, Journal, follow
from callbridge.tape.events import CallEvent, TurnTaken, Withheld
from callbridge.tape.tape import TapeFile, TapeLine

BEGAN = 1_795_000_000.0  # Unix seconds
TURN = TurnTaken(said="Yes.", audio_s=0.4, began_at=BEGAN + 7.0, last_voiced_at=BEGAN + 7.5)


class Ids:
    reference = "c1"
    call_control_id = "v3:x"


def line(event: CallEvent, at: float) -> TapeLine:
    return TapeLine(at, "c1", "v3:x", event)


def test_times_of_the_bridge_become_times_of_the_carriers_tape() -> None:
    book = Journal(BEGAN)
    book.add(line(TURN, BEGAN + 8.2))
    book.add(line(Withheld(at=BEGAN + 9.0), BEGAN + 9.1))
    turn, withheld = book.entries()
    assert turn.kind == "turn"
    assert set(turn.detail) == {"said", "audio_s", "began_at_s", "last_voiced_at_s"}
    assert turn.detail["last_voiced_at_s"] == pytest.approx(7.5)
    assert turn.at_s == pytest.approx(8.2)
    assert withheld.detail == {"at_s": pytest.approx(9.0)}


async def test_a_tape_file_is_followed_while_it_is_written(tmp_path: Path) -> None:
    told: list[TapeLine] = []
    file = TapeFile(str(tmp_path / "tape.jsonl"))
    following = asyncio.create_task(follow(tmp_path / "tape.jsonl", told.append))
    file.on_event(Ids(), BEGAN, TURN, None)
    await asyncio.sleep(3 * FOLLOW_S)
    assert [each.happened for each in told] == [TURN]
    file.on_event(Ids(), BEGAN + 1, Withheld(at=BEGAN + 1), None)
    await asyncio.sleep(3 * FOLLOW_S)
    following.cancel()
    file.close()
    assert [each.at for each in told] == [BEGAN, BEGAN + 1]
