"""Conferences and participants as resources: shown as documented, by pages and by filters."""

from typing import Any

import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.facts import documented
from callbridge.carrier.people.script import CallScript, Wait
from tests.callbridge.carrier.conferences.conference_line import ConferenceLine
from tests.callbridge.carrier.documents import wrong
from tests.callbridge.carrier.line import codes, data

BOB = "+13125550199"
BOB_ANSWERS = CarrierConfig(
    webhook_url="http://a/", numbers={BOB: CallScript(steps=(Wait("answered"),))}, ring_s=0.0
)


def check(name: str, value: dict[str, Any]) -> None:
    """Fails for what is not as the documents have it."""
    kind = documented.types()[name]
    assert set(kind.required) <= value.keys()
    assert value.keys() <= kind.properties.keys()
    problems = [
        each for key, inner in value.items() for each in wrong(kind.properties[key], inner, key)
    ]
    assert not problems


def names(line: ConferenceLine, query: str = "") -> list[str]:
    found: Any = line.request("GET", f"/v2/conferences{query}").body["data"]
    return [each["name"] for each in found]


def test_a_conference_is_shown_as_documented() -> None:
    line = ConferenceLine()
    made = line.create(line.answered(), duration_minutes=1, region="Europe")
    assert made == line.get()
    assert made["created_at"] < made["expires_at"]
    assert (made["region"], made["connection_id"]) == ("Europe", line.config.connection_id)
    check("Conference", made)
    line.does("end")
    check("Conference", line.get())


def test_conferences_that_expire_last_come_first() -> None:
    line = ConferenceLine()
    for name, minutes in (("short", 1), ("long", 100), ("middle", 50)):
        line.create(line.answered(), name=name, duration_minutes=minutes)
    assert names(line) == ["long", "middle", "short"]
    page = line.request("GET", "/v2/conferences?page[number]=2&page[size]=2").body
    assert page["meta"] == {
        "page_number": 2,
        "page_size": 2,
        "total_pages": 2,
        "total_results": 3,
    }
    assert names(line, "?page[number]=3&page[size]=2") == []


def test_filters() -> None:
    line = ConferenceLine()
    line.create(line.answered(), name="begun")
    line.create(line.answered(), name="waiting", start_conference_on_create=False, region="US")
    line.create(line.answered(), name="over")
    line.does("end")
    assert names(line, "?filter[status]=in_progress") == ["begun"]
    assert names(line, "?filter[status]=init") == ["waiting"]
    assert names(line, "?filter[name]=over") == ["over"]
    assert names(line, "?filter[name]=over&filter[status]=init") == []
    assert names(line, "?region=US") == ["waiting"]
    assert len(names(line, f"?filter[connection_id]={line.config.connection_id}")) == 3


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?filter[status]=over", "10032"),
        ("?filter[failed]=true", "10027"),
        ("?filter=name", "10026"),
        ("?page[size]=251", "10033"),
        ("?page[number]=0", "10033"),
        ("?region=Mars", "10032"),
    ],
)
def test_lists_that_are_not(query: str, code: str) -> None:
    response = ConferenceLine().request("GET", f"/v2/conferences{query}")
    assert response.status == 422
    assert codes(response)[0][0] == code


def test_participants_are_shown_as_documented() -> None:
    line = ConferenceLine()
    calls = line.meeting(3)
    line.does("mute", call_control_ids=[calls[0]])
    line.does("hold", call_control_ids=[calls[1]])
    line.does(
        "update",
        call_control_id=calls[2],
        supervisor_role="whisper",
        whisper_call_control_ids=[calls[0]],
    )
    shown = line.participants()
    for each in shown:
        check("ConferenceListParticipantsResponse", each)
        check("ConferenceParticipant", line.get(f"/participants/{each['id']}"))
    assert [each["call_control_id"] for each in shown] == calls
    assert [each["muted"] for each in shown] == [True, False, False]
    assert [each["on_hold"] for each in shown] == [False, True, False]
    assert [each["whisper_call_control_ids"] for each in shown] == [[], [], [calls[0]]]
    for query, whom in (
        ("?filter[muted]=true", [calls[0]]),
        ("?filter[on_hold]=false", [calls[0], calls[2]]),
        ("?filter[whispering]=true", [calls[2]]),
        ("?filter[muted]=true&filter[on_hold]=true", []),
        ("?page[size]=1&page[number]=2", [calls[1]]),
    ):
        assert [each["call_control_id"] for each in line.participants(query)] == whom
    response = line.request("GET", f"/v2/conferences/{line.id}/participants?filter[muted]=loud")
    assert codes(response) == [("10032", "/filter")]


