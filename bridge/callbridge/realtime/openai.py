"""A session of OpenAI Realtime: frames in, events out; no I/O and no clock.

A reply (`response` on the wire) is asked for by the service's own turn detection or by us, and only
one is made at a time: what is asked for meanwhile waits until it is done.

Source: the official SDK's types (see `wire`) and its comments. How errors look beyond those is from
reports: https://github.com/twilio-samples/speech-assistant-openai-realtime-api-python/issues/4 (a
wrong key), https://github.com/livekit/agents/pull/6249 (nothing to truncate) and
https://github.com/livekit/agents/issues/2358 (the longest session)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit, urlunsplit

from callbridge.realtime import wire
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
    SessionEvent,
    ToolAsked,
    ToolForm,
    Trouble,
)

BASE_URL = "https://api.openai.com/v1"
MODEL = "gpt-realtime-2.1"
TRANSCRIPTION = "gpt-4o-mini-transcribe"
SETUP = "setup"  # event_id of the frame without which a session is not ours

FORMS: dict[str, dict[str, object]] = {
    "PCMU": {"type": "audio/pcmu"},
    "PCMA": {"type": "audio/pcma"},
    "L16": {"type": "audio/pcm", "rate": 24000},
}
PCM_RATE = 24000  # the only one of audio/pcm

# Trying again changes nothing about these.
HOPELESS = {
    "invalid_api_key",
    "model_not_found",
    "insufficient_quota",
    "account_deactivated",
    "billing_not_active",
    "unsupported_country_region_territory",
}
HOPELESS_STATUS = {401: "invalid_api_key", 403: "forbidden", 404: "model_not_found"}
# The answer to what came too late, and no trouble.
TOO_LATE = {"response_cancel_not_active", "conversation_already_has_active_response"}


@dataclass(frozen=True, slots=True)
class OpenAISettings:
    """What a session is asked to be. `turn_detection` None leaves turns to us; `more` are other
    fields of the service's session object, such as `reasoning` or `max_output_tokens`."""

    api_key: str
    base_url: str = BASE_URL
    model: str = MODEL
    voice: str = "marin"
    instructions: str = ""
    tools: Sequence[ToolForm] = ()
    turn_detection: Mapping[str, object] | None = field(
        default_factory=lambda: {"type": "server_vad"}
    )
    transcription: Mapping[str, object] | None = field(
        default_factory=lambda: {"model": TRANSCRIPTION}
    )
    more: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(slots=True)
class AssistantItem:
    """Something that the model says: how much of it has come, and whether that is all."""

    octets: int = 0
    done: bool = False


