"""How conferences begin, go on and end, and what their customer is told, in which order."""

from typing import Any

import pytest

from callbridge.carrier.conferences.participant import Entry
from callbridge.carrier.config import CarrierConfig
from tests.callbridge.carrier.conferences.conference_line import ConferenceLine
from tests.callbridge.carrier.line import codes, data

ENTRY = Entry(beep="always", hold=True, role="monitor")
GONE = ["conference.participant.left", "call.hangup"]


def told(line: ConferenceLine, since: int = 0) -> list[str]:
    """Events without their prefix, but for those of calls."""
    return [name.removeprefix("conference.") for name in line.event_types()[since:]]


def test_from_the_first_participant_to_the_last() -> None:
    line = ConferenceLine()
    first, second = line.answered(), line.answered()
    before = len(line.events)
    made = line.create(first)
    assert (made["status"], made["name"], made["end_reason"]) == ("in_progress", "support", None)
    line.does("join", call_control_id=second)
    line.does("leave", call_control_id=first)
    line.command(second, "hangup")
    assert told(line, before) == [
        "created",
        "participant.joined",
        "participant.joined",
        "participant.left",
        "participant.left",
        "ended",
        "call.hangup",
    ]
    assert line.payload("conference.ended")["reason"] == "all_left"
    over = line.get()
    assert (over["status"], over["end_reason"]) == ("completed", "all_left")
    assert over["ended_by"]["call_control_id"] == second


def test_the_last_one_who_leaves_is_parked_and_not_hung_up() -> None:
    line = ConferenceLine()
    [only] = line.meeting(1)
    line.does("leave", call_control_id=only)
    assert told(line)[-2:] == ["participant.left", "ended"]
    line.create(only)  # it can begin the next one, under the same name


def test_whose_webhooks_repeat_what() -> None:
    line = ConferenceLine()
    owner, guest = line.answered(), line.answered()
    line.create(owner, client_state="b3duZXI=")
    line.does("join", call_control_id=guest, client_state="Z3Vlc3Q=")
    joined = line.payload("conference.participant.joined")
    assert joined["call_control_id"] == guest
    assert joined["conference_id"] == line.id
    assert joined["client_state"] == "b3duZXI="  # of the conference, hence of its creator
    assert "from" not in joined
    line.does("send_dtmf", digits="1", call_control_ids=[owner], client_state="bmV3")
    line.command(owner, "hangup")
    line.command(guest, "hangup")
    assert line.payload("conference.ended")["call_control_id"] == owner
    assert line.payload("conference.ended")["client_state"] == "bmV3"
    assert line.payload("call.hangup")["client_state"] == "Z3Vlc3Q="


def test_where_the_webhooks_go() -> None:
    """What is told of a participant goes where their leg's events go; the rest, where those of the
    creator go."""
    line = ConferenceLine(CarrierConfig(webhook_url="http://app/hooks"))
    owner = line.answered()
    guest = data(line.dial("+13125550177", webhook_url="http://guests/"))
    line.create(owner)
    leg = line.switch.find(guest["call_control_id"])
    assert leg is not None
    line.switch._exchange.answer(leg)  # pyright: ignore[reportPrivateUsage]
    line.does("join", call_control_id=guest["call_control_id"])
    line.does("end")
    urls = {
        (each.event_type, each.urls[0])
        for each in line.deliveries
        if each.conference_id is not None
    }
    assert urls == {
        ("conference.created", "http://app/hooks"),
        ("conference.participant.joined", "http://app/hooks"),
        ("conference.participant.joined", "http://guests/"),
        ("conference.participant.left", "http://app/hooks"),
        ("conference.participant.left", "http://guests/"),
        ("conference.ended", "http://app/hooks"),
    }


def test_an_end_by_command_hangs_up_on_all() -> None:
    line = ConferenceLine()
    line.meeting(3)
    before = len(line.events)
    line.does("end")
    assert told(line, before) == [*["participant.left"] * 3, "ended", *["call.hangup"] * 3]
    assert "reason" not in line.payload("conference.ended")
    assert line.get()["end_reason"] == "ended_via_api"
    assert line.get()["ended_by"] == {"call_control_id": None, "call_session_id": None}


@pytest.mark.parametrize("goes", ["hangs up", "leaves"])
def test_the_host_ends_it_for_all(goes: str) -> None:
    line = ConferenceLine()
    _, guest, other = line.meeting(3)
    host = line.answered()
    line.does("join", call_control_id=host, end_conference_on_exit=True)
    if goes == "hangs up":
        line.switch.hang_up(host, line.now)
        line.settle()
    else:
        line.does("leave", call_control_id=host)
    assert line.payload("conference.ended")["reason"] == "host_left"
    assert line.get()["ended_by"]["call_control_id"] == host
    for call in (guest, other):
        assert line.event_types(call)[-2:] == GONE
    assert ("call.hangup" in line.event_types(host)) == (goes == "hangs up")


def test_a_soft_end_parks_the_others() -> None:
    line = ConferenceLine()
    guest, other = line.meeting(2)
    host = line.answered()
    line.does("join", call_control_id=host, soft_end_conference_on_exit=True)
    line.does("leave", call_control_id=host)
    assert told(line)[-4:] == ["participant.left"] * 3 + ["ended"]
    assert line.heard([guest, other]) == [0, 0]
    assert not line.finished


