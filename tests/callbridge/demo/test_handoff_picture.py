from pathlib import Path

import pytest

from callbridge.demo.handoff_picture import draw, lanes, marks

from .handed import PERSON_TAPE, handed, person
from .records import Entry

pytest.importorskip("matplotlib", reason="the extra callbridge[pictures] is not installed")


def test_three_tracks_with_the_bots_on_two_lines(tmp_path: Path) -> None:
    record = handed(tmp_path)
    rows = lanes(record)
    assert [(lane.party, lane.title) for lane in rows] == [
        ("caller", "caller"),
        ("bot", "bot → caller"),
        ("bot", "bot → person"),
        ("person", "person"),
    ]
    whispered = rows[2]
    assert [words.text for words in whispered.words] == ["A caller for you: A table."]
    assert whispered.color != rows[1].color
    [piece] = rows[1].sound  # neither the music nor the person
    assert piece.from_s + len(piece.pcm) / piece.rate == pytest.approx(record.moments.decided_s)


def test_the_marks_are_in_order(tmp_path: Path) -> None:
    names = [flag.text for flag in marks(handed(tmp_path))]
    assert names == ["answered", "decides to hand off", "dials", "rings", "picked up",
                     "accepts: key 1", "joined", "bot leaves", "person hangs up"]  # fmt: skip


def test_a_key_that_declines_is_a_mark_and_the_bot_hangs_up(tmp_path: Path) -> None:
    key: Entry = (6.0, "dtmf", {"digit": "2"})
    declined = [*PERSON_TAPE[:3], key, (6.3, *PERSON_TAPE[-1][1:])]
    record = handed(
        tmp_path, person=person(tmp_path / "declined", tape=declined, hangup_source="caller")
    )
    names = [flag.text for flag in marks(record)]
    assert names[4:] == ["picked up", "key 2", "bot leaves", "bot hangs up"]


def test_a_picture_of_a_handoff_and_of_one_that_was_declined(tmp_path: Path) -> None:
    declined = [*PERSON_TAPE[:4], (6.5, *PERSON_TAPE[-1][1:])]
    for record in (
        handed(tmp_path),
        handed(tmp_path / "again", person=person(tmp_path / "declined", tape=declined)),
    ):
        png = tmp_path / "handoff.png"
        draw(record, png)
        assert png.read_bytes().startswith(b"\x89PNG")
        png.unlink()
