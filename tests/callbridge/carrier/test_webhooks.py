"""Events have the fields of recorded deliveries, and the shapes of their values."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core.deliveries import DeliveryAttempt
from callbridge.carrier.core.events import EventScope, in_version_1, payload_of
from callbridge.carrier.facts import documented as facts
from callbridge.carrier.people.script import CallScript, HangUp, Press, Wait
from callbridge.carrier.shapes import as_object
from telecodecs import silence
from tests.callbridge.carrier.documents import check_event
from tests.callbridge.carrier.line import SELF, STAY, Line

RECORDED = Path(__file__).parents[2] / "vectors" / "webhooks"
BOB = "+13125550199"


def recorded(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    event: dict[str, Any] = body["data"]
    return event


def shape(value: object) -> Any:
    """Types down to the leaves; strings by their form."""
    if (fields := as_object(value)) is not None:
        return {key: shape(inner) for key, inner in fields.items()}
    if isinstance(value, str):
        for name, pattern in (
            ("instant", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"),
            ("uuid", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
            ("call", r"v3:[A-Za-z0-9_-]{54}"),
            ("number", r"\+\d+"),
            ("decimal", r"\d+\.\d\d"),
            ("digits", r"\d+"),
        ):
            if re.fullmatch(pattern, value):
                return name
        return "text"
    return type(value).__name__


def events_of_an_inbound_call() -> dict[str, dict[str, Any]]:
    line = Line(speaks=True)
    call = line.ring(Wait("bot_silent", for_s=1.0), HangUp())
    line.command(call, "answer")
    line.command(call, "speak", payload="hi", voice="female")
    [order] = line.to_speak
    line.switch.synthesised(order.speak_id, SILENT_SPEECH, line.now)
    line.tick(80)
    return {event["event_type"]: event for event in line.events}


SILENT_SPEECH = silence(1600)


@pytest.mark.parametrize(
    ("name", "event_type"),
    [
        ("pstn-inbound.1-initiated", "call.initiated"),
        ("pstn-inbound.2-answered", "call.answered"),
        ("pstn-inbound.3-speak-started", "call.speak.started"),
        ("pstn-inbound.4-speak-ended", "call.speak.ended"),
        ("pstn-inbound.5-hangup", "call.hangup"),
    ],
)
def test_an_inbound_call_sends_what_was_recorded(name: str, event_type: str) -> None:
    sent, expected = events_of_an_inbound_call()[event_type], recorded(name)
    assert {key: shape(value) for key, value in sent.items() if key != "payload"} == {
        key: shape(value) for key, value in expected.items() if key != "payload"
    }
    ours: Any = shape(sent["payload"])
    theirs: Any = shape(expected["payload"])
    assert {key: ours.get(key) for key in theirs} == theirs
    # Beyond the recording only what the published tables name.
    assert set(ours) - set(theirs) <= {"state"}


def test_an_abandoned_call_matches_its_recording() -> None:
    line = Line()
    line.ring(Wait("answered", within_s=1), HangUp())
    line.tick(51)
    expected = recorded("volte-inbound.2-abandoned")["payload"]
    sent = line.payload("call.hangup")
    for key in ("call_quality_stats", "hangup_cause", "hangup_source", "sip_hangup_cause"):
        assert sent[key] == expected[key]


def test_an_outbound_call_has_the_recorded_ids_and_parties() -> None:
    line = Line(CarrierConfig(webhook_url="http://a/", numbers={BOB: CallScript(steps=STAY)}))
    line.dial(BOB)
    line.tick(30)
    sent: Any = shape(line.payload("call.initiated"))
    theirs: Any = shape(recorded("webrtc-outbound.1-initiated")["payload"])
    for key in set(theirs) - {"custom_headers", "calling_party_type"}:
        assert sent[key] == theirs[key]


def test_the_answered_event_repeats_the_stream() -> None:
    line = Line()
    line.streaming()
    payload = line.payload("call.answered")
    assert payload["stream_url"] == SELF["stream_url"]
    assert payload["stream_track"] == "inbound_track"
    assert line.payload("streaming.started")["stream_url"] == SELF["stream_url"]


def test_event_ids_are_unique_and_every_type_is_known() -> None:
    line = Line(speaks=True)
    call = line.streaming(Wait("streaming"), Press("1"), *STAY)
    line.tick(30)
    line.command(call, "hangup")
    ids = [event["id"] for event in line.events]
    assert len(set(ids)) == len(ids) == 6
    assert set(line.event_types()) <= facts.events().events.keys()
    assert len(facts.events().events) == 64


def test_the_tape_keeps_how_deliveries_went() -> None:
    line = Line()
    call = line.ring()
    failed = DeliveryAttempt(
        number=1,
        url="http://app/hooks?secret=1",
        delivered=False,
        said="500",
        last=False,
        began=0.25,
        ended=0.262,
    )
    line.switch.webhook_attempted(line.deliveries[0], failed, 0.5)
    entry = line.report(call).tape[-1]
    assert entry.kind == "webhook delivery"
    assert entry.detail == {
        "event_type": "call.initiated",
        "attempt": 1,
        "delivered": False,
        "said": "500",
        "ms": 12,
        "given_up": False,
        "url": "http://app/hooks",
    }


def test_secrets_of_a_command_cannot_be_looked_up() -> None:
    line = Line()
    line.command(line.ring(), "answer", **SELF, stream_auth_token="hush-hush")
    found = json.dumps(line.request("GET", "/v2/call_events").body)
    assert SELF["stream_url"] in found
    assert "hush-hush" not in found


def test_version_1_of_an_event_is_flat_and_has_the_old_name() -> None:
    line = Line()
    line.streaming(Wait("streaming"), Press("1"), *STAY)
    line.tick(30)
    names = [in_version_1(delivery.data)["event_type"] for delivery in line.deliveries]
    assert names == ["call_initiated", "call_answered", "streaming_started", "dtmf"]
    first: Any = in_version_1(line.deliveries[0].data)
    assert first.keys() == {"record_type", "event_type", "created_at", "id", "payload"}
    assert first["payload"]["occurred_at"] == first["created_at"]


def test_a_field_that_the_platform_does_not_document_cannot_be_sent() -> None:
    line = Line()
    leg = line.switch.find(line.ring())
    assert leg is not None
    with pytest.raises(ValueError, match=r"call\.bridged has no colour"):
        payload_of(EventScope(leg), "call.bridged", {"colour": "red"})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"hangup_cause": "boredom"}, "hangup_cause is none of"),
        ({"end_time": 5}, "end_time is not of type string"),
        ({"call_quality_stats": {"inbound": {"mos": 4.5}}}, "mos is not of type string"),
        ({"call_quality_stats": {"sideways": {}}}, "has no sideways"),
    ],
)
def test_the_documents_find_a_value_that_is_wrong(change: dict[str, Any], complaint: str) -> None:
    line = Line()
    line.command(line.ring(), "hangup")
    event: Any = line.deliveries[-1].event
    check_event(event)
    event["data"]["payload"] |= change
    with pytest.raises(AssertionError, match=complaint):
        check_event(event)


def test_the_documents_miss_what_every_event_of_a_leg_has() -> None:
    line = Line()
    line.ring()
    event: Any = line.deliveries[-1].event
    del event["data"]["payload"]["call_session_id"]
    with pytest.raises(AssertionError, match=r"lacks \['call_session_id'\]"):
        check_event(event)
