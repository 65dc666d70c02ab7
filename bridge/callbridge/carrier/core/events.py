"""Payloads of the events: the fields of the leg that an event repeats, and those of the moment.

What belongs to an event is read off the facts: the platform's tables, and what recorded deliveries
carry beyond them."""

import math
from datetime import UTC, datetime
from functools import cache

import msgspec

from callbridge.carrier.core.leg import CarrierLeg, Headers
from callbridge.carrier.core.routing import Routing
from callbridge.carrier.facts import documented
from callbridge.carrier.shapes import as_object

Payload = dict[str, object]

NAMES_IN_VERSION_1 = {
    "call.initiated": "call_initiated",
    "call.answered": "call_answered",
    "call.hangup": "call_hangup",
    "call.bridged": "call_bridged",
    "call.dtmf.received": "dtmf",
}


def instant(unix_s: float) -> str:
    """ISO 8601 in UTC, always with six decimals, as recorded."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class EventScope(msgspec.Struct, frozen=True):
    """What an event is about: a leg, or a conference and one of its legs.

    `leg` keeps the event on its tape; `repeated` goes before what events repeat of the leg, and
    `routing` before the leg's own."""

    leg: CarrierLeg
    repeated: Payload = {}
    routing: Routing | None = None
    conference_id: str | None = None


def event(event_type: str, id: str, at: str, payload: Payload) -> Payload:
    """What is told of an event, with its instant where the documents have it."""
    facts = documented.events().events[event_type]
    event: Payload = {"record_type": "event", "event_type": event_type, "id": id}
    if facts.occurred_at_in == "payload":
        return event | {"payload": payload | {"occurred_at": at}}
    instants = dict.fromkeys(("occurred_at", *facts.beside_payload), at)
    return event | instants | {"payload": payload}


def is_flat(event_type: str) -> bool:
    """Whether the documents show the event without the `data` around it."""
    return documented.events().events[event_type].flat


def payload_of(scope: EventScope, event_type: str, fields: Payload) -> Payload:
    """Raises ValueError for a field that the documents do not name."""
    allowed = names_in(event_type)
    unknown = fields.keys() - allowed
    if unknown:
        raise ValueError(f"{event_type} has no {', '.join(sorted(unknown))}")
    repeated = common(scope.leg) | scope.repeated
    return {name: value for name, value in repeated.items() if name in allowed} | fields


@cache
def names_in(event_type: str) -> frozenset[str]:
    """All that the payload of an event may hold."""
    facts = documented.events()
    event = facts.events[event_type]
    of_a_conference = "conference_id" in event.shared
    everywhere = () if of_a_conference else facts.in_every_event_of_a_leg
    return frozenset((*everywhere, *event.required, *event.observed, *event.shared, *event.payload))


def common(leg: CarrierLeg) -> Payload:
    """What events repeat of their leg. `client_state` is null when none was ever set."""
    identity = leg.identity
    return {
        "call_control_id": leg.call_control_id,
        "call_leg_id": identity.call_leg_id,
        "call_session_id": identity.call_session_id,
        "calling_party_type": "pstn",
        "client_state": leg.client_state,
        "connection_id": identity.connection_id,
        "from": identity.from_,
        "start_time": identity.start_time,
        "to": identity.to,
    }


def in_version_1(event: Payload) -> Payload:
    """The older form of what stands in `data`: flat, its name without dots. Of the names only
    call_initiated, call_answered, call_hangup and recording_saved are documented."""
    name = str(event["event_type"])
    payload = as_object(event["payload"]) or {}
    return {
        "record_type": "event",
        "event_type": NAMES_IN_VERSION_1.get(name) or _without_dots(name),
        "created_at": event.get("occurred_at"),
        "id": event["id"],
        "payload": {"occurred_at": event.get("occurred_at")} | payload,
    }


def _without_dots(name: str) -> str:
    return name.removeprefix("call.").replace(".", "_")


# ---- fields of the moment, where they are more than a word or two -------------------------------


# As recorded of a mobile phone.
OFFERS = {
    "AMR-WB": "AMR-WB~OCTET-ALIGN=0; MODE-SET=0,16000H,AMR-WB~OCTET-ALIGN=1; MODE-SET=0,16000H,PCMU"
}


def initiated(leg: CarrierLeg) -> Payload:
    inbound = leg.identity.direction == "incoming"
    fields: Payload = {
        "connection_codecs": _connection_codecs(leg.encoding.name),
        "direction": leg.identity.direction,
        "from_sip_uri": f"{leg.identity.from_}@192.0.2.10:5060",
        "state": "parked" if inbound else "bridging",
        "to_sip_uri": f"{leg.identity.to}@192.0.2.20:5060",
    }
    if inbound:
        fields |= {
            "caller_id_name": leg.identity.from_,
            "offered_codecs": OFFERS.get(leg.encoding.name, f"{leg.encoding.name},G729"),
        }
        if leg.routing.tells_attestation:  # in full: a caller by script is known to this machine
            fields |= {"shaken_stir_attestation": "A", "shaken_stir_validated": True}
    return fields | _headers(leg, custom=leg.headers.custom) | _tags(leg)


def _connection_codecs(leg: str) -> str:
    """As recorded, of an application that allows what the leg came to have."""
    return ",".join(dict.fromkeys(("G722", "PCMA", "PCMU", leg, "VP8", "H264")))


def _headers(leg: CarrierLeg, *, custom: Headers) -> Payload:
    """The SIP ones are those of the call in all of its events."""
    headers = {"custom_headers": custom, "sip_headers": leg.headers.sip}
    return {
        field: [{"name": name, "value": value} for name, value in pairs]
        for field, pairs in headers.items()
        if pairs
    }


def _tags(leg: CarrierLeg) -> Payload:
    return {"tags": list(leg.routing.tags)} if leg.routing.tags else {}


def answered(leg: CarrierLeg) -> Payload:
    fields: Payload = {
        "codec": leg.encoding.name,
        "sampling_rate": leg.encoding.sample_rate,
        "state": "answered",
    }
    return leg.answered_with | _headers(leg, custom=leg.answer_headers) | _tags(leg) | fields


def hung_up(leg: CarrierLeg, end_time: str) -> Payload:
    """The custom headers are the answer's, as documented, or else the call's own, as recorded."""
    assert leg.ending is not None
    of_call = _headers(leg, custom=leg.answer_headers or leg.headers.custom) | _tags(leg)
    return of_call | {
        "call_quality_stats": _quality(leg),
        "end_time": end_time,
        "hangup_cause": leg.ending.cause,
        "hangup_source": leg.ending.source,
        "sip_hangup_cause": leg.ending.sip,
        "state": "hangup",
    }


def cost(leg: CarrierLeg, at: str) -> Payload:
    """Nothing is billed here."""
    until, since = leg.ended_at or 0.0, leg.answered_at
    fields: Payload = {
        "billed_duration_secs": 0 if since is None else math.ceil(until - since),
        "cost_parts": [],
        "occurred_at": at,
        "status": "success",
        "total_cost": "0.0000",
    }
    if leg.billing_group_id is not None:
        fields["billing_group_id"] = leg.billing_group_id
    return fields


def _quality(leg: CarrierLeg) -> Payload | None:
    """Null for a call that was never answered; every number is a string."""
    if leg.answered_at is None:
        return None
    packets = str(leg.ticks)
    return {
        "inbound": {
            "jitter_max_variance": "0.00",
            "jitter_packet_count": "0",
            "mos": "4.50",
            "packet_count": packets,
            "skip_packet_count": "0",
        },
        "outbound": {"packet_count": packets, "skip_packet_count": "0"},
    }
