"""Queues: who waits where, who is next, and every way out."""

from typing import Any

import pytest

from callbridge.carrier.api.problems import Response
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript, HangUp, Wait
from tests.callbridge.carrier.line import STAY, Line, codes, data

BOB, CAROL = "+13125550199", "+13125550198"


def desk(**settings: Any) -> Line:
    numbers = {BOB: CallScript(steps=STAY), CAROL: CallScript(steps=STAY)}
    return Line(CarrierConfig(webhook_url="http://app/", numbers=numbers, ring_s=0.1, **settings))


def caller(line: Line, *steps: Any) -> str:
    call = line.ring(*steps)
    line.command(call, "answer")
    return call


def waiting(line: Line, *steps: Any, **fields: object) -> str:
    call = caller(line, *steps)
    assert line.command(call, "enqueue", **{"queue_name": "support"} | fields).status == 200
    return call


def agent(line: Line, number: str = BOB) -> str:
    call: str = data(line.dial(number))["call_control_id"]
    line.tick(6)
    return call


def left(line: Line) -> list[tuple[str, str]]:
    """(call, reason) of all who left."""
    return [
        (event["payload"]["call_control_id"], event["payload"]["reason"])
        for event in line.events
        if event["event_type"] == "call.dequeued"
    ]


def get(line: Line, path: str) -> Response:
    return line.request("GET", f"/v2/queues{path}")


# ---- in ------------------------------------------------------------------------------------------


def test_calls_stand_in_the_order_in_which_they_came() -> None:
    line = desk()
    calls = [waiting(line) for _ in range(3)]
    positions = [
        event["payload"]["current_position"]
        for event in line.events
        if event["event_type"] == "call.enqueued"
    ]
    assert positions == [1, 2, 3]
    found = data(get(line, "/support/calls"))
    assert [each["call_control_id"] for each in found] == calls  # type: ignore[index]
    assert data(get(line, "/support"))["current_size"] == 3
    assert data(get(line, "/support"))["max_size"] == 100


def test_how_long_they_wait_is_told() -> None:
    line = desk()
    first = waiting(line)
    line.tick(150)
    waiting(line)
    line.tick(50)
    assert data(get(line, f"/support/calls/{first}"))["wait_time_secs"] == 4
    assert data(get(line, "/support"))["average_wait_time_secs"] == 2  # of 4 and 1
    line.command(first, "leave_queue")
    dequeued = line.payload("call.dequeued")
    assert (dequeued["wait_time_secs"], dequeued["queue_position"]) == (4, 1)
    waiting(line)
    assert line.payload("call.enqueued")["queue_avg_wait_time_secs"] == 4


def test_a_bridged_call_leaves_its_bridge_for_the_queue() -> None:
    line = desk()
    bob = agent(line)
    alice = caller(line)
    line.command(bob, "bridge", call_control_id=alice)
    assert line.command(alice, "enqueue", queue_name="support").status == 200
    assert line.report(bob).state == "ended"
    assert line.report(alice).state == "answered"


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({}, "10004", "/queue_name"),
        ({"queue_name": None}, "10004", "/queue_name"),
        ({"queue_name": 5}, "10026", "/queue_name"),
        ({"queue_name": "x" * 256}, "10025", "/queue_name"),
        ({"queue_name": "x", "max_size": 0}, "10033", "/max_size"),
        ({"queue_name": "x", "max_size": "many"}, "10026", "/max_size"),
        ({"queue_name": "x", "max_wait_time_secs": -1}, "10033", "/max_wait_time_secs"),
        ({"queue_name": "x", "keep_after_hangup": "yes"}, "10026", "/keep_after_hangup"),
        ({"queue_name": "full"}, "90036", None),
        ({"queue_name": "full", "max_size": 2}, "90037", "/max_size"),
    ],
)
def test_bad_parameters_of_enqueue(
    fields: dict[str, object], code: str, pointer: str | None
) -> None:
    line = desk()
    waiting(line, queue_name="full", max_size=1)
    assert codes(line.command(caller(line), "enqueue", **fields)) == [(code, pointer)]
    assert len(data(get(line, ""))) == 1


def test_a_call_waits_in_one_queue_at_a_time_and_only_when_it_is_answered() -> None:
    line = desk()
    call = waiting(line)
    assert codes(line.command(call, "enqueue", queue_name="other")) == [("90038", None)]
    assert codes(line.command(line.ring(), "enqueue", queue_name="x")) == [("90034", None)]
    assert codes(line.command(line.ring(), "leave_queue")) == [("90034", None)]
    assert codes(line.command(caller(line), "leave_queue")) == [("90035", None)]
    assert get(line, "/other").status == 404


