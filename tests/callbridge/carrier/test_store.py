"""What survives a restart: applications, events and what is left of calls."""

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core.leg import Identity
from callbridge.carrier.store import store as module
from callbridge.carrier.store.store import Store
from callbridge.carrier.switch import Switch
from callbridge.errors import CallbridgeError
from tests.callbridge.carrier.line import Line, codes, data

APPLICATIONS = "/v2/call_control_applications"
BOB = "+13125550199"
SUPPORT = {"application_name": "support", "webhook_event_url": "http://b/hooks"}
LEG = Identity("v3:a", "leg", "session", "1", "incoming", "+1", "+2", "2026-01-01T00:00:00.000000Z")


def line_on(file: Path) -> Line:
    """A carrier that was just started on a file."""
    line = Line()
    line.switch = Switch(line.config, wall=1_700_000_000.0, store=Store(file))
    return line


def listed(line: Line, path: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    body: Any = line.request("GET", path).body
    return body["data"], body["meta"]


# ---- applications -------------------------------------------------------------------------------


def test_an_application_and_its_calls_events_are_there_after_a_restart(tmp_path: Path) -> None:
    line = line_on(tmp_path / "carrier.db")
    made: Any = line.request("POST", APPLICATIONS, SUPPORT)
    assert made.status == 201
    id = made.body["data"]["id"]
    assert line.dial(BOB, connection_id=id).status == 200
    [delivery] = line.deliveries
    assert delivery.urls == ("http://b/hooks",)
    again = line_on(tmp_path / "carrier.db")
    assert data(again.request("GET", f"{APPLICATIONS}/{id}"))["application_name"] == "support"
    [event], _ = listed(again, f"/v2/call_events?filter[connection_id]={id}&filter[type]=webhook")
    assert event["name"] == "call.initiated"
    assert event["metadata"]["to"] == BOB
    assert again.dial(BOB, connection_id=id).status == 200


def test_the_carriers_own_application_follows_how_it_was_started(tmp_path: Path) -> None:
    line = line_on(tmp_path / "carrier.db")
    own = f"{APPLICATIONS}/{line.config.connection_id}"
    renamed = {"application_name": "mine", "webhook_event_url": "http://else/", "tags": ["a"]}
    assert line.request("PATCH", own, renamed).status == 200
    again = data(line_on(tmp_path / "carrier.db").request("GET", own))
    assert (again["application_name"], again["tags"]) == ("mine", ["a"])
    assert again["webhook_event_url"] == "http://app/hooks"
    assert line.request("DELETE", own).status == 422


def test_a_changed_webhook_address_holds_from_the_next_call_on() -> None:
    line = Line()
    own = f"{APPLICATIONS}/{line.config.connection_id}"
    line.request("PATCH", own, SUPPORT | {"webhook_event_failover_url": "http://c/"})
    line.ring()
    assert line.deliveries[-1].urls == ("http://b/hooks", "http://c/")


def test_one_field_of_an_application_is_changed_alone() -> None:
    line = Line()
    made: Any = line.request("POST", APPLICATIONS, SUPPORT)
    own = f"{APPLICATIONS}/{made.body['data']['id']}"
    changed = data(line.request("PATCH", own, {"tags": ["a"]}))
    assert changed == made.body["data"] | {"tags": ["a"], "updated_at": changed["updated_at"]}


def test_webhooks_of_an_application_go_to_an_address_of_the_web() -> None:
    line = Line()
    body = SUPPORT | {"webhook_event_url": "hooks"}
    for method, path in (("POST", ""), ("PATCH", f"/{line.config.connection_id}")):
        response = line.request(method, APPLICATIONS + path, body)
        assert codes(response) == [("10003", "/webhook_event_url")]


def test_an_application_can_be_deleted_and_is_then_not_found() -> None:
    line = Line()
    made: Any = line.request("POST", APPLICATIONS, SUPPORT)
    path = f"{APPLICATIONS}/{made.body['data']['id']}"
    assert line.request("DELETE", path).status == 200
    assert line.request("GET", path).status == 404
    assert line.dial(BOB, connection_id=made.body["data"]["id"]).status == 422


def test_applications_are_listed_in_pages_in_the_order_asked_for() -> None:
    line = Line()
    for name in ("zebra", "ant", "mole"):
        line.request("POST", APPLICATIONS, SUPPORT | {"application_name": name})
    first, meta = listed(line, f"{APPLICATIONS}?page[size]=3&sort=connection_name")
    assert [each["application_name"] for each in first] == ["ant", "callbridge", "mole"]
    assert meta == {"page_number": 1, "page_size": 3, "total_pages": 2, "total_results": 4}
    second, _ = listed(line, f"{APPLICATIONS}?page[size]=3&page[number]=2&sort=connection_name")
    assert [each["application_name"] for each in second] == ["zebra"]
    assert line.request("GET", f"{APPLICATIONS}?page[size]=251").status == 422


# ---- events -------------------------------------------------------------------------------------


def test_events_are_found_by_what_they_are_and_when() -> None:
    line = Line()
    call = line.ring()
    line.command(call, "answer", client_state="aGk=")
    line.tick(50)
    line.command(call, "hangup")
    everything, meta = listed(line, "/v2/call_events")
    names = [each["name"] for each in everything]
    # The newest is first, and a command stands after what it brought about.
    assert names == ["hangup", "call.hangup", "answer", "call.answered", "call.initiated"]
    assert meta["total_results"] == 5
    webhooks, _ = listed(line, "/v2/call_events?filter[type]=webhook&filter[name]=call.answered")
    [answered] = webhooks
    assert answered["call_leg_id"] == answered["metadata"]["call_leg_id"]
    later, _ = listed(
        line, f"/v2/call_events?filter[occurred_at][gt]={answered['event_timestamp']}"
    )
    assert [each["name"] for each in later] == ["hangup", "call.hangup"]


@pytest.mark.parametrize("unknown", ["filter[failed]=true", "filter[occurred_at][near]=1"])
def test_a_filter_that_is_not_there_is_refused_and_not_ignored(unknown: str) -> None:
    assert Line().request("GET", f"/v2/call_events?{unknown}").status == 422


def test_the_oldest_events_and_recordings_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_EVENTS", 3)
    monkeypatch.setattr(module, "KEPT_RECORDINGS", 2)
    store = Store()
    for number in range(5):
        store.command(LEG, f"c{number}", "2026-01-01T00:00:00Z", {})
        store.keep_recording(f"v3:{number}", {"number": number})
    page = store.events({}, number=1, size=20)
    assert [each["name"] for each in page.items] == ["c4", "c3", "c2"]
    assert [store.recording(f"v3:{number}") is not None for number in range(5)] == [
        False, False, False, True, True,
    ]  # fmt: skip


# ---- the file -----------------------------------------------------------------------------------


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "carrier.db"
    file.write_text("nothing of the kind, and long enough to be looked at" * 100)
    with pytest.raises(CallbridgeError, match=r"carrier\.db cannot be used"):
        Store(file)


def test_two_carriers_in_memory_share_nothing() -> None:
    config = CarrierConfig(webhook_url="http://a/")
    first, second = (Switch(config, wall=0.0, seed=1) for _ in range(2))
    first.store.keep_recording("v3:a", {})
    assert second.store.recording("v3:a") is None


def test_a_store_that_nobody_closes_is_closed_when_it_is_forgotten() -> None:
    store = Store()
    database = store._db  # pyright: ignore[reportPrivateUsage]
    thread = threading.Thread(target=database.execute, args=("select 1",))
    thread.start()
    thread.join()
    del store
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        database.execute("select 1")


@pytest.mark.parametrize("path", ["call_events", "webhook_deliveries", "recordings"])
@pytest.mark.parametrize("page", ["9" * 18, "9" * 5000])
def test_a_page_behind_the_end_of_the_world_is_empty_or_refused(path: str, page: str) -> None:
    line = Line()
    line.ring()
    response = line.request("GET", f"/v2/{path}?page[number]={page}")
    assert response.status in (200, 422)
    assert response.status == 422 or response.body["data"] == []
