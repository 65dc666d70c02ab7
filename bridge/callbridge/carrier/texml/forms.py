"""What a customer is told with each request: form fields, all of them strings.

Source: the platform's TeXML pages. `CallSid` is the call_control_id, for commands as well.
`CallSidLegacy`, its older form, is the same again here."""

from callbridge.carrier.core.events import initiated
from callbridge.carrier.core.leg import CarrierLeg, LegState

TexmlForm = dict[str, str]

STATUS_OF_CAUSE = {
    "user_busy": "busy",
    "no_answer": "no-answer",
    "timeout": "no-answer",
    "originator_cancel": "canceled",
    "call_rejected": "failed",
    "not_found": "failed",
}


def of_call(leg: CarrierLeg, account: str) -> TexmlForm:
    """What every request repeats of its call."""
    identity = leg.identity
    return {
        "AccountSid": account,
        "CallSid": leg.call_control_id,
        "CallSidLegacy": leg.call_control_id,
        "ConnectionId": identity.connection_id,
        "From": identity.from_,
        "To": identity.to,
    }


def instruction_fetch(leg: CarrierLeg, account: str) -> TexmlForm:
    """A request for a document."""
    uris = initiated(leg)
    return of_call(leg, account) | {
        "CallerId": leg.identity.from_,
        "CallingPartyType": "pstn",
        "CallStatus": "ringing" if leg.state is LegState.PARKED else "in-progress",
        "FromSipUri": str(uris["from_sip_uri"]),
        "ToSipUri": str(uris["to_sip_uri"]),
    }


def call_status(leg: CarrierLeg, account: str, status: str, sequence: int, now: str) -> TexmlForm:
    """A status callback: CallInitiated, CallAnswered and their like; `now` is ISO 8601."""
    return of_call(leg, account) | {
        "CallInitiatedAt": leg.identity.start_time,
        "CallStatus": status,
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(sequence),
        "Timestamp": now,
    }


def completed(leg: CarrierLeg, now: float) -> TexmlForm:
    """What the last status callback has besides: `leg.ending` is known."""
    assert leg.ending is not None
    answered = leg.answered_at
    return {
        "CallControlId": leg.call_control_id,
        "CallDuration": "0" if answered is None else str(int(now - answered)),
        "CallLegId": leg.identity.call_leg_id,
        "CallSessionId": leg.identity.call_session_id,
        "HangupCause": leg.ending.cause,
        "HangupSource": leg.ending.source,
        "SipHangupCause": leg.ending.sip,
        "StartTime": leg.identity.start_time,
    }


def final_status(leg: CarrierLeg) -> str:
    assert leg.ending is not None
    if leg.answered_at is not None:
        return "completed"
    return STATUS_OF_CAUSE.get(leg.ending.cause, "failed")