def test_the_calls_of_a_queue_are_in_one_region() -> None:
    line = desk()
    path = f"/v2/call_control_applications/{line.config.connection_id}"
    body = {"application_name": "a", "webhook_event_url": "http://app/"}
    line.request("PATCH", path, body | {"anchorsite_override": "London, UK"})
    european = waiting(line)
    made = line.request(
        "POST",
        "/v2/call_control_applications",
        body | {"anchorsite_override": "Chicago, IL"},
    )
    american: Any = made.body["data"]
    response = line.request(
        "POST",
        "/v2/calls",
        {"connection_id": american["id"], "from": "+13125550100", "to": BOB},
    )
    bob = data(response)["call_control_id"]
    line.tick(6)
    assert codes(line.command(bob, "enqueue", queue_name="support")) == [("10027", "/queue_name")]
    line.command(european, "leave_queue")
    assert line.command(bob, "enqueue", queue_name="support").status == 200


# ---- out -----------------------------------------------------------------------------------------


def test_a_call_that_leaves_goes_on() -> None:
    line = desk()
    call = waiting(line)
    assert line.command(call, "leave_queue").status == 200
    assert left(line) == [(call, "leave")]
    assert line.report(call).state == "answered"
    assert line.command(call, "enqueue", queue_name="support").status == 200


def test_a_call_that_has_waited_long_enough_is_parked() -> None:
    line = desk()
    call = waiting(line, max_wait_time_secs=2)
    line.tick(99)
    assert left(line) == []
    line.tick(2)
    assert left(line) == [(call, "timeout")]
    assert line.report(call).state == "answered"


@pytest.mark.parametrize("who", ["caller", "command"])
def test_a_call_that_ends_is_out_before_its_hang_up_is_told(who: str) -> None:
    line = desk()
    steps = (Wait("bot_silent", for_s=0.1), HangUp()) if who == "caller" else STAY
    call = waiting(line, *steps)
    if who == "command":
        line.command(call, "hangup")
    line.tick(10)
    assert left(line) == [(call, "hangup")]
    assert line.event_types(call)[-2:] == ["call.dequeued", "call.hangup"]
    assert data(get(line, "/support"))["current_size"] == 0


def test_agents_take_who_has_waited_longest() -> None:
    line = desk()
    first, second = waiting(line), waiting(line)
    bob, carol = agent(line, BOB), agent(line, CAROL)
    assert line.command(bob, "bridge", queue="support").status == 200
    assert line.event_types()[-3:] == ["call.dequeued", "call.bridged", "call.bridged"]
    assert line.command(carol, "bridge", queue="support").status == 200
    assert left(line) == [(first, "bridging-in-process"), (second, "bridging-in-process")]
    assert line.report(first).bridged
    assert line.report(second).bridged


def test_two_agents_for_one_caller() -> None:
    line = desk()
    alice = waiting(line)
    bob, carol = agent(line, BOB), agent(line, CAROL)
    assert line.command(bob, "bridge", queue="support").status == 200
    assert codes(line.command(carol, "bridge", queue="support")) == [("90035", "/queue")]
    assert line.report(carol).state == line.report(alice).state == "answered"


def test_the_queue_goes_before_a_call_that_is_named_beside_it() -> None:
    line = desk()
    alice, other = waiting(line), caller(line)
    line.command(agent(line), "bridge", queue="support", call_control_id=other)
    assert line.report(alice).bridged
    assert not line.report(other).bridged


def test_an_agent_who_waits_themselves_does_not_meet_themselves() -> None:
    line = desk()
    bob = agent(line)
    line.command(bob, "enqueue", queue_name="support")
    assert codes(line.command(bob, "bridge", queue="support")) == [("90035", "/queue")]
    alice = waiting(line)
    assert line.command(bob, "bridge", queue="support").status == 200
    assert left(line) == [(alice, "bridging-in-process"), (bob, "bridged")]


def test_a_call_that_is_bridged_elsewhere_is_out() -> None:
    line = desk()
    alice, carol = waiting(line), waiting(line)
    line.command(agent(line), "bridge", call_control_id=alice)
    assert left(line) == [(alice, "bridged")]
    line.command(carol, "transfer", to=BOB)
    assert len(left(line)) == 1  # it may still fail
    line.tick(6)
    assert left(line)[1:] == [(carol, "bridged")]


def test_a_transfer_that_fails_leaves_the_call_in_its_queue() -> None:
    line = Line(CarrierConfig(webhook_url="http://a/", numbers={BOB: "busy"}, ring_s=0.1))
    call = waiting(line)
    line.command(call, "transfer", to=BOB)
    line.tick(6)
    assert left(line) == []
    assert data(get(line, f"/support/calls/{call}"))["queue_position"] == 1


