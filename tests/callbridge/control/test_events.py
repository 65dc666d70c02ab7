"""Every shape of webhook becomes an Event or an error."""

import json
import random
from typing import Any

import pytest

from callbridge.control.events import EVENT_TYPES, dotted, read_event
from callbridge.errors import BadWebhookBody
from tests.callbridge.control.vectors import RECORDED

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
LEG = "v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg"


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_bodies_are_events(name: str) -> None:
    data = json.loads(RECORDED[name])["data"]
    event = read_event(RECORDED[name], JSON)
    assert (event.event_type, event.id) == (data["event_type"], data["id"])
    assert (event.occurred_at, event.payload) == (data["occurred_at"], data["payload"])
    assert event.call_control_id == data["payload"]["call_control_id"]
    assert event.call_leg_id == data["payload"]["call_leg_id"]
    assert event.call_session_id == data["payload"]["call_session_id"]
    assert event.client_state is None


def test_ten_bodies_were_recorded() -> None:
    assert len(RECORDED) == 10


PAYLOAD = {"call_control_id": LEG, "client_state": "aGk=", "occurred_at": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("body", "event_type", "occurred_at"),
    [
        pytest.param(
            {
                "record_type": "event",
                "event_type": "call_initiated",
                "id": "e1",
                "created_at": "2026-01-01T00:00:01Z",
                "payload": PAYLOAD,
            },
            "call.initiated",
            "2026-01-01T00:00:00Z",
            id="version 1",
        ),
        pytest.param(
            {
                "event_type": "recording_saved",
                "webhook_id": "e1",
                "created_at": "2026-01-01T00:00:01Z",
                "payload": {"call_control_id": LEG, "client_state": "aGk="},
            },
            "call.recording.saved",
            "2026-01-01T00:00:01Z",
            id="version 1, webhook_id, no call_ in the name",
        ),
        pytest.param(
            {"event_type": "conference.floor.changed", "id": "e1", "payload": PAYLOAD},
            "conference.floor.changed",
            "2026-01-01T00:00:00Z",
            id="flat",
        ),
        pytest.param(
            {
                "data": {"event_type": "call.deepfake_detection.result", "id": "e1"},
                "payload": PAYLOAD,
            },
            "call.deepfake_detection.result",
            "2026-01-01T00:00:00Z",
            id="payload beside data",
        ),
        pytest.param(
            {"data": {"event_type": "call.brand_new", "id": "e1", "payload": PAYLOAD}},
            "call.brand_new",
            "2026-01-01T00:00:00Z",
            id="unknown name",
        ),
    ],
)
def test_every_envelope_holds_the_same_event(
    body: dict[str, Any], event_type: str, occurred_at: str
) -> None:
    event = read_event(json.dumps(body).encode(), "application/json; charset=utf-8")
    assert (event.event_type, event.id, event.occurred_at) == (event_type, "e1", occurred_at)
    assert (event.call_control_id, event.client_state) == (LEG, "aGk=")


def read(body: dict[str, Any]) -> object:
    """The event as a call sees it; that of a refused body is its refusal."""
    try:
        event = read_event(json.dumps(body).encode(), JSON)
    except BadWebhookBody as refused:
        return str(refused)
    ids = (event.call_control_id, event.call_leg_id, event.call_session_id, event.client_state)
    return (event.event_type, event.id, event.occurred_at, ids)


FIELDS = ["event_type", "id", "webhook_id", "occurred_at", "created_at", "payload", "data"]
IDS = ["call_control_id", "call_leg_id", "call_session_id", "client_state", "occurred_at"]


@pytest.mark.parametrize("name", [*FIELDS, *IDS])
@pytest.mark.parametrize("level", ["top", "data", "payload"])
def test_null_is_absent_in_every_field_of_a_webhook(level: str, name: str) -> None:
    payload: dict[str, Any] = {"call_control_id": LEG, "occurred_at": "2026-01-01T00:00:00Z"}
    inner: dict[str, Any] = {
        "event_type": "call.hangup",
        "id": "e1",
        "created_at": "then",
        "payload": payload,
    }
    absent: dict[str, Any] = {"data": inner} if level != "top" else inner
    changed = {"top": absent, "data": inner, "payload": payload}[level]
    changed.pop(name, None)
    without = read(absent)
    changed[name] = None
    assert read(absent) == without


