"""How much an account, or an application, may do at once."""

from typing import Any

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript
from tests.callbridge.carrier.line import STAY, Line, codes, data

BOB, CAROL = "+13125550199", "+13125550198"


def line_with(**settings: Any) -> Line:
    numbers = {number: CallScript(steps=STAY) for number in (BOB, CAROL)}
    return Line(CarrierConfig(webhook_url="http://app/", numbers=numbers, ring_s=0.1, **settings))


def set_application(line: Line, **settings: object) -> None:
    body = {"application_name": "a", "webhook_event_url": "http://app/"} | settings
    path = f"/v2/call_control_applications/{line.config.connection_id}"
    assert line.request("PATCH", path, body).status == 200


def test_too_many_requests_in_a_second_say_when_to_come_again() -> None:
    line = line_with(requests_per_s=3)
    answers = [line.request("GET", "/v2/queues") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert codes(answers[3]) == [("10011", None)]
    assert answers[3].headers == {
        "retry-after": "1",
        "x-ratelimit-limit": "3",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "1",
    }
    line.tick(51)
    assert line.request("GET", "/v2/queues").status == 200


def test_without_a_limit_there_is_none() -> None:
    line = line_with()
    assert {line.request("GET", "/v2/queues").status for _ in range(100)} == {200}


def test_an_account_that_is_not_verified_makes_ten_calls_an_hour() -> None:
    line = line_with(is_l1=True)
    for _ in range(9):
        assert line.dial(BOB).status == 200
    both = line.dial([BOB, CAROL])  # type: ignore[arg-type]
    assert (both.status, codes(both)) == (403, [("10039", None)])
    assert line.dial(BOB).status == 200
    call = line.ring()
    assert line.command(call, "transfer", to=BOB).status == 403
    line.now = 3601.0
    assert line.dial(BOB).status == 200


def test_an_application_makes_so_many_calls_at_once() -> None:
    line = line_with()
    set_application(line, outbound={"channel_limit": 1})
    call = data(line.dial(BOB))["call_control_id"]
    assert codes(line.dial(BOB)) == [("90043", None)]
    line.command(call, "hangup")
    assert line.dial(BOB).status == 200


def test_an_application_takes_so_many_calls_at_once() -> None:
    line = line_with()
    set_application(line, inbound={"channel_limit": 1})
    first, second = line.ring(), line.ring()
    assert line.report(first).state == "parked"
    assert line.report(second).hangup_cause == "user_busy"
    assert line.event_types() == ["call.initiated"]


def test_an_application_that_is_not_active_neither_makes_nor_takes_calls() -> None:
    line = line_with()
    set_application(line, active=False)
    assert codes(line.dial(BOB)) == [("10015", "/connection_id")]
    assert line.report(line.ring()).hangup_cause == "not_found"
    assert line.deliveries == []


def test_the_cost_of_a_call_is_told_where_the_application_asks_for_it() -> None:
    line = line_with()
    line.command(line.ring(), "hangup")
    assert "call.cost" not in line.event_types()
    set_application(line, call_cost_in_webhooks=True)
    call = line.ring()
    line.command(call, "answer")
    line.tick(60)
    line.command(call, "hangup")
    assert line.event_types(call)[-2:] == ["call.hangup", "call.cost"]
    assert line.payload("call.cost")["billed_duration_secs"] == 2
    assert "billing_group_id" not in line.payload("call.cost")


def test_the_cost_names_who_is_billed_by_the_answer_or_the_dial() -> None:
    line = line_with()
    set_application(line, call_cost_in_webhooks=True)
    group = "f5586561-8ff0-4291-a0ac-84fe544797bd"
    call = line.ring()
    line.command(call, "answer", billing_group_id=group)
    dialled = data(line.dial(BOB, billing_group_id=group))["call_control_id"]
    for each in (call, dialled):
        line.command(each, "hangup")
        assert line.payload("call.cost")["billing_group_id"] == group


def test_what_the_network_says_of_a_caller_is_told_where_the_application_asks_for_it() -> None:
    line = line_with()
    line.ring()
    assert "shaken_stir_attestation" not in line.payload("call.initiated")
    set_application(line, inbound={"shaken_stir_enabled": True})
    line.ring()
    payload = line.payload("call.initiated")
    assert (payload["shaken_stir_attestation"], payload["shaken_stir_validated"]) == ("A", True)
    line.dial(BOB)  # nobody vouches for a call of one's own
    assert "shaken_stir_attestation" not in line.payload("call.initiated")


def test_applications_are_found_by_a_part_of_their_name() -> None:
    line = line_with()
    for name in ("Support", "sales"):
        body = {"application_name": name, "webhook_event_url": "http://app/"}
        line.request("POST", "/v2/call_control_applications", body)
    found: Any = line.request(
        "GET", "/v2/call_control_applications?filter[application_name][contains]=supp"
    )
    assert [each["application_name"] for each in found.body["data"]] == ["Support"]
    other = line.request("GET", "/v2/call_control_applications?filter[colour]=red")
    assert (other.status, codes(other)) == (400, [("10031", "/filter")])


def test_active_calls_are_those_that_go_on() -> None:
    line = line_with()
    own = line.config.connection_id
    calls = [line.ring() for _ in range(3)]
    line.command(calls[1], "hangup")
    page: Any = line.request("GET", f"/v2/connections/{own}/active_calls?page[size]=1").body
    assert [each["call_control_id"] for each in page["data"]] == [calls[0]]
    assert (page["meta"]["total_items"], page["meta"]["total_pages"]) == (2, 2)
    past: Any = line.request("GET", f"/v2/connections/{own}/active_calls?page[number]=3").body
    assert past["data"] == []
    assert codes(line.request("GET", "/v2/connections/1/active_calls"))[0][0] == "10015"
