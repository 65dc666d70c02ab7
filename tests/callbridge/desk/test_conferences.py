"""`callbridge conference`, as it is typed, against a running carrier."""

import pytest

from tests.callbridge.desk.conftest import ANN, BEN, CAT, RunningCarrier, Terminal


@pytest.fixture
def met(typed: Terminal, phone_company: RunningCarrier) -> tuple[str, str]:
    """Ann and Ben in the conference `sales`."""
    ann, ben = phone_company.dial(ANN), phone_company.dial(BEN)
    made = typed("conference", "create", "sales", ANN, "--json").json
    assert (made["action"], made["name"], made["status"]) == ("create", "sales", "in_progress")
    assert made["call_control_id"] == ann
    assert typed("conference", "join", "sales", BEN).code == 0
    return ann, ben


def test_conferences_are_listed_and_shown(
    typed: Terminal, met: tuple[str, str], phone_company: RunningCarrier
) -> None:
    (one,) = typed("conference", "--json").json
    assert (one["name"], one["participants"]) == ("sales", 2)
    assert "sales" in typed("conference").out
    for name in ("sales", one["id"], one["id"][-6:]):
        shown = typed("conference", "show", name, "--json").json
        assert [each["to"] for each in shown["participants"]] == [ANN, BEN]
        assert tuple(each["call_control_id"] for each in shown["participants"]) == met
    assert f"  {BEN}  " in typed("conference", "show", "sales").out


def test_one_participant_or_everybody_is_muted(
    typed: Terminal, met: tuple[str, str], phone_company: RunningCarrier
) -> None:
    ann, ben = met
    done = typed("conference", "mute", "sales", BEN, "--json").json
    assert (done["call_control_ids"], done["result"]) == ([ben], "ok")
    people = phone_company.in_conference("sales")
    assert (people[ann]["muted"], people[ben]["muted"]) == (False, True)
    typed("conference", "unmute", "sales", ben[-6:].lstrip("-"))
    assert not phone_company.in_conference("sales")[ben]["muted"]
    assert typed("conference", "mute", "sales").out == "sales: everybody muted\n"
    assert all(each["muted"] for each in phone_company.in_conference("sales").values())


def test_those_on_hold_are_found_when_nobody_is_named(
    typed: Terminal, met: tuple[str, str], phone_company: RunningCarrier
) -> None:
    assert typed("conference", "unhold", "sales").out == "sales: nobody is on hold\n"
    typed("conference", "hold", "sales", BEN)
    assert phone_company.in_conference("sales")[met[1]]["on_hold"]
    assert typed("conference", "unhold", "sales", "--json").json["call_control_ids"] == [met[1]]
    assert not phone_company.in_conference("sales")[met[1]]["on_hold"]


def test_a_supervisor_whispers_to_who_is_named(
    typed: Terminal, met: tuple[str, str], phone_company: RunningCarrier
) -> None:
    cat = phone_company.dial(CAT)
    typed("conference", "join", "sales", CAT, "--role", "whisper", "--whisper-to", ANN)
    assert phone_company.in_conference("sales")[cat]["whisper_call_control_ids"] == [met[0]]
    done = typed("conference", "role", "sales", CAT, "whisper", "--whisper-to", BEN)
    assert done.out.endswith("hears all and is heard by those who were named\n")
    assert phone_company.in_conference("sales")[cat]["whisper_call_control_ids"] == [met[1]]


def test_leave_lets_the_call_go_on_and_kick_does_not(
    typed: Terminal, met: tuple[str, str], phone_company: RunningCarrier
) -> None:
    ann, ben = met
    typed("conference", "leave", "sales", BEN)
    assert [*phone_company.in_conference("sales")] == [ann]
    assert phone_company.is_alive(ben)
    typed("conference", "kick", "sales", ANN)
    assert not phone_company.is_alive(ann)
    assert typed("conference").out == "There is no conference.\n"


def test_sounds_go_to_all_or_to_some(
    typed: Terminal, met: tuple[str, str], phone_company: RunningCarrier
) -> None:
    ann, ben = met
    assert typed("conference", "speak", "sales", "Hello.").out == "sales: speaking to everybody\n"
    phone_company.until(ann, "conference.speak.ended")
    typed("conference", "speak", "sales", "Only you.", "--to", BEN)
    phone_company.until(ben, "conference.participant.speak.ended")
    assert typed("conference", "stop", "sales").code == 0
    assert typed("conference", "dtmf", "sales", "1", "--to", BEN).code == 0
    play = ("conference", "play", "sales", "welcome", "--to", BEN, "--to", ANN, "--json")
    assert typed(*play).json["call_control_ids"] == [ben, ann]


def test_a_conference_is_recorded_and_ended(
    typed: Terminal, met: tuple[str, str], phone_company: RunningCarrier
) -> None:
    for verb in ("start", "pause", "resume", "stop"):
        done = typed("conference", "record", "sales", verb, "--json").json
        assert (done["action"], done["result"]) == (f"record_{verb}", "ok")
    assert typed("conference", "end", "sales").out == "sales: ended\n"
    assert typed("conference", "--json").json == []
    (over,) = typed("conference", "list", "--ended", "--json").json
    assert (over["name"], over["status"], over["participants"]) == ("sales", "completed", 0)
    assert typed("conference", "show", "sales", "--json").json["status"] == "completed"


def test_what_is_not_there_is_told_from_what_is(typed: Terminal, met: tuple[str, str]) -> None:
    unknown = typed("conference", "mute", "slaes")
    assert unknown.code == 2
    assert unknown.err == "callbridge: there is no conference 'slaes', there are: sales\n"
    nobody = typed("conference", "kick", "sales", CAT)
    assert f"there is no participant '{CAT}', there are: " in nobody.err
    assert f"to {BEN})" in nobody.err
    twice = typed("conference", "create", "sales", ANN)
    assert twice.code == 2
    assert "90033" in twice.err or "90044" in twice.err