def test_a_participant_is_known_while_there() -> None:
    line = ConferenceLine()
    calls = line.meeting(2)
    path = f"/v2/conferences/{line.id}/participants/{line.participants()[1]['id']}"
    line.does("leave", call_control_id=calls[1])
    for method in ("GET", "PATCH"):
        response = line.request(method, path)
        assert (response.status, codes(response)) == (404, [("10005", None)])
    for unknown in ("", "/participants", "/participants/x"):
        response = line.request("GET", f"/v2/conferences/x{unknown}")
        assert (response.status, codes(response)) == (404, [("90058", None)])


def test_a_participant_is_changed() -> None:
    line = ConferenceLine()
    line.meeting(1)
    [before] = line.participants()
    path = f"/v2/conferences/{line.id}/participants/{before['id']}"
    line.tick()
    after = data(
        line.request("PATCH", path, {"end_conference_on_exit": True, "beep_enabled": "always"})
    )
    assert after["end_conference_on_exit"] is True
    assert after["updated_at"] > before["updated_at"]
    line.tick()
    line.does("mute")
    assert line.participants()[0]["updated_at"] > after["updated_at"]
    response = line.request("PATCH", path, {"end_conference_on_exit": "yes"})
    assert codes(response) == [("10026", "/end_conference_on_exit")]


# ---- legs that are dialled into a conference ----------------------------------------------------


def into(**config: object) -> dict[str, object]:
    return {"conference_config": config}


def test_a_leg_is_dialled_into_a_conference() -> None:
    line = ConferenceLine(BOB_ANSWERS)
    [host] = line.meeting(1)
    bob = data(line.dial(BOB, **into(id=line.id, mute=True)))["call_control_id"]
    assert len(line.participants()) == 1
    line.tick()
    assert line.event_types(bob) == [
        "call.initiated",
        "call.answered",
        "conference.participant.joined",
    ]
    assert line.heard([host, bob]) == [0, 1]


def test_a_leg_is_dialled_into_a_conference_by_its_name() -> None:
    """The first one creates it."""
    line = ConferenceLine(BOB_ANSWERS)
    first = data(line.dial(BOB, **into(conference_name="late")))["call_control_id"]
    second = data(line.dial(BOB, **into(conference_name="late")))["call_control_id"]
    line.tick(2)
    assert line.event_types().count("conference.created") == 1
    line.id = line.payload("conference.created")["conference_id"]
    assert [each["call_control_id"] for each in line.participants()] == [first, second]


@pytest.mark.parametrize("change", ["it ends", "it is full"])
def test_a_conference_that_has_no_place_when_the_leg_is_answered(change: str) -> None:
    line = ConferenceLine(BOB_ANSWERS)
    line.meeting(1, max_participants=2)
    bob = data(line.dial(BOB, **into(id=line.id)))["call_control_id"]
    if change == "it ends":
        line.does("end")
    else:
        line.does("join", call_control_id=line.answered())
    line.tick()
    assert line.event_types(bob) == ["call.initiated", "call.answered", "call.hangup"]
    assert any(each.kind == "conference not joined" for each in line.report(bob).tape)


def test_conferences_that_nobody_can_be_dialled_into() -> None:
    line = ConferenceLine(BOB_ANSWERS)
    line.meeting(1)
    line.does("end")
    for config, status, code, pointer in (
        ({"id": "unknown"}, 404, "90058", None),
        ({"id": line.id}, 422, "90019", "/conference_config/id"),
        ({"mute": True}, 422, "10004", "/conference_config"),
        ({"conference_name": " "}, 422, "10004", "/conference_config"),
        ({"conference_name": 5}, 422, "10026", "/conference_config/conference_name"),
        ({"conference_name": "a", "hold_audio_url": "b"}, 422, "10003", "/hold_audio_url"),
        (
            {"conference_name": "a", "supervisor_role": "king"},
            422,
            "10032",
            "/conference_config/supervisor_role",
        ),
    ):
        response = line.dial(BOB, conference_config=config)
        assert (response.status, codes(response)) == (status, [(code, pointer)]), config
    response = line.dial(
        BOB, link_to=line.answered(), bridge_on_answer=True, **into(conference_name="a")
    )
    assert codes(response) == [("10027", "/conference_config")]
    assert line.event_types().count("call.initiated") == 2
