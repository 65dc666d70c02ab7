"""OpenAI Realtime: WebSocket text ⇄ typed frames, both directions.

`ServerFrame` is what the model's side sends, as far as a call acts on it; everything else is
`Unheeded`. Audio is base64 on the wire and bytes here.

Source: the types of the official SDK, openai 3.57, `openai/types/realtime/` (the general form of
the protocol, `response.output_audio.delta`, not the beta's `response.audio.delta`)."""

from binascii import b2a_base64
from typing import Literal

import msgspec

from callbridge.errors import MalformedFrame

# A delta of the model's audio has been seen to hold some hundred milliseconds; this is minutes.
MAX_MESSAGE = 16_000_000  # octets


class RealtimeFrame(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True):
    """Any message that is told from others by its `type`."""


# ---- from the model's side ----------------------------------------------------------------------


class SessionBody(msgspec.Struct, frozen=True):
    """`expires_at`, Unix seconds, is sent by the service and not among the SDK's types."""

    id: str | None = None
    expires_at: float | None = None


class SessionCreated(RealtimeFrame, frozen=True, tag="session.created"):
    session: SessionBody


class SessionUpdated(RealtimeFrame, frozen=True, tag="session.updated"):
    session: SessionBody


class InputSpeechStarted(RealtimeFrame, frozen=True, tag="input_audio_buffer.speech_started"):
    item_id: str
    audio_start_ms: float = 0


class InputSpeechStopped(RealtimeFrame, frozen=True, tag="input_audio_buffer.speech_stopped"):
    item_id: str
    audio_end_ms: float = 0


class Committed(RealtimeFrame, frozen=True, tag="input_audio_buffer.committed"):
    item_id: str


class InputTranscribed(
    RealtimeFrame, frozen=True, tag="conversation.item.input_audio_transcription.completed"
):
    item_id: str
    transcript: str = ""


class InputNotTranscribed(
    RealtimeFrame, frozen=True, tag="conversation.item.input_audio_transcription.failed"
):
    item_id: str


class Failure(msgspec.Struct, frozen=True):
    """An error of the service; any of it may be missing."""

    message: str | None = None
    type: str | None = None
    code: str | None = None
    event_id: str | None = None
    param: str | None = None


class ErrorFrame(RealtimeFrame, frozen=True, tag="error"):
    error: Failure


class StatusDetails(msgspec.Struct, frozen=True):
    reason: str | None = None
    error: Failure | None = None


class ReplyBody(msgspec.Struct, frozen=True):
    id: str | None = None
    status: str | None = None
    status_details: StatusDetails | None = None


class ReplyCreated(RealtimeFrame, frozen=True, tag="response.created"):
    response: ReplyBody


class ReplyDone(RealtimeFrame, frozen=True, tag="response.done"):
    response: ReplyBody


class AudioDelta(RealtimeFrame, frozen=True, tag="response.output_audio.delta"):
    item_id: str
    delta: bytes


class TranscriptDelta(RealtimeFrame, frozen=True, tag="response.output_audio_transcript.delta"):
    item_id: str
    delta: str


class OutputItem(msgspec.Struct, frozen=True):
    type: str
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    status: str | None = None


class OutputItemDone(RealtimeFrame, frozen=True, tag="response.output_item.done"):
    item: OutputItem


class Unheeded(msgspec.Struct, frozen=True):
    """A message that nothing here acts on."""

    type: str


ServerFrame = (
    SessionCreated
    | SessionUpdated
    | InputSpeechStarted
    | InputSpeechStopped
    | Committed
    | InputTranscribed
    | InputNotTranscribed
    | ErrorFrame
    | ReplyCreated
    | ReplyDone
    | AudioDelta
    | TranscriptDelta
    | OutputItemDone
)

_server: msgspec.json.Decoder[ServerFrame] = msgspec.json.Decoder(ServerFrame)
_unheeded: msgspec.json.Decoder[Unheeded] = msgspec.json.Decoder(Unheeded)
_SERVER_TYPES = {str(frame.__struct_config__.tag) for frame in ServerFrame.__args__}
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)


def decode_server(text: str | bytes) -> ServerFrame | Unheeded:
    """Read one message. Raises MalformedFrame."""
    try:
        return _server.decode(text)
    except _UNREADABLE as error:
        try:
            frame = _unheeded.decode(text)
        except _UNREADABLE:
            raise MalformedFrame(str(error)) from None
        if frame.type in _SERVER_TYPES:
            raise MalformedFrame(f"{frame.type}: {error}") from None
        return frame


# ---- to the model's side ------------------------------------------------------------------------


class SessionUpdate(RealtimeFrame, frozen=True, tag="session.update"):
    session: dict[str, object]
    event_id: str = ""


class TextPart(msgspec.Struct, frozen=True):
    type: Literal["input_text", "output_text"]
    text: str


class MessageItem(msgspec.Struct, frozen=True, tag_field="type", tag="message"):
    role: Literal["user", "assistant", "system"]
    content: list[TextPart]


class FunctionCallItem(msgspec.Struct, frozen=True, tag_field="type", tag="function_call"):
    call_id: str
    name: str
    arguments: str


class FunctionOutputItem(msgspec.Struct, frozen=True, tag_field="type", tag="function_call_output"):
    call_id: str
    output: str


Item = MessageItem | FunctionCallItem | FunctionOutputItem


class ItemCreate(RealtimeFrame, frozen=True, tag="conversation.item.create"):
    item: Item


class ItemTruncate(RealtimeFrame, frozen=True, tag="conversation.item.truncate"):
    item_id: str
    audio_end_ms: int
    content_index: int
    event_id: str = ""


class ItemDelete(RealtimeFrame, frozen=True, tag="conversation.item.delete"):
    item_id: str
    event_id: str = ""


class BufferCommit(RealtimeFrame, frozen=True, tag="input_audio_buffer.commit"):
    pass


class BufferClear(RealtimeFrame, frozen=True, tag="input_audio_buffer.clear"):
    pass


class ReplyCreate(RealtimeFrame, frozen=True, tag="response.create"):
    response: dict[str, object] = {}
    event_id: str = ""


class ReplyCancel(RealtimeFrame, frozen=True, tag="response.cancel"):
    event_id: str = ""


ClientFrame = (
    SessionUpdate
    | ItemCreate
    | ItemTruncate
    | ItemDelete
    | BufferCommit
    | BufferClear
    | ReplyCreate
    | ReplyCancel
)

_encoder = msgspec.json.Encoder()


def encode_client(frame: ClientFrame) -> str:
    return _encoder.encode(frame).decode()


def encode_append(payload: bytes) -> str:
    """The caller's audio, fifty times a second: concatenation is what costs least."""
    return (
        '{"type":"input_audio_buffer.append","audio":"'
        + b2a_base64(payload, newline=False).decode()
        + '"}'
    )
