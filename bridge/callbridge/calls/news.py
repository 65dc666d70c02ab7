"""What a webhook means for a leg, typed. Everything but the ids may be missing in its payload."""

from msgspec import Struct

from callbridge.control.events import Event


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


class StreamFailed(Struct, frozen=True):
    reason: str


# The last status callback of a call, where it has no cause of its own to tell.
_CAUSES = {
    "completed": "normal_clearing",
    "busy": "user_busy",
    "no-answer": "no_answer",
    "canceled": "originator_cancel",
    "failed": "unspecified",
}

News = LegAnswered | LegBridged | LegHungUp | LegKey | SpeakEnded | StreamFailed


def read_news(event: Event) -> News | None:
    """None for what the socket and the ledger know better: streams, playback, speak.started."""
    payload = event.payload

    def text(field: str) -> str:
        value = payload.get(field)
        return value if isinstance(value, str) else ""

    match event.event_type:
        case "call.answered":
            return LegAnswered()
        case "call.bridged":
            return LegBridged()
        case "call.hangup":
            return LegHungUp(text("hangup_cause"), text("hangup_source"))
        case "call.dtmf.received":
            return LegKey(text("digit"), event.occurred_at)
        case "call.speak.ended":
            return SpeakEnded(text("status") == "completed")
        case "texml.callback":
            return _read_status(text("CallStatus"), text("HangupCause"), text("HangupSource"))
        case "streaming.failed":
            return StreamFailed(text("failure_reason"))
        case _:
            return None


def _read_status(status: str, cause: str, source: str) -> News | None:
    """Of a TeXML call. Its keys come on its socket; that it rings, we know."""
    if status in _CAUSES:
        return LegHungUp(cause or _CAUSES[status], source)
    return LegAnswered() if status == "in-progress" else None
