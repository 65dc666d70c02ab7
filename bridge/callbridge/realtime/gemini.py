"""A session of Gemini Live (BidiGenerateContent): messages in, events out; no I/O and no clock.

The service decides about turns, and tells less of them than OpenAI's: that the caller has begun is
known when that interrupts the model, and that they have ended when the model answers. What it sent
before an interruption it takes for heard, and nothing can be said against that.

Source: the types of the official SDK, google-genai 3.6 (`google/genai/types.py`, `Live*`), and
https://ai.google.dev/gemini-api/docs/live-api for the address and the audio."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from callbridge.errors import MalformedFrame
from callbridge.realtime.events import (
    AudioForm,
    CallerBegan,
    CallerEnded,
    CallerSaid,
    ModelSound,
    ModelSoundEnded,
    ModelWords,
    Ready,
    Recalled,
    ReplyEnded,
    SaidBefore,
    SessionEnding,
    SessionEvent,
    ToolAsked,
    ToolForm,
    Trouble,
)

URL = (
    "wss://generativelanguage.googleapis.com/ws/"
    "google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
)
MODEL = "gemini-2.5-flash-native-audio-preview-09-2025"
FORM = "audio/pcm;rate=16000"
HEARS, SPEAKS = AudioForm("L16", 16000), AudioForm("L16", 24000)
REFUSING = (1007, 1008)  # close codes for a set-up that it does not take
REFUSING_STATUS = (400, 401, 403, 404)


class _Camel(msgspec.Struct, frozen=True, rename="camel"):
    pass


class InlineData(_Camel, frozen=True):
    data: bytes = b""


class ContentPart(_Camel, frozen=True):
    inline_data: InlineData | None = None


class ModelTurn(_Camel, frozen=True):
    parts: list[ContentPart] = []


class GeminiTranscript(_Camel, frozen=True):
    text: str | None = None


class ServerContent(_Camel, frozen=True):
    model_turn: ModelTurn | None = None
    turn_complete: bool = False
    interrupted: bool = False
    generation_complete: bool = False
    input_transcription: GeminiTranscript | None = None
    output_transcription: GeminiTranscript | None = None


class FunctionCall(_Camel, frozen=True):
    id: str
    name: str
    args: dict[str, Any] = {}


class GeminiToolCall(_Camel, frozen=True):
    function_calls: list[FunctionCall] = []


class GoAway(_Camel, frozen=True):
    time_left: str = "0s"


class GeminiMessage(_Camel, frozen=True):
    """Exactly one of these, and whatever else there is."""

    setup_complete: dict[str, Any] | None = None
    server_content: ServerContent | None = None
    tool_call: GeminiToolCall | None = None
    go_away: GoAway | None = None


_decoder: msgspec.json.Decoder[GeminiMessage] = msgspec.json.Decoder(GeminiMessage)


@dataclass(frozen=True, slots=True)
class GeminiSettings:
    """`more` are other fields of the service's setup message."""

    api_key: str
    url: str = URL
    model: str = MODEL
    voice: str = "Kore"
    instructions: str = ""
    tools: Sequence[ToolForm] = ()
    more: Mapping[str, object] = field(default_factory=dict[str, object])


