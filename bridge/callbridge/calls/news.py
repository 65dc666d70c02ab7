"""What a webhook means for a leg, typed. Everything but the ids may be missing in its payload."""

from collections.abc import Mapping, Sequence
from typing import Literal, cast

from msgspec import Struct

from callbridge.control.events import Event
from callbridge.sockets.tokens import masked
from callbridge.tape.events import PlatformTold


class LegAnswered(Struct, frozen=True):
    pass


class LegBridged(Struct, frozen=True):
    pass


class LegHungUp(Struct, frozen=True):
    cause: str
    source: str


class LegKey(Struct, frozen=True):
    digit: str
    occurred_at: str


class SpeakEnded(Struct, frozen=True):
    completed: bool


class Dequeued(Struct, frozen=True):
    """`reason`: bridged, bridging-in-process, hangup, leave or timeout."""

    reason: str


class LegReferred(Struct, frozen=True):
    """`sip` is what the far end reports of the call that it makes: 100, 200, 486."""

    stage: Literal["started", "completed", "failed"]
    sip: int


class StreamFailed(Struct, frozen=True):
    reason: str


class PickupJudged(Struct, frozen=True):
    result: str


class PickupScreens(Struct, frozen=True):
    """A telephone asks who calls, before its owner picks up."""


class GreetingEnded(Struct, frozen=True):
    result: str


# The last status callback of a call, where it has no cause of its own to tell.
_CAUSES = {
    "completed": "normal_clearing",
    "busy": "user_busy",
    "no-answer": "no_answer",
    "canceled": "originator_cancel",
    "failed": "unspecified",
}

News = (
    LegAnswered
    | LegBridged
    | LegHungUp
    | LegKey
    | LegReferred
    | SpeakEnded
    | Dequeued
    | StreamFailed
    | PickupJudged
    | PickupScreens
    | GreetingEnded
)


def read_news(event: Event) -> News | None:
    """None for what the socket and the ledger know better: streams, playback, speak.started."""
    payload = event.payload

    def text(field: str) -> str:
        value = payload.get(field)
        return value if isinstance(value, str) else ""

    def number(field: str) -> int:
        value = payload.get(field)
        return value if isinstance(value, int) else 0

    match event.event_type:
        case "call.answered":
            return LegAnswered()
        case "call.bridged":
            return LegBridged()
        case "call.hangup":
            return LegHungUp(text("hangup_cause"), text("hangup_source"))
        case "call.dtmf.received":
            return LegKey(text("digit"), event.occurred_at)
        case "call.refer.started":
            return LegReferred("started", number("sip_notify_response"))
        case "call.refer.completed":
            return LegReferred("completed", number("sip_notify_response"))
        case "call.refer.failed":
            return LegReferred("failed", number("sip_notify_response"))
        case "call.dequeued":
            return Dequeued(text("reason"))
        case "call.speak.ended":
            return SpeakEnded(text("status") == "completed")
        case "texml.callback":
            return _read_status(text("CallStatus"), text("HangupCause"), text("HangupSource"))
        case "call.machine.detection.ended" | "call.machine.premium.detection.ended":
            return PickupJudged(text("result"))
        case "call.machine.greeting.ended" | "call.machine.premium.greeting.ended":
            return GreetingEnded(text("result"))
        case "call.machine.premium.call_screening.detected":
            return PickupScreens()
        case "streaming.failed":
            return StreamFailed(text("failure_reason"))
        case _:
            return None


def _read_status(status: str, cause: str, source: str) -> News | None:
    """Of a TeXML call. Its keys come on its socket; that it rings, we know."""
    if status in _CAUSES:
        return LegHungUp(cause or _CAUSES[status], source)
    return LegAnswered() if status == "in-progress" else None


def told(event: Event) -> PlatformTold:
    """A webhook for the tape: what the platform repeats of our addresses carries their tokens."""
    payload = {name: _without_tokens(value) for name, value in event.payload.items()}
    return PlatformTold(event_type=event.event_type, payload=payload, occurred_at=event.occurred_at)


def _without_tokens(value: object) -> object:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        return {name: _without_tokens(field) for name, field in fields.items()}
    if isinstance(value, Sequence):
        return [_without_tokens(each) for each in cast("Sequence[object]", value)]
    return value