def test_an_exit_rule_can_be_changed_later() -> None:
    line = ConferenceLine()
    host, guest = line.meeting(2)
    [id] = [each["id"] for each in line.participants() if each["call_control_id"] == host]
    path = f"/v2/conferences/{line.id}/participants/{id}"
    answer: Any = line.request("PATCH", path, {"soft_end_conference_on_exit": True}).body
    assert answer["data"]["soft_end_conference_on_exit"] is True
    line.does("leave", call_control_id=host)
    assert line.get()["end_reason"] == "host_left"
    assert guest not in line.finished


@pytest.mark.parametrize(("minutes", "ends_s"), [(1, 60), (None, 4 * 3600), (9999, 4 * 3600)])
def test_its_time_is_up(minutes: int | None, ends_s: int) -> None:
    line = ConferenceLine()
    line.answered()
    call = line.answered()
    line.create(call, **({} if minutes is None else {"duration_minutes": minutes}))
    line.switch.tick(ends_s - 1.0)
    line.settle()
    assert line.get()["status"] == "in_progress"
    line.switch.tick(float(ends_s))
    line.settle()
    assert line.payload("conference.ended")["reason"] == "time_exceeded"
    assert line.event_types(call)[-1] == "call.hangup"


def test_one_that_has_not_started_holds_all_until_the_host_comes() -> None:
    line = ConferenceLine()
    calls = [line.answered() for _ in range(3)]
    made = line.create(calls[0], start_conference_on_create=False)
    assert made["status"] == "init"
    line.does("join", call_control_id=calls[1])
    assert line.heard(calls[:2]) == [0, 0]
    assert [each["on_hold"] for each in line.participants()] == [True, True]
    line.does("join", call_control_id=calls[2], start_conference_on_enter=True)
    assert line.get()["status"] == "in_progress"
    assert line.heard(calls) == [110, 101, 11]


def test_who_was_put_on_hold_by_name_stays_there_when_it_starts() -> None:
    line = ConferenceLine()
    calls = [line.answered() for _ in range(3)]
    line.create(calls[0], start_conference_on_create=False)
    line.does("join", call_control_id=calls[1], hold=True)
    line.does("join", call_control_id=calls[2], start_conference_on_enter=True)
    assert line.heard(calls) == [100, 0, 1]


def test_to_join_muted_and_on_hold() -> None:
    line = ConferenceLine()
    calls = line.meeting(2)
    calls += [line.answered(), line.answered()]
    line.does("join", call_control_id=calls[2], mute=True)
    line.does("join", call_control_id=calls[3], hold=True)
    assert line.heard(calls) == [10, 1, 11, 0]


def test_two_creations_of_one_name_at_once_end_with_one_conference() -> None:
    line = ConferenceLine()
    first, second = line.answered(), line.answered()
    line.create(first)
    body = {"call_control_id": second, "name": "support"}
    late = line.request("POST", "/v2/conferences", body)
    assert (late.status, codes(late)) == (422, [("90033", "/name")])
    line.does("join", call_control_id=second)  # what the loser does next
    assert len(line.participants()) == 2


def test_a_creation_that_comes_twice_is_carried_out_once() -> None:
    line = ConferenceLine()
    call = line.answered()
    first = line.create(call, command_id="once")
    assert line.create(call, command_id="once") == first
    assert line.event_types().count("conference.created") == 1


def test_one_command_id_on_two_conferences_is_two_commands() -> None:
    line = ConferenceLine()
    calls = [line.answered() for _ in range(4)]
    line.create(calls[0], name="a")
    line.does("join", call_control_id=calls[1], command_id="same")
    line.does("join", call_control_id=calls[1], command_id="same")
    line.create(calls[2], name="b")
    line.does("join", call_control_id=calls[3], command_id="same")
    assert line.event_types().count("conference.participant.joined") == 4


def test_the_creator_may_leave_and_come_back() -> None:
    line = ConferenceLine()
    owner, guest = line.meeting(2, client_state="b25l")
    line.does("leave", call_control_id=owner)
    line.does("join", call_control_id=owner, client_state="dHdv")
    assert line.payload("conference.participant.joined")["client_state"] == "dHdv"
    assert line.heard([owner, guest]) == [10, 1]


def test_all_calls_end_when_the_carrier_does() -> None:
    line = ConferenceLine()
    line.meeting(3)
    line.switch.shut_down(line.now)
    line.settle()
    assert told(line).count("participant.left") == 3
    assert told(line).count("ended") == 1
    assert len(line.finished) == 3


def test_an_ended_conference_is_known_as_long_as_an_ended_call() -> None:
    config = CarrierConfig(webhook_url="http://a/", keep_finished_s=5.0)
    line = ConferenceLine(config)
    line.meeting(1)
    line.does("end")
    line.tick(200)
    assert line.get()["status"] == "completed"
    line.tick(100)
    assert line.request("GET", f"/v2/conferences/{line.id}").status == 404


def test_ten_thousand_joins_and_leaves_leave_nothing_behind() -> None:
    line = ConferenceLine(CarrierConfig())
    _, guest = line.meeting(2)
    leg = line.switch.find(guest)
    assert leg is not None
    before = len(leg.parts), len(leg.channels)
    conference = line.switch._conferences.find(line.id)  # pyright: ignore[reportPrivateUsage]
    assert conference is not None
    for _ in range(10_000):
        participant = conference.members[guest]
        conference.leave(participant)
        conference.join(leg, ENTRY)
    conference.leave(conference.members[guest])
    conference.join(leg, Entry())
    assert (len(leg.parts), len(leg.channels)) == before
    assert len(conference.members) == 2
    room: Any = conference.room
    assert len(room._members) == 2
    assert not room._audiences
    assert not room._deaf
    line.tick(2)