class GeminiSession:
    """The `Dialect` of Gemini Live."""

    hears, speaks = HEARS, SPEAKS
    waits_for_ready = True

    def __init__(self, settings: GeminiSettings) -> None:
        self._settings = settings
        self._ready = False
        self._conversation: Sequence[Recalled] = ()
        self._turn = 0  # of the model
        self._answering = False  # something of this turn has come
        self._caller = ""  # what the caller has said since the last one
        self._tools: dict[str, str] = {}  # id → name, of those that were not answered
        self._due = False
        self._to_send: list[str] = []

    @property
    def url(self) -> str:
        return self._settings.url

    @property
    def headers(self) -> dict[str, str]:
        return {"x-goog-api-key": self._settings.api_key}

    @property
    def idle(self) -> bool:
        return not (self._answering or self._due or self._tools)

    # ---- the beginning ----------------------------------------------------------------------

    def opening(self, conversation: Sequence[Recalled]) -> list[str]:
        """The conversation follows when the service has taken the set-up."""
        self._conversation = conversation
        settings = self._settings
        voice = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": settings.voice}}}
        setup: dict[str, object] = {
            "model": f"models/{settings.model.removeprefix('models/')}",
            "generationConfig": {"responseModalities": ["AUDIO"], "speechConfig": voice},
            "inputAudioTranscription": {},
            "outputAudioTranscription": {},
        }
        if settings.instructions:
            setup["systemInstruction"] = {"parts": [{"text": settings.instructions}]}
        if settings.tools:
            setup["tools"] = [
                {"functionDeclarations": [_declared(each) for each in settings.tools]}
            ]
        return [json.dumps({"setup": setup | dict(settings.more)})]

    # ---- what arrives -----------------------------------------------------------------------

    def receive(self, text: str | bytes) -> list[SessionEvent]:
        try:
            message = _decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MalformedFrame(str(error)) from None
        events: list[SessionEvent] = []
        if message.setup_complete is not None:
            self._ready = True
            if self._conversation:
                self._to_send.append(_content(self._conversation, complete=False))
            events.append(Ready())
        if message.server_content is not None:
            events += self._content(message.server_content)
        if message.tool_call is not None:
            events += self._asked(message.tool_call)
        if message.go_away is not None:
            events.append(SessionEnding(_seconds(message.go_away.time_left)))
        return events

    def _content(self, content: ServerContent) -> list[SessionEvent]:
        events: list[SessionEvent] = []
        if content.input_transcription is not None:
            self._caller += content.input_transcription.text or ""
        item = f"turn_{self._turn}"
        for part in content.model_turn.parts if content.model_turn is not None else ():
            if part.inline_data is not None and part.inline_data.data:
                events += self._answers()
                events.append(ModelSound(item, part.inline_data.data))
        if content.output_transcription is not None and content.output_transcription.text:
            events += self._answers()
            events.append(ModelWords(item, content.output_transcription.text))
        if content.interrupted:
            events.append(CallerBegan())
        if content.generation_complete or content.turn_complete:
            events.append(ModelSoundEnded(item))
        if content.turn_complete:
            self._turn += 1
            self._answering = self._due = False
            events.append(ReplyEnded())
        return events

    def _answers(self) -> list[SessionEvent]:
        """The model begins: so the caller's turn is over."""
        if self._answering:
            return []
        self._answering = True
        said, self._caller = self._caller.strip(), ""
        turn = f"caller_{self._turn}"
        return [CallerEnded(turn), CallerSaid(turn, said)] if said else []

    def _asked(self, wanted: GeminiToolCall) -> list[SessionEvent]:
        self._tools |= {each.id: each.name for each in wanted.function_calls}
        return [
            ToolAsked(each.id, each.name, json.dumps(each.args)) for each in wanted.function_calls
        ]

    def to_send(self) -> list[str]:
        due, self._to_send = self._to_send, []
        return due

    def refused_by(self, code: int, reason: str) -> Trouble | None:
        hopeless = code in REFUSING_STATUS or (code in REFUSING and not self._ready)
        return Trouble(str(code), reason or "the set-up", fatal=True) if hopeless else None

    # ---- what a call has to say -------------------------------------------------------------

    def hear(self, payload: bytes) -> str:
        audio = b64encode(payload).decode()
        return f'{{"realtimeInput":{{"audio":{{"mimeType":"{FORM}","data":"{audio}"}}}}}}'

    def reply(self, instruction: str = "") -> list[str]:
        self._due = True
        said = [SaidBefore("user", instruction)] if instruction else []
        return [_content(said, complete=True)]

    def remember(self, each: Recalled) -> list[str]:
        return [_content([each], complete=False)]

    def tool_used(self, call_id: str, output: str) -> list[str]:
        """The service waits until all are there by itself."""
        name = self._tools.pop(call_id, "")
        answer = {"id": call_id, "name": name, "response": {"result": output}}
        return [json.dumps({"toolResponse": {"functionResponses": [answer]}})]

    # What the service decides by itself.

    def heard_until(self, item: str, heard_ms: int) -> list[str]:
        return []

    def turn_ended(self) -> list[str]:
        return []

    def forget_audio(self) -> list[str]:
        return []

    def stop_reply(self) -> list[str]:
        return []


def _declared(tool: ToolForm) -> dict[str, object]:
    return {
        "name": tool.name,
        "description": tool.description,
        "parametersJsonSchema": dict(tool.parameters),
    }


def _content(known: Sequence[Recalled], *, complete: bool) -> str:
    turns = [
        {
            "role": "model" if isinstance(each, SaidBefore) and each.speaker != "user" else "user",
            "parts": [{"text": each.text if isinstance(each, SaidBefore) else _as_text(each)}],
        }
        for each in known
    ]
    return json.dumps({"clientContent": {"turns": turns, "turnComplete": complete}})


def _as_text(used: Any) -> str:
    return f"[The tool {used.name} was used with {used.arguments}. Its result: {used.output}]"


def _seconds(duration: str) -> float:
    """ "9.5s", as JSON has durations of protocol buffers."""
    try:
        return float(duration.removesuffix("s"))
    except ValueError:
        return 0.0
