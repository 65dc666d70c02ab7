"""What the files of two legs tell of a handoff."""

from pathlib import Path

import msgspec
import pytest

from callbridge.demo.handoff_record import LINES_HZ, Hearing, find
from tests.callbridge.hummed import loud_s

from .handed import CALLER_LOG, CALLER_TAPE, LATER_S, PERSON_TAPE, caller, handed, person


def test_the_moments_of_a_handoff_are_on_one_clock(tmp_path: Path) -> None:
    moments = msgspec.structs.asdict(handed(tmp_path).moments)
    assert {name: round(at_s, 2) for name, at_s in moments.items()} == {
        "decided_s": 4.0,
        "dialled_s": 4.1,
        "ringing_s": 4.1,
        "picked_up_s": 6.1,
        "accepted_s": 10.1,
        "joined_s": 10.3,
        "left_s": 10.31,
        "over_s": 14.1,
    }


def rounded(hearings: tuple[Hearing, ...]) -> list[tuple[str, str, float, float]]:
    return [
        (each.who, each.whom, round(each.start_s, 2), round(each.end_s, 2)) for each in hearings
    ]


def test_who_hears_whom(tmp_path: Path) -> None:
    assert rounded(handed(tmp_path).hearings) == [
        ("caller", "bot", 0.5, 4.0),
        ("caller", "music", 4.0, 10.3),
        ("caller", "person", 10.3, 14.1),
        ("bot", "caller", 0.5, 10.31),
        ("bot", "person", 6.1, 10.31),
        ("person", "bot", 6.1, 10.3),
        ("person", "caller", 10.3, 14.1),
    ]


def test_a_bot_that_has_left_is_not_heard_when_the_person_has_hung_up(tmp_path: Path) -> None:
    outlasts = [*CALLER_TAPE[:-2], (14.2, *CALLER_TAPE[-1][1:])]
    record = handed(tmp_path, caller=caller(tmp_path / "outlasts", tape=outlasts))
    assert [each.whom for each in record.hearings if each.who == "caller"] == [
        "bot",
        "music",
        "person",
    ]


def test_a_bot_that_stays_hears_both_and_has_the_caller_back(tmp_path: Path) -> None:
    stayed = [entry for entry in CALLER_TAPE[:-2] if entry[1] != "stream stopped"]
    stayed.append((16.0, "state", {"state": "ended", "cause": "c", "source": "callee"}))
    with_bot = [entry for entry in PERSON_TAPE if entry[1] != "stream stopped"]
    record = handed(
        tmp_path,
        caller=caller(tmp_path / "stayed", tape=stayed),
        person=person(tmp_path / "with", tape=with_bot),
    )
    assert record.moments.left_s is None
    hearings = rounded(record.hearings)
    assert ("bot", "caller", 0.5, 16.0) in hearings
    assert ("bot", "person", 6.1, 14.1) in hearings
    assert ("caller", "bot", 14.1, 16.0) in hearings
    assert record.person_said == []  # the script's words are for those that no bot has heard


def test_a_bot_that_talks_on_is_no_hold_music(tmp_path: Path) -> None:
    talks = msgspec.json.decode(msgspec.json.encode(CALLER_LOG[0]))
    talks["detail"] |= {"text": "It rings.", "heard": "It rings.", "sent_at_s": 7.0}
    record = handed(tmp_path, caller=caller(tmp_path / "talks", log=[*CALLER_LOG, talks]))
    assert "music" not in {each.whom for each in record.hearings}
    assert ("caller", "bot", 4.0, 10.3) in rounded(record.hearings)


def test_words_are_as_heard_and_the_scripts_where_no_bot_was_left_to_hear(tmp_path: Path) -> None:
    record = handed(tmp_path)
    assert [(round(each.start_s, 2), each.text) for each in record.caller_said] == [
        (2.5, "A table."),
        (12.0, "A round one."),
    ]
    assert [(round(each.start_s, 2), each.text) for each in record.told_person] == [
        (6.2, "A caller for you: A table.")
    ]
    [hello] = record.person_said
    assert (round(hello.start_s, 2), round(hello.end_s, 2), hello.text) == (10.6, 11.6, "Hello.")


def test_who_follows_no_script_says_nothing(tmp_path: Path) -> None:
    tape = [entry for entry in CALLER_TAPE if entry[1] != "script"]
    silent = caller(tmp_path / "silent", log=CALLER_LOG[2:], tape=tape)
    assert handed(tmp_path, caller=silent).caller_said == []


def test_where_the_time_went(tmp_path: Path) -> None:
    figures = handed(tmp_path).figures
    assert figures is not None
    assert figures.dial_s == pytest.approx(0.1)
    assert figures.rings_s == pytest.approx(2.0)
    assert figures.listens_s == pytest.approx(4.0)
    assert figures.join_s == pytest.approx(0.2)
    assert figures.ours_s == pytest.approx(0.3)
    assert figures.total_s == pytest.approx(6.3)
    assert figures.silence_s == pytest.approx(0.4)  # between the music and the person's first word


def test_a_bot_that_asks_without_a_key_has_a_share_that_is_not_known(tmp_path: Path) -> None:
    tape = [entry for entry in PERSON_TAPE if entry[1] != "dtmf"]
    figures = handed(tmp_path, person=person(tmp_path / "asked", tape=tape)).figures
    assert figures is not None
    assert figures.join_s is None
    assert figures.ours_s == pytest.approx(0.1)
    assert figures.total_s == pytest.approx(6.3)


def test_who_declines_never_has_the_caller(tmp_path: Path) -> None:
    declined = [*PERSON_TAPE[:4], (6.5, *PERSON_TAPE[-1][1:])]
    record = handed(tmp_path, person=person(tmp_path / "declined", tape=declined))
    assert (record.moments.joined_s, record.moments.accepted_s) == (None, None)
    assert record.figures is None
    assert "person" not in {each.whom for each in record.hearings if each.who == "caller"}


def test_of_several_the_one_who_was_joined_counts(tmp_path: Path) -> None:
    declined = [*PERSON_TAPE[:4], (6.5, *PERSON_TAPE[-1][1:])]
    first = (person(tmp_path / "first", tape=declined), LATER_S)
    second = (person(tmp_path / "second"), LATER_S + 1)
    record = find(caller(tmp_path / "caller"), [first, second])
    assert record is not None
    assert record.person is second[0]


def test_without_a_handoff_or_without_anybody_there_is_none(tmp_path: Path) -> None:
    somebody = (person(tmp_path / "person"), LATER_S)
    assert find(caller(tmp_path / "caller", log=CALLER_LOG[:2]), [somebody]) is None
    assert find(caller(tmp_path / "alone"), []) is None


def test_both_lines_are_one_recording_from_when_the_call_came_in(tmp_path: Path) -> None:
    theirs, persons = handed(tmp_path).both_lines()
    assert len(theirs) == len(persons) == pytest.approx(14.1 * LINES_HZ, abs=LINES_HZ * 0.02)
    for line in (theirs, persons):
        assert loud_s(line[round(10.6 * LINES_HZ) : round(11.6 * LINES_HZ)], 300.0) > 0.9
    assert loud_s(persons[: round(10.3 * LINES_HZ)], 500.0) == pytest.approx(3.5, abs=0.1)
    assert loud_s(theirs, 500.0) == 0.0  # what is whispered to the person
