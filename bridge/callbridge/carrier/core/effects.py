"""What the core asks its shell to do. The core itself does no I/O."""

from typing import Literal

import msgspec

from callbridge.carrier.shapes import as_object
from telecodecs import Pcm


class SendWebhook(msgspec.Struct, frozen=True):
    """One signed event. `urls` are tried in this order, each until it failed twice.

    `event` is the body without `meta`, which differs with every attempt. `retries_ms`, when a
    policy was given for the event, are the pauses before the repetitions. All events of a
    conference are one sequence, whichever of its legs they are about."""

    call_control_id: str
    urls: tuple[str, ...]
    method: Literal["POST", "GET"]
    retries_ms: tuple[int, ...] | None
    event: dict[str, object]
    conference_id: str | None = None

    @property
    def event_type(self) -> str:
        inner = as_object(self.event.get("data")) or self.event
        return str(inner.get("event_type"))


class RequestTexml(msgspec.Struct, frozen=True):
    """One signed form: it asks the customer for a document, or tells them of a call. Answer with
    `texml_answered`, whatever came of it."""

    request_id: str
    call_control_id: str
    url: str
    method: Literal["POST", "GET"]
    form: dict[str, str]


class OpenStream(msgspec.Struct, frozen=True):
    """Connect to a WebSocket of the customer, for media or for a Conversation Relay; answer with
    `stream_opened` or `stream_failed`."""

    stream_id: str
    url: str
    headers: dict[str, str]


class SendFrame(msgspec.Struct, frozen=True):
    stream_id: str
    text: str


class CloseStream(msgspec.Struct, frozen=True):
    """Send what is queued, then close; nothing more is expected of this stream."""

    stream_id: str


class Synthesise(msgspec.Struct, frozen=True):
    """Turn text into speech; answer with `synthesised`. Slow, hence the shell's work."""

    speak_id: str
    text: str
    sample_rate: int
    ssml: bool


class SpeakWords(msgspec.Struct, frozen=True):
    """Turn the text of a Conversation Relay into speech, word by word; answer with `spoken`."""

    sound_id: str
    text: str
    sample_rate: int


class FetchSound(msgspec.Struct, frozen=True):
    """Fetch a sound file from the web; answer with `fetched`."""

    sound_id: str
    url: str
    sample_rate: int


class Recognise(msgspec.Struct, frozen=True, eq=False):
    """Turn what a caller said into text; answer with `recognised`. One at a time per session, or
    Gather."""

    session_id: str
    pcm: Pcm
    sample_rate: int


class CallFinished(msgspec.Struct, frozen=True):
    """The leg has ended and its report is complete."""

    call_control_id: str


Effect = (
    SendWebhook
    | RequestTexml
    | OpenStream
    | SendFrame
    | CloseStream
    | Synthesise
    | SpeakWords
    | FetchSound
    | Recognise
    | CallFinished
)
