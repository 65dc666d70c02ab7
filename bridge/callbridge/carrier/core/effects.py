"""What the core asks its shell to do. The core itself does no I/O."""

from typing import Literal

import msgspec

from callbridge.carrier.core.storage import Storage
from callbridge.carrier.people.phone_wire import PhoneNews
from callbridge.carrier.shapes import JsonObject, as_object
from telecodecs import Pcm

RecordingFormat = Literal["wav", "mp3"]


class SendWebhook(msgspec.Struct, frozen=True):
    """One signed event. `urls` are tried in this order.

    `event` is the body without `meta`, which differs with every attempt; with api_version "1" its
    form is changed on the way out. `retries_ms`, when a policy was given for the event, are the
    pauses before the repetitions. `timeout_s` None is the platform's own. All events of a
    conference are one sequence, whichever of its legs they are about."""

    call_control_id: str
    urls: tuple[str, ...]
    method: Literal["POST", "GET"]
    retries_ms: tuple[int, ...] | None
    event: dict[str, object]
    timeout_s: float | None = None
    api_version: Literal["1", "2"] = "2"
    conference_id: str | None = None

    @property
    def data(self) -> JsonObject:
        return as_object(self.event.get("data")) or self.event

    @property
    def event_type(self) -> str:
        return str(self.data["event_type"])


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
    """Turn text into speech; answer with `synthesised`. Slow, hence the shell's work.

    `language` is a tag such as en-GB."""

    speak_id: str
    text: str
    sample_rate: int
    ssml: bool
    language: str = "en-US"
    female: bool = False


class SpeakWords(msgspec.Struct, frozen=True):
    """Turn the text of a Conversation Relay into speech, word by word; answer with `spoken`."""

    sound_id: str
    text: str
    sample_rate: int


class FetchSound(msgspec.Struct, frozen=True):
    """Fetch a sound file and decode it; answer with `fetched`. The file is on the web (`url`), in
    the carrier's own store (`media_name`), or here (`content`): one of the three.

    One that is wanted `in_pieces` may be answered with `fetched_piece` before, as it comes."""

    sound_id: str
    url: str
    sample_rate: int
    media_name: str = ""
    content: bytes = b""
    in_pieces: bool = False


class Recognise(msgspec.Struct, frozen=True, eq=False):
    """Turn what a caller said into text; answer with `recognised`. One at a time per session, or
    Gather."""

    session_id: str
    pcm: Pcm
    sample_rate: int


class WriteRecording(msgspec.Struct, frozen=True, eq=False):
    """Keep a piece of a recording: 16 bit, little-endian, its channels interleaved."""

    recording_id: str
    frames: bytes


class SaveRecording(msgspec.Struct, frozen=True):
    """Make a file of what was written of a recording, from frame `begin` up to `end`, here or in
    the customer's `storage`; answer with `recording_saved` or `recording_failed`.

    Where it is to be transcribed, answer after that with `recording_transcribed`."""

    recording_id: str
    file_name: str
    format: RecordingFormat
    channels: int
    sample_rate: int
    begin: int
    end: int
    transcribe: bool
    storage: Storage | None


class DropRecordingFile(msgspec.Struct, frozen=True):
    """The customer has deleted a recording."""

    recording_id: str
    format: RecordingFormat


class TellPhone(msgspec.Struct, frozen=True):
    """To a telephone in a browser: what has become of its call, or of what it asked for."""

    phone_id: str
    news: PhoneNews


class PhoneHears(msgspec.Struct, frozen=True):
    """20 ms for its loudspeaker, in the codec of its call."""

    phone_id: str
    payload: bytes


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
    | WriteRecording
    | SaveRecording
    | DropRecordingFile
    | TellPhone
    | PhoneHears
    | CallFinished
)
