"""Events, and fields of events, that the platform documents and this carrier never sends: why.

Which events are sent is no opinion: `documented.sent_events` has those that came in a run of walks
through all operations, and a test compares the two."""

from callbridge.carrier.api.unsupported import (
    NO_DETECTOR,
    NO_MODEL,
    NO_SIPREC,
    WHY_ENDPOINTS,
    longest_beginning,
)
from callbridge.carrier.facts import documented

NO_PUBLIC_LINKS = {
    f"public_recording_urls.{format}": "links are signed, none is public"
    for format in ("mp3", "wav")
}

# Why an event is not sent, by the beginning of its type; the longest one holds.
WHY_EVENTS = {
    "call.ai_gather.": NO_MODEL,
    "call.analyzed": NO_MODEL,
    "call.conversation.created": NO_MODEL,
    "call.conversation.start_failed": NO_MODEL,
    "call.conversation_insights.": NO_MODEL,
    "call.deepfake_detection.": NO_DETECTOR,
    "call.fork.": WHY_ENDPOINTS["calls.actions.start_forking"],
    "call.machine.premium.detection.started": "the SDK's models alone name it, the guides do not",
    "call.payment.": WHY_ENDPOINTS["calls.actions.pay"],
    "dialogflow.": WHY_ENDPOINTS["dialogflow_connections."],
    "siprec.": NO_SIPREC,
}
# Why a field of an event that is sent never has a value, by the beginning of its path.
WHY_FIELDS = {
    "call.conversation.ended": {
        "assistant_id": NO_MODEL,
        "llm_model": NO_MODEL,
        "messages[].tool_call_id": NO_MODEL,
        "messages[].tool_calls": NO_MODEL,
        "tts_model_id": "the one voice is no model with an id",
    },
    "call.cost": {"cost_parts[]": "nothing is billed here"},
    "call.initiated": {"call_screening_result": "nobody screens callers here"},
    "call.recording.saved": NO_PUBLIC_LINKS,
    "conference.recording.saved": NO_PUBLIC_LINKS,
}


def why_not_sent(event_type: str) -> str | None:
    """None of an event that is sent."""
    if event_type in documented.sent_events():
        return None
    return WHY_EVENTS[longest_beginning(event_type, WHY_EVENTS)]
