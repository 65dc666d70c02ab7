"""Webhook bodies → events. Bytes in, values out, no I/O.

Version 2 names an event `call.recording.saved`; version 1 writes `call_initiated` and
`recording_saved`, with underscores and in some names without the `call`.

Source: the platform's API reference; the shapes also as recorded from live calls."""

from hashlib import sha256

import msgspec

from callbridge.control.forms import read_form
from callbridge.errors import BadWebhookBody

_NAMES = """
call.ai_gather.ended call.ai_gather.message_history_updated call.ai_gather.partial_results
call.analyzed call.answered call.bridged call.conversation.created call.conversation.ended
call.conversation.start_failed call.conversation_insights.generated call.cost
call.deepfake_detection.error call.deepfake_detection.result call.dequeued call.dtmf.received
call.enqueued call.fork.started call.fork.stopped call.gather.ended call.hangup call.hold
call.initiated call.machine.detection.ended call.machine.greeting.ended
call.machine.premium.call_screening.detected call.machine.premium.detection.ended
call.machine.premium.detection.started call.machine.premium.greeting.ended
call.payment.completed call.payment.progress call.playback.ended call.playback.started
call.recording.error call.recording.saved call.recording.transcription.saved
call.refer.completed call.refer.failed call.refer.started call.sip_info.received
call.speak.ended call.speak.started call.transcription call.unhold
conference.created conference.ended conference.floor.changed conference.participant.joined
conference.participant.left conference.participant.playback.ended
conference.participant.playback.started conference.participant.speak.ended
conference.participant.speak.started conference.playback.ended conference.playback.started
conference.recording.saved conference.speak.ended conference.speak.started
dialogflow.detectintent.response
siprec.failed siprec.started siprec.stopped
streaming.failed streaming.started streaming.stopped
"""
EVENT_TYPES = frozenset(_NAMES.split())

_VERSION_1 = {
    old: name
    for name in EVENT_TYPES
    for old in (name.replace(".", "_"), name.removeprefix("call.").replace(".", "_"))
    if "_" in old  # not `hold` for `call.hold`: one word says too little
}


def dotted(event_type: str) -> str:
    """The version 2 name. Names that are unknown, and so perhaps new, stand as they came."""
    return event_type if event_type in EVENT_TYPES else _VERSION_1.get(event_type, event_type)


TEXML_CALLBACK = "texml.callback"
FORM = "application/x-www-form-urlencoded"


class Event(msgspec.Struct, frozen=True):
    """One webhook. `id` is the same in every repetition; `occurred_at` is ISO 8601 or empty.

    The payload is as the platform sent it: any field but the ids can be absent or null."""

    event_type: str
    id: str
    occurred_at: str
    payload: dict[str, object]

    @property
    def call_control_id(self) -> str | None:
        """Of a TeXML callback its CallSid, which is one."""
        return self._text("call_control_id") or self._text("CallSid")

    @property
    def call_leg_id(self) -> str | None:
        return self._text("call_leg_id")

    @property
    def call_session_id(self) -> str | None:
        return self._text("call_session_id")

    @property
    def client_state(self) -> str | None:
        """Base64, as it was given; None when it never was."""
        return self._text("client_state")

    def _text(self, name: str) -> str | None:
        value = self.payload.get(name)
        return value if isinstance(value, str) else None


class _Envelope(msgspec.Struct, frozen=True):
    """Every shape an event comes in, as one: all of it in `data` (version 2), or all of it at the
    top (version 1, and conference.floor.changed), or only `payload` at the top (samples of the
    deepfake events)."""

    data: "_Envelope | None" = None
    event_type: str | None = None
    id: str | None = None
    webhook_id: str | None = None
    occurred_at: str | None = None
    created_at: str | None = None
    payload: dict[str, object] | None = None


_envelope: msgspec.json.Decoder[_Envelope] = msgspec.json.Decoder(_Envelope)


def read_event(body: bytes, content_type: str) -> Event:
    """Read a webhook whose signature is verified. Raises BadWebhookBody, and nothing else."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == FORM:
        return _read_form(body)
    return _read_json(body)


def _read_json(body: bytes) -> Event:
    try:
        outer = _envelope.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadWebhookBody(f"not a Voice API event: {error}") from None
    inner = outer.data or outer
    event_type = inner.event_type or outer.event_type
    event_id = inner.id or inner.webhook_id or outer.id or outer.webhook_id
    payload = outer.payload if inner.payload is None else inner.payload
    if not event_type:
        raise BadWebhookBody("no event_type")
    if not event_id:
        raise BadWebhookBody(f"{event_type}: neither id nor webhook_id")
    if payload is None:
        raise BadWebhookBody(f"{event_type}: no payload")
    # The events of conferences say it in the payload, those of version 1 may only have the other.
    occurred_at = inner.occurred_at or payload.get("occurred_at") or inner.created_at
    return Event(
        event_type=dotted(event_type),
        id=event_id,
        occurred_at=occurred_at if isinstance(occurred_at, str) else "",
        payload=payload,
    )


def _read_form(body: bytes) -> Event:
    """A TeXML callback. It has no id; its own bytes are one, since a repetition is the same."""
    payload = dict[str, object](read_form(body))
    occurred_at = payload.get("OccurredAt") or payload.get("Timestamp") or ""
    return Event(
        event_type=TEXML_CALLBACK,
        id=f"texml-{sha256(body).hexdigest()[:32]}",
        occurred_at=str(occurred_at),
        payload=payload,
    )