def test_version_1_names_are_unambiguous() -> None:
    assert len(EVENT_TYPES) == 64
    for name in EVENT_TYPES:
        assert dotted(name) == name
        if name.count("."):
            assert dotted(name.replace(".", "_")) == name
    assert dotted("speak_ended") == "call.speak.ended"
    assert dotted("hold") == "hold"


def test_a_form_is_a_texml_callback() -> None:
    body = b"CallSid=v3%3Aabc&CallStatus=in-progress&From=%2B13125550151&Digits=&To=J%C3%BCrgen"
    event = read_event(body, FORM)
    assert event.event_type == "texml.callback"
    assert event.payload == {
        "CallSid": "v3:abc",
        "CallStatus": "in-progress",
        "From": "+13125550151",
        "Digits": "",
        "To": "Jürgen",
    }
    assert event.call_control_id == "v3:abc"
    assert read_event(body, FORM).id == event.id
    assert read_event(body + b"&SequenceNumber=2", FORM).id != event.id


def test_a_form_says_when() -> None:
    event = read_event(b"CallSid=a&Timestamp=2026-01-01T00%3A00%3A00Z", FORM)
    assert event.occurred_at == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"", JSON, "not a Voice API event"),
        (b"null", JSON, "not a Voice API event"),
        (b"{}", JSON, "no event_type"),
        (b'{"data":{}}', JSON, "no event_type"),
        (b'{"data":{"event_type":"call.hangup","payload":{}}}', JSON, "neither id nor webhook_id"),
        (b'{"data":{"event_type":"call.hangup","id":"e1"}}', JSON, "no payload"),
        (b'{"data":{"event_type":"call.hangup","id":7,"payload":{}}}', JSON, "not a Voice API"),
        (b'{"event_type":"call.hangup","id":"e1","payload":[]}', JSON, "not a Voice API event"),
        (b'{"event_type":"\xff","id":"e1","payload":{}}', JSON, "not a Voice API event"),
        (b'{"data":' * 100_000, JSON, "not a Voice API event"),
        (b"", FORM, "not a form"),
        (b"CallSid", FORM, "not a form"),
        (b"CallSid=%ff", FORM, "not a form"),
        (b"CallSid=\xff", FORM, "not a form"),
        (b"CallSid=a", JSON, "not a Voice API event"),
    ],
)
def test_anything_else_is_refused_with_a_reason(
    body: bytes, content_type: str, reason: str
) -> None:
    with pytest.raises(BadWebhookBody, match=reason):
        read_event(body, content_type)


def test_ten_thousand_malformed_bodies_raise_nothing_else() -> None:
    chance = random.Random(20260101)
    recorded = list(RECORDED.values())

    def cut(body: bytes) -> bytes:
        return body[: chance.randrange(len(body))]

    def spoilt(body: bytes) -> bytes:
        # Octets that UTF-8 never uses, in a part that is read.
        at = chance.randrange(body.index(b'"payload"'), body.index(b'"record_type"'))
        return body[:at] + bytes([chance.choice((0xC0, 0xF8, 0xFF))]) + body[at + 1 :]

    def retyped(body: bytes) -> bytes:
        event = json.loads(body)
        junk = chance.choice(["7", "-0.5", "true", "[]", "[{}]", '{"a": null}'])
        event["data"][chance.choice(["event_type", "id", "occurred_at"])] = json.loads(junk)
        return json.dumps(event).encode()

    def robbed(body: bytes) -> bytes:
        event = json.loads(body)
        del event["data"][chance.choice(["event_type", "id", "payload"])]
        return json.dumps(event).encode()

    def noise(body: bytes) -> bytes:
        return b"\xff" + chance.randbytes(chance.randrange(len(body)))

    for number in range(10_000):
        spoil = chance.choice([cut, spoilt, retyped, robbed, noise])
        body = spoil(recorded[number % len(recorded)])
        content_type = FORM if spoil is noise and number % 2 else JSON
        with pytest.raises(BadWebhookBody, match=r"\w"):
            read_event(body, content_type)
