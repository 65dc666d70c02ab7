"""Payloads of the events, one function each.

Fields are those of the platform's tables plus those that recorded deliveries carry beyond them."""

from datetime import UTC, datetime

from callbridge.carrier.core.leg import CarrierLeg

Payload = dict[str, object]


def instant(unix_s: float) -> str:
    """ISO 8601 in UTC, always with six decimals, as recorded."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def common(leg: CarrierLeg) -> Payload:
    """In every event of a leg. `client_state` is null when none was ever set."""
    return {
        "call_control_id": leg.call_control_id,
        "call_leg_id": leg.identity.call_leg_id,
        "call_session_id": leg.identity.call_session_id,
        "calling_party_type": "pstn",
        "client_state": leg.client_state,
        "connection_id": leg.identity.connection_id,
    }


def _parties(leg: CarrierLeg) -> Payload:
    return {
        "from": leg.identity.from_,
        "to": leg.identity.to,
        "start_time": leg.identity.start_time,
    }


def initiated(leg: CarrierLeg) -> Payload:
    inbound = leg.identity.direction == "incoming"
    payload = common(leg) | _parties(leg) | {
        "connection_codecs": "G722,PCMA,PCMU,VP8,H264",
        "direction": leg.identity.direction,
        "from_sip_uri": f"{leg.identity.from_}@192.0.2.10:5060",
        "state": "parked" if inbound else "bridging",
        "to_sip_uri": f"{leg.identity.to}@192.0.2.20:5060",
    }  # fmt: skip
    if inbound:
        payload |= {
            "caller_id_name": leg.identity.from_,
            "offered_codecs": f"{leg.encoding.name},G729",
        }
    return payload


def answered(leg: CarrierLeg) -> Payload:
    payload = common(leg) | _parties(leg) | {
        "codec": leg.encoding.name,
        "sampling_rate": leg.encoding.sample_rate,
        "state": "answered",
    }  # fmt: skip
    if leg.stream_params is not None:
        payload |= {
            "stream_url": leg.stream_params.url,
            "stream_track": leg.stream_params.track,
        }
    return payload


def bridged(leg: CarrierLeg) -> Payload:
    return common(leg) | _parties(leg)


def hung_up(leg: CarrierLeg, end_time: str) -> Payload:
    assert leg.ending is not None
    return common(leg) | _parties(leg) | {
        "call_quality_stats": _quality(leg),
        "end_time": end_time,
        "hangup_cause": leg.ending.cause,
        "hangup_source": leg.ending.source,
        "sip_hangup_cause": leg.ending.sip,
        "state": "hangup",
    }  # fmt: skip


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


def digit_received(leg: CarrierLeg, digit: str) -> Payload:
    return common(leg) | {"digit": digit, "from": leg.identity.from_, "to": leg.identity.to}


def speak_started(leg: CarrierLeg, speak_id: str) -> Payload:
    return common(leg) | {"speak_id": speak_id}


def speak_ended(leg: CarrierLeg, speak_id: str, status: str) -> Payload:
    return common(leg) | {"speak_id": speak_id, "status": status}


def streaming(leg: CarrierLeg, stream_url: str) -> Payload:
    return common(leg) | {"stream_url": stream_url}


def streaming_failed(leg: CarrierLeg, stream_id: str, url: str, track: str, reason: str) -> Payload:
    return common(leg) | {
        "failure_reason": reason,
        "stream_id": stream_id,
        "stream_params": {"stream_url": url, "track": track},
        "stream_type": "websocket",
    }