class OpenAISession:
    """The `Dialect` of OpenAI and of those who speak like it."""

    waits_for_ready = False

    def __init__(self, settings: OpenAISettings, hears: AudioForm, speaks: AudioForm) -> None:
        self.hears = hears
        self.speaks = speaks
        self._settings = settings
        self._items: dict[str, AssistantItem] = {}
        self._tools: set[str] = set()  # asked for and not answered
        self._replying = self._cancelled = False
        self._reply_due: wire.ReplyCreate | None = None
        self._outputs_due = False  # what tools brought is there, and nothing was said to it
        self._to_send: list[str] = []

    @property
    def url(self) -> str:
        base = urlsplit(self._settings.base_url)
        scheme = {"https": "wss", "http": "ws"}.get(base.scheme, base.scheme)
        query = urlencode({"model": self._settings.model})
        both = f"{base.query}&{query}" if base.query else query
        return urlunsplit((scheme, base.netloc, f"{base.path.rstrip('/')}/realtime", both, ""))

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._settings.api_key}"}

    @property
    def idle(self) -> bool:
        return not (self._replying or self._reply_due or self._outputs_due or self._tools)

    # ---- the beginning ----------------------------------------------------------------------

    def opening(self, conversation: Sequence[Recalled]) -> list[str]:
        setup = wire.SessionUpdate(self._session(), event_id=SETUP)
        known = [text for each in conversation for text in self.remember(each)]
        return [wire.encode_client(setup), *known]

    def _session(self) -> dict[str, object]:
        settings = self._settings
        heard: dict[str, object] = {
            "format": FORMS[self.hears.encoding],
            "turn_detection": settings.turn_detection,
        }
        if settings.transcription is not None:  # off unless it is asked for
            heard["transcription"] = settings.transcription
        session: dict[str, object] = {
            "type": "realtime",
            "instructions": settings.instructions,
            "output_modalities": ["audio"],
            "audio": {
                "input": heard,
                "output": {"format": FORMS[self.speaks.encoding], "voice": settings.voice},
            },
            "tools": [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                }
                for tool in settings.tools
            ],
        }
        return session | dict(settings.more)

    # ---- what arrives -----------------------------------------------------------------------

    def receive(self, text: str | bytes) -> list[SessionEvent]:
        match wire.decode_server(text):
            case wire.AudioDelta(item_id=item, delta=payload):
                self._item(item).octets += len(payload)
                return [ModelSound(item, payload)]
            case wire.TranscriptDelta(item_id=item, delta=words):
                return [ModelWords(item, words)]
            case wire.SessionUpdated(session=session):
                return [Ready(session.expires_at)]
            case wire.InputSpeechStarted(audio_start_ms=start_ms):
                return [CallerBegan(start_ms)]
            case wire.InputSpeechStopped(item_id=item, audio_end_ms=end_ms):
                return [CallerEnded(item, end_ms - self._waited_ms)]
            case wire.Committed(item_id=item) if self._settings.turn_detection is None:
                return [CallerEnded(item)]
            case wire.InputTranscribed(item_id=item, transcript=said):
                return [CallerSaid(item, said.strip())]
            case wire.InputNotTranscribed(item_id=item):
                return [CallerSaid(item, "")]
            case wire.OutputItemDone(item=item):
                return self._item_done(item)
            case wire.ReplyCreated():
                self._replying = True
                return []
            case wire.ReplyDone(response=reply):
                return self._reply_done(reply)
            case wire.ErrorFrame(error=error):
                return self._on_error(error)
            case _:
                return []

    @property
    def _waited_ms(self) -> float:
        """The silence after which the service takes a turn for ended, and which it counts in."""
        waited = (self._settings.turn_detection or {}).get("silence_duration_ms", 500)
        return float(waited) if isinstance(waited, int | float) else 0.0

    def _item(self, item_id: str) -> AssistantItem:
        return self._items.setdefault(item_id, AssistantItem())

    def _item_done(self, item: wire.OutputItem) -> list[SessionEvent]:
        if item.type == "message" and item.id:
            self._item(item.id).done = True
            return [ModelSoundEnded(item.id)]
        if item.type == "function_call" and item.call_id and item.status != "incomplete":
            self._tools.add(item.call_id)
            return [ToolAsked(item.call_id, item.name or "", item.arguments or "")]
        return []

    def _reply_done(self, reply: wire.ReplyBody) -> list[SessionEvent]:
        self._replying = self._cancelled = False
        self._ask_for_reply()
        details = reply.status_details
        if reply.status != "failed":
            return [ReplyEnded()]
        error = (details and details.error) or wire.Failure()
        why = error.message or error.code or error.type or "no reason given"
        code = error.code or error.type or ""
        if code in HOPELESS:
            return [Trouble(code, why, fatal=True)]
        return [ReplyEnded(failed=why, code=code)]

    def _on_error(self, error: wire.Failure) -> list[SessionEvent]:
        code = error.code or error.type or "error"
        if code == "conversation_already_has_active_response":
            self._replying = True  # the service's own; ours is asked for again when it is done
            self._reply_due = self._reply_due or wire.ReplyCreate()
        if code in TOO_LATE:
            return []
        message = error.message or "no reason given"
        if error.param:
            message += f" ({error.param})"
        return [Trouble(code, message, fatal=error.event_id == SETUP or code in HOPELESS)]

    def to_send(self) -> list[str]:
        due, self._to_send = self._to_send, []
        return due

    def refused_by(self, code: int, reason: str) -> Trouble | None:
        if name := HOPELESS_STATUS.get(code):
            return Trouble(name, reason or f"HTTP status {code}", fatal=True)
        kind, _, name = reason.partition(".")
        if name in HOPELESS:  # 3000, "invalid_request_error.invalid_api_key"
            return Trouble(name, kind.replace("_", " "), fatal=True)
        return None

    # ---- what a call has to say -------------------------------------------------------------

    def hear(self, payload: bytes) -> str:
        return wire.encode_append(payload)

    def turn_ended(self) -> list[str]:
        return [wire.encode_client(wire.BufferCommit()), *self.reply()]

    def stop_reply(self) -> list[str]:
        self._reply_due = None
        self._outputs_due = False
        if not self._replying or self._cancelled:
            return []
        self._cancelled = True
        return [wire.encode_client(wire.ReplyCancel())]

    def forget_audio(self) -> list[str]:
        return [wire.encode_client(wire.BufferClear())]

    def heard_until(self, item: str, heard_ms: int) -> list[str]:
        """What the service has of an item is never cut behind its end, which it refuses, and one
        that was not heard at all is taken out, as it cannot be cut to nothing."""
        known = self._items.get(item)
        if known is None:
            return []
        come_ms = 1000 * known.octets // self.speaks.octets_per_s
        if known.done and heard_ms >= come_ms:
            return []
        cut_ms = min(heard_ms, come_ms)
        frame = wire.ItemTruncate(item, cut_ms, 0) if cut_ms > 0 else wire.ItemDelete(item)
        return [wire.encode_client(frame)]

    def reply(self, instruction: str = "") -> list[str]:
        """What a reply is told takes the place of what the session was."""
        both = f"{self._settings.instructions}\n\n{instruction}".strip()
        wanted: dict[str, object] = {"instructions": both} if instruction else {}
        self._reply_due = wire.ReplyCreate(wanted)
        self._ask_for_reply()
        return self.to_send()

    def _ask_for_reply(self) -> None:
        """One reply is made at a time. It counts as begun when it is asked for."""
        if self._replying:
            return
        if self._outputs_due and not self._tools:
            self._reply_due = self._reply_due or wire.ReplyCreate()
        if self._reply_due is not None:
            self._to_send.append(wire.encode_client(self._reply_due))
            self._reply_due, self._outputs_due, self._replying = None, False, True

    def remember(self, each: Recalled) -> list[str]:
        """The service takes no audio of its own back, only the words."""
        return [wire.encode_client(wire.ItemCreate(item)) for item in _items(each)]

    def tool_used(self, call_id: str, output: str) -> list[str]:
        self._tools.discard(call_id)
        self._outputs_due = True
        self._ask_for_reply()
        frame = wire.ItemCreate(wire.FunctionOutputItem(call_id, output))
        return [wire.encode_client(frame), *self.to_send()]


def _items(each: Recalled) -> list[wire.Item]:
    if isinstance(each, SaidBefore):
        ours = each.speaker == "assistant"
        part = wire.TextPart("output_text" if ours else "input_text", each.text)
        return [wire.MessageItem(each.speaker, [part])]
    return [
        wire.FunctionCallItem(each.call_id, each.name, each.arguments),
        wire.FunctionOutputItem(each.call_id, each.output),
    ]