# ---- calls that are kept -------------------------------------------------------------------------


def test_a_call_that_is_kept_after_its_end_tells_the_agent_whom_to_ring() -> None:
    line = desk()
    alice, carol = waiting(line, keep_after_hangup=True), waiting(line)
    line.command(alice, "hangup")
    assert left(line) == []
    dead = data(get(line, f"/support/calls/{alice}"))
    assert (dead["is_alive"], dead["queue_position"]) == (False, 1)
    bob = agent(line)
    response: Any = line.command(bob, "bridge", queue="support")
    assert codes(response) == [("90018", "/queue")]
    assert line.payload("call.initiated")["from"] in response.body["errors"][0]["detail"]
    assert left(line) == [(alice, "bridging-in-process")]
    assert line.command(bob, "bridge", queue="support").status == 200
    assert line.report(carol).bridged


def test_a_kept_call_can_be_removed_and_a_live_one_cannot() -> None:
    line = desk()
    call = waiting(line)
    path = f"/v2/queues/support/calls/{call}"
    assert line.request("DELETE", path).status == 404
    assert line.request("PATCH", path, {"keep_after_hangup": True}).status == 204
    line.command(call, "hangup")
    assert line.request("DELETE", path).status == 204
    assert left(line) == [(call, "hangup")]
    assert line.request("DELETE", path).status == 404


# ---- the resource --------------------------------------------------------------------------------


def test_a_queue_is_made_changed_and_deleted() -> None:
    line = desk()
    made = data(line.request("POST", "/v2/queues", {"queue_name": "support"}))
    assert (made["name"], made["max_size"], made["current_size"]) == ("support", 300, 0)
    again = line.request("POST", "/v2/queues", {"queue_name": "support"})
    assert codes(again) == [("10012", "/queue_name")]
    assert data(line.request("POST", "/v2/queues/support", {"max_size": 1}))["max_size"] == 1
    call = waiting(line)
    assert codes(line.command(caller(line), "enqueue", queue_name="support")) == [("90036", None)]
    refused = line.request("DELETE", "/v2/queues/support")
    assert (refused.status, codes(refused)) == (400, [("90050", None)])
    line.command(call, "leave_queue")
    assert line.request("DELETE", "/v2/queues/support").status == 204
    assert get(line, "/support").status == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "", {}, 422, "10004"),
        ("POST", "", {"queue_name": ""}, 422, "10004"),
        ("POST", "", {"queue_name": "x" * 256}, 422, "10025"),
        ("POST", "", {"queue_name": "x", "max_size": 0}, 422, "10033"),
        ("POST", "", {"queue_name": "x", "max_size": 1.5}, 422, "10026"),
        ("POST", "/none", {"max_size": 1}, 404, "10005"),
        ("POST", "/none", {}, 422, "10004"),
        ("GET", "/none", {}, 404, "10005"),
        ("DELETE", "/none", {}, 404, "10005"),
        ("GET", "/none/calls", {}, 404, "10005"),
        ("GET", "/none/calls/v3:x", {}, 404, "10005"),
        ("PATCH", "/none/calls/v3:x", {}, 404, "10005"),
        ("DELETE", "/none/calls/v3:x", {}, 404, "10005"),
        ("GET", "?page[number]=0", {}, 422, "10033"),
        ("GET", "?page[size]=251", {}, 422, "10033"),
    ],
)
def test_bad_requests_of_the_resource(
    method: str, path: str, body: dict[str, object], status: int, code: str
) -> None:
    response = desk().request(method, f"/v2/queues{path}", body)
    assert (response.status, codes(response)[0][0]) == (status, code)


def test_an_empty_queue_is_forgotten_after_a_while_and_made_anew() -> None:
    line = desk(queue_idle_s=2.0)
    first = data(line.request("POST", "/v2/queues", {"queue_name": "support"}))["id"]
    call = waiting(line)
    line.tick(200)
    assert data(get(line, "/support"))["id"] == first  # somebody waits in it
    line.command(call, "leave_queue")
    line.tick(99)
    assert get(line, "/support").status == 200
    line.tick(3)
    assert get(line, "/support").status == 404
    line.command(call, "enqueue", queue_name="support")
    assert data(get(line, "/support"))["id"] != first


def test_nothing_is_left_of_many_who_came_and_went() -> None:
    line = desk(queue_idle_s=1.0)
    for number in range(300):
        call = waiting(line, queue_name=f"q{number % 7}")
        line.command(call, "hangup")
    line.tick(60)
    assert get(line, "").body["data"] == []
    assert line.switch.live_legs == 0
    assert len(left(line)) == 300
