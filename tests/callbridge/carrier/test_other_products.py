"""Numbers, look-ups and messages: stubs, as far as programs for calls use them."""

from pathlib import Path
from typing import Any

import pytest
import telnyx

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.store.other_products import AskedOfStub, OrderedNumber
from callbridge.carrier.store.store import Store
from tests.callbridge.carrier.line import Line, codes, data
from tests.callbridge.carrier.live import KEY, carrier, hooks
from tests.callbridge.carrier.test_sdk import client

SEARCH, ORDERS, NUMBERS = "/v2/available_phone_numbers", "/v2/number_orders", "/v2/phone_numbers"


def searched(line: Line, query: str) -> list[str]:
    response: Any = line.request("GET", f"{SEARCH}?{query}")
    assert response.status == 200, response.body
    numbers = [each["phone_number"] for each in response.body["data"]]
    assert response.body["metadata"]["total_results"] == len(numbers)
    return numbers


def order(line: Line, number: str, **fields: object) -> Any:
    body = {"phone_numbers": [{"phone_number": number}], **fields}
    return data(line.request("POST", ORDERS, body))


def application(line: Line, url: str) -> str:
    body = {"application_name": "tracking", "webhook_event_url": url}
    created: Any = line.request("POST", "/v2/call_control_applications", body)
    return str(created.body["data"]["id"])


def test_numbers_are_found_as_the_tutorials_look_for_them() -> None:
    line = Line(CarrierConfig(numbers={"+13125550100": "busy"}))
    in_python = (
        "filter[locality]=Chicago&filter[rate_center]=IL&filter[features]=sms"
        "&filter[limit]=1&filter[quickship]=True"
    )
    assert searched(line, in_python) == ["+13125550101"]  # somebody has the first one
    in_node = (
        "filter[national_destination_code]=415&filter[features][]=sms&filter[features][]=voice"
        "&filter[limit]=2"
    )
    assert searched(line, in_node) == ["+14155550100", "+14155550101"]
    assert len(searched(line, "")) == 99


@pytest.mark.parametrize(
    "query",
    [
        "filter[national_destination_code]=1",
        "filter[national_destination_code]=041",
        "filter[features]=sms,fax",
        "filter[country_code]=DE",
        "filter[phone_number_type]=toll_free",
    ],
)
def test_what_there_is_not_is_an_empty_list(query: str) -> None:
    assert searched(Line(), query) == []


@pytest.mark.parametrize(
    ("query", "code", "status"),
    [
        ("filter[best_effort]=true", "10031", 400),
        ("filter[limit]=0", "10015", 422),
        ("filter[limit]=many", "10015", 422),
        ("filter=312", "10026", 422),
    ],
)
def test_a_filter_that_would_not_act_is_refused(query: str, code: str, status: int) -> None:
    response = Line().request("GET", f"{SEARCH}?{query}")
    assert (response.status, codes(response)[0][0]) == (status, code)


def test_a_call_to_an_ordered_number_comes_to_its_application() -> None:
    line = Line()
    theirs = application(line, "http://tracking/inbound")
    ordered = order(line, "+13125550142", connection_id=theirs)
    assert ordered["phone_numbers"][0]["status"] == ordered["status"] == "success"
    line.ring(to="+13125550142")
    assert line.deliveries[-1].urls == ("http://tracking/inbound",)
    assert line.payload("call.initiated")["connection_id"] == theirs
    line.ring(to="+13125550143")
    assert line.deliveries[-1].urls == ("http://app/hooks",)
    line.request("DELETE", f"{NUMBERS}/+13125550142")
    line.ring(to="+13125550142")
    assert line.deliveries[-1].urls == ("http://app/hooks",)


def test_an_ordered_number_is_found_by_its_id_and_by_itself() -> None:
    line = Line()
    ordered = order(line, "+13125550142", connection_id=line.config.connection_id)
    id = ordered["phone_numbers"][0]["id"]
    for name in (id, "+13125550142", "%2B13125550142"):
        number = data(line.request("GET", f"{NUMBERS}/{name}"))
        assert (number["phone_number"], number["status"]) == ("+13125550142", "active")
        assert number["connection_name"] == "callbridge"
    order(line, "+14155550142")
    by_part: Any = line.request("GET", f"{NUMBERS}?filter[phone_number]=415").body
    assert [each["phone_number"] for each in by_part["data"]] == ["+14155550142"]
    assert searched(line, "filter[limit]=43")[-1] == "+13125550143"  # theirs is passed over
    assert data(line.request("DELETE", f"{NUMBERS}/{id}"))["status"] == "deleted"
    assert line.request("GET", f"{NUMBERS}/{id}").status == 404


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "10004", "/phone_numbers"),
        ({"phone_numbers": [{"phone_number": "312"}]}, "10016", "/phone_numbers"),
        ({"phone_numbers": [{"number": "+1312"}]}, "10004", "/phone_numbers/0/phone_number"),
        ({"phone_numbers": [{"phone_number": "+13125550142"}]}, "10015", "/phone_numbers"),
        (
            {"phone_numbers": [{"phone_number": "+13125550143"}], "connection_id": "1"},
            "10015",
            "/connection_id",
        ),
    ],
)
def test_orders_that_are_refused(body: Any, code: str, pointer: str) -> None:
    line = Line()
    order(line, "+13125550142")
    response = line.request("POST", ORDERS, body)
    assert (response.status, codes(response)) == (422, [(code, pointer)])
    assert len(line.switch.store.other_products.asked.find({})[0]) == 1


def test_a_look_up_knows_the_number_and_nobody_behind_it() -> None:
    line = Line()
    found = data(line.request("GET", "/v2/number_lookup/+13125550123"))
    assert (found["national_format"], found["country_code"]) == ("(312) 555-0123", "US")
    assert found["caller_name"] is None
    refused = line.request("GET", "/v2/number_lookup/+13125550123?type=caller-name")
    assert codes(refused) == [("10027", "/type")]
    assert codes(line.request("GET", "/v2/number_lookup/312"))[0][0] == "10016"


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"text": "hello"}, "10004", "/from"),
        ({"from": "+13125550100"}, "10004", "/text"),
        ({"from": "+13125550100", "text": "hello", "send_at": "2027-01-01T00:00:00Z"},
         "10027", "/send_at"),
        ({"from": "+13125550100", "text": "hello", "webhook_url": "http://app/"},
         "10027", "/webhook_url"),
    ],
)  # fmt: skip
def test_messages_that_are_refused(fields: dict[str, object], code: str, pointer: str) -> None:
    response = Line().request("POST", "/v2/messages", {"to": "+13125550199"} | fields)
    assert (response.status, codes(response)) == (422, [(code, pointer)])


async def test_the_sdk_finds_orders_looks_up_drops_and_texts() -> None:
    async with (
        hooks() as app,
        carrier(CarrierConfig(api_key=KEY, webhook_url=app.url)) as live,
        client(live) as sdk,
    ):
        found: Any = await sdk.available_phone_numbers.list(
            filter={"national_destination_code": "415", "features": ["sms", "voice"], "limit": 1}
        )
        assert found.metadata.total_results == 1
        number = found.data[0].phone_number
        ordered: Any = await sdk.number_orders.create(
            phone_numbers=[{"phone_number": number}],
            connection_id=CarrierConfig().connection_id,
        )
        assert ordered.data.phone_numbers[0].phone_number == number
        kept: Any = await sdk.phone_numbers.retrieve(number)
        assert kept.data.deletion_lock_enabled is False
        assert [each.id async for each in sdk.phone_numbers.list()] == [kept.data.id]
        looked_up: Any = await sdk.number_lookup.retrieve(number)
        assert looked_up.data.caller_name is None
        dropped: Any = await sdk.phone_numbers.delete(kept.data.id)
        assert dropped.data.status == "deleted"
        with pytest.raises(telnyx.NotFoundError):
            await sdk.phone_numbers.retrieve(number)
        sent: Any = await sdk.messages.send(from_=number, to="+13125550199", text="hello")
        assert sent.data.to[0].status == "queued"
        asked = (await live.http.get("/carrier/asked")).json()["asked"]
        unknown = await live.http.get("/carrier/asked", headers={"authorization": "Bearer no"})
    assert unknown.status_code == 401
    assert asked[0]["operation"] == "messages.send"
    assert asked[0]["given"] == {"from": number, "to": "+13125550199", "text": "hello"}
    assert [each["operation"] for each in reversed(asked)] == [
        "available_phone_numbers.list",
        "number_orders.create",
        "phone_numbers.retrieve",
        "phone_numbers.list",
        "number_lookup.retrieve",
        "phone_numbers.delete",
        "messages.send",
    ]


def test_numbers_outlast_the_carrier_and_the_oldest_questions_do_not(tmp_path: Path) -> None:
    store = Store(tmp_path / "carrier.db")
    number = OrderedNumber(id="1", phone_number="+13125550142", created_at="")
    store.other_products.numbers.keep(number.phone_number, number)
    for id in range(1003):
        store.other_products.note(AskedOfStub(str(id), "messages.send", "", {}))
    store.close()
    again = Store(tmp_path / "carrier.db")
    assert again.other_products.numbers.get("+13125550142") == number
    asked, total = again.other_products.asked.find({})
    assert (total, asked[0].id, asked[-1].id) == (1000, "1002", "3")
