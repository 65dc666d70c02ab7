"""One session: what the client asks for, the conversation, and the turns of its caller.

What the model says is in `replies`. Times are those of the running loop."""

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from telecodecs import Pcm
from tests.vendors.openai_realtime.checks import (
    EventRefused,
    audio_of,
    check_client,
    check_own,
    check_tools,
)
from tests.vendors.openai_realtime.ears import (
    EAR_RATE,
    FORMS,
    InputBuffer,
    SpeechStarted,
    SpeechStopped,
)
from tests.vendors.openai_realtime.replies import ReplyInProgress

if TYPE_CHECKING:
    from tests.vendors.openai_realtime.server import RealtimeServer

COMMIT_MS = 100  # the shortest that is committed
_ids = itertools.count(1)


def new_id(kind: str) -> str:
    return f"{kind}_{next(_ids):06d}"


DEFAULTS: dict[str, Any] = {
    "type": "realtime",
    "object": "realtime.session",
    "instructions": "You are helpful.",
    "output_modalities": ["audio"],
    "tools": [],
    "tool_choice": "auto",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "turn_detection": {"type": "server_vad"},
            "transcription": None,
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy", "speed": 1.0},
    },
}


@dataclass(slots=True)
class ServedItem:
    """An item of the conversation. `audio_ms` is how much of the model's voice it has."""

    fields: dict[str, Any]
    audio_ms: float = 0.0
    truncated_ms: int | None = None

    @property
    def id(self) -> str:
        return str(self.fields["id"])


@dataclass(slots=True)
class ServedSession:
    """`send` takes what goes to the client, `hang_up` a close code and a reason."""

    server: "RealtimeServer"
    send: Callable[[str], None]
    hang_up: Callable[[int, str], None]
    id: str = field(default_factory=lambda: new_id("sess"))
    config: dict[str, Any] = field(default_factory=lambda: cast("dict[str, Any]", copied(DEFAULTS)))
    items: dict[str, ServedItem] = field(default_factory=dict[str, ServedItem])
    reply: ReplyInProgress | None = None
    refused: list[str] = field(default_factory=list[str])
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])  # of the client
    over: bool = False
    has_spoken: bool = False
    _buffer: InputBuffer | None = None
    _speech_item: str = ""
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set["asyncio.Task[None]"])

    # ---- both ways --------------------------------------------------------------------------

    def begin(self) -> None:
        now = self.server.wall()
        self.config["id"] = self.id
        self.config["model"] = self.server.model
        self.config["expires_at"] = int(now + self.server.lasts_s)
        self._buffer = self._new_buffer()
        self.emit("session.created", session=self.config)
        self.spawn(self._expire())

    async def _expire(self) -> None:
        await asyncio.sleep(self.server.lasts_s)
        minutes = round(self.server.lasts_s / 60)
        text = f"Your session hit the maximum duration of {minutes} minutes."
        self.error(text, "session_expired")
        self.close(1001, text)

    def emit(self, kind: str, **fields: Any) -> None:
        if self.over:
            return
        event = {"type": kind, "event_id": new_id("event")} | fields
        if self.server.checks_own:
            check_own(event)
        self.send(json.dumps(event))

    def error(
        self,
        message: str,
        code: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        event_id: str | None = None,
    ) -> None:
        self.refused.append(f"{code}: {message}")
        told = {"type": kind, "code": code, "message": message, "param": param}
        self.emit("error", error=told | {"event_id": event_id})

    def receive(self, text: str | bytes) -> None:
        event: Any = None
        try:
            try:
                event = json.loads(text)
            except ValueError:
                raise EventRefused("The message is no JSON.", "invalid_json") from None
            self._carry_out(check_client(event))
        except EventRefused as refused:
            fields = cast("dict[str, Any]", event) if isinstance(event, dict) else {}
            event_id = fields.get("event_id")
            self.error(str(refused), refused.code, param=refused.param, event_id=event_id)

    def close(self, code: int = 1000, reason: str = "") -> None:
        if not self.over:
            self.hang_up(code, reason)
            self.ended()

    def ended(self) -> None:
        """The socket is gone."""
        self.over = True
        for task in self._tasks:
            task.cancel()

    def spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---- what the client asks for -----------------------------------------------------------

    def _carry_out(self, event: dict[str, Any]) -> None:
        kind = str(event["type"])
        if kind == "input_audio_buffer.append":
            self._append(audio_of(event))
            return
        self.events.append(event)
        match kind:
            case "session.update":
                self._update(event["session"])
            case "input_audio_buffer.commit":
                self._commit()
            case "input_audio_buffer.clear":
                self._input.clear()
                self.emit("input_audio_buffer.cleared")
            case "conversation.item.create":
                self._create_item(event["item"], event.get("previous_item_id"))
            case "conversation.item.delete":
                self._existing(event["item_id"], "delete")
                del self.items[event["item_id"]]
                self.emit("conversation.item.deleted", item_id=event["item_id"])
            case "conversation.item.retrieve":
                item = self._existing(event["item_id"], "retrieve")
                self.emit("conversation.item.retrieved", item=item.fields)
            case "conversation.item.truncate":
                self._truncate(event)
            case "response.create":
                self.respond(event.get("response") or {})
            case "response.cancel":
                if self.reply is None:
                    raise EventRefused(
                        "Cancellation failed: no active response found",
                        "response_cancel_not_active",
                    )
                self.reply.cancel("client_cancelled")
            case _:
                raise EventRefused(f"{kind} is for WebRTC and SIP only.", "unsupported_event")

    @property
    def _input(self) -> InputBuffer:
        assert self._buffer is not None, "the session has begun"
        return self._buffer

    @property
    def _turn_detection(self) -> dict[str, Any] | None:
        return cast("dict[str, Any] | None", self.config["audio"]["input"]["turn_detection"])

    def _new_buffer(self) -> InputBuffer:
        return InputBuffer(self.server.speech.vad(), self.config["audio"]["input"]["format"])

    def _update(self, wish: Mapping[str, Any]) -> None:
        if wish.get("type") != "realtime":
            raise EventRefused("Passing a transcription session to a realtime one.", param="type")
        check_tools(wish.get("tools", ()))
        voice = wish.get("audio", {}).get("output", {}).get("voice")
        if voice and self.has_spoken and voice != self.config["audio"]["output"]["voice"]:
            raise EventRefused("Cannot update a conversation's voice.", "cannot_update_voice")
        before = self.config["audio"]["input"]["format"]
        merge(self.config, wish)
        if self.config["audio"]["input"]["format"] != before:
            self._buffer = self._new_buffer()
        self.emit("session.updated", session=self.config)

    def _existing(self, item_id: str, what: str) -> ServedItem:
        item = self.items.get(item_id)
        if item is None:
            raise EventRefused(
                f"Error {what}: item with id '{item_id}' does not exist.",
                f"item_{what}_invalid_item_id",
                "item_id",
            )
        return item

    def _create_item(self, wish: dict[str, Any], previous: str | None) -> None:
        if previous not in (None, "root"):
            self._existing(str(previous), "create")
        if wish["type"] == "function_call_output" and wish["call_id"] not in self._call_ids():
            raise EventRefused(
                f"Tool call ID '{wish['call_id']}' not found in conversation.",
                "invalid_tool_call_id",
                "item.call_id",
            )
        if wish["type"] == "message":
            self._check_parts(wish)
        item = {"id": new_id("item"), "object": "realtime.item", "status": "completed"} | wish
        self.add_item(ServedItem(item))
        self.emit("conversation.item.done", item=item)

    @staticmethod
    def _check_parts(message: Mapping[str, Any]) -> None:
        allowed = {"user": "input_", "system": "input_text", "assistant": "output_text"}
        for part in message["content"]:
            if not str(part.get("type")).startswith(allowed[message["role"]]):
                raise EventRefused(
                    f"Invalid value: '{part.get('type')}' in a message of {message['role']}.",
                    param="item.content[0].type",
                )

    def _call_ids(self) -> set[str]:
        calls = (each.fields for each in self.items.values())
        return {str(each["call_id"]) for each in calls if each["type"] == "function_call"}

    def add_item(self, item: ServedItem) -> None:
        previous = next(reversed(self.items), None)
        self.items[item.id] = item
        self.emit("conversation.item.added", item=item.fields, previous_item_id=previous)

    def _truncate(self, event: Mapping[str, Any]) -> None:
        item, end_ms = self._existing(event["item_id"], "truncate"), int(event["audio_end_ms"])
        fields = item.fields
        if fields["type"] != "message" or fields["role"] != "assistant" or not item.audio_ms:
            raise EventRefused(
                "Only model output audio messages can be truncated", "unsupported_content_type"
            )
        if end_ms > item.audio_ms:
            raise EventRefused(
                f"Audio content of {item.audio_ms:.0f}ms is already shorter than {end_ms}ms"
            )
        item.truncated_ms = end_ms
        for part in fields["content"]:
            part.pop("transcript", None)
        self.emit(
            "conversation.item.truncated",
            item_id=item.id,
            content_index=event["content_index"],
            audio_end_ms=end_ms,
        )

    # ---- the caller -------------------------------------------------------------------------

    def _append(self, payload: bytes) -> None:
        self.server.octets_heard += len(payload)
        self._input.append(payload)
        settings = self._turn_detection
        if settings is None:
            return
        for event in self._input.listen(settings):
            if isinstance(event, SpeechStarted):
                self._speech_started(event, settings)
            else:
                self._speech_stopped(event, settings)

    def _speech_started(self, event: SpeechStarted, settings: Mapping[str, Any]) -> None:
        self._speech_item = new_id("item")
        self.emit(
            "input_audio_buffer.speech_started",
            audio_start_ms=event.start_ms,
            item_id=self._speech_item,
        )
        if self.reply is not None and settings.get("interrupt_response", True):
            self.reply.cancel("turn_detected")

    def _speech_stopped(self, event: SpeechStopped, settings: Mapping[str, Any]) -> None:
        self.emit(
            "input_audio_buffer.speech_stopped",
            audio_end_ms=event.end_ms,
            item_id=self._speech_item,
        )
        self._commit_audio(self._input.take(event.start_ms), self._speech_item)
        if settings.get("create_response", True) and self.reply is None:
            self.respond({})

    def _commit(self) -> None:
        length = self._input.length_ms
        if length < COMMIT_MS:
            raise EventRefused(
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{COMMIT_MS}ms of audio, but buffer only has {length:.2f}ms of audio.",
                "input_audio_buffer_commit_empty",
            )
        self._commit_audio(self._input.take(), new_id("item"))

    def _commit_audio(self, pcm: Pcm, item_id: str) -> None:
        previous = next(reversed(self.items), None)
        self.emit("input_audio_buffer.committed", item_id=item_id, previous_item_id=previous)
        item: dict[str, Any] = {
            "id": item_id,
            "object": "realtime.item",
            "type": "message",
            "role": "user",
            "status": "completed",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        served = ServedItem(item)
        self.add_item(served)
        self.emit("conversation.item.done", item=item)
        understood: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.server.understood[item_id] = understood
        self.spawn(self._understand(served, pcm, understood))

    async def _understand(
        self, item: ServedItem, pcm: Pcm, understood: "asyncio.Future[str]"
    ) -> None:
        server = self.server
        text = await server.jobs.run(lambda: server.speech.recogniser.transcribe(pcm, EAR_RATE))
        understood.set_result(text)
        server.heard.append(text)
        if self.config["audio"]["input"]["transcription"] is None:
            return
        await asyncio.sleep(server.transcript_s)
        item.fields["content"][0]["transcript"] = text
        usage = {"type": "duration", "seconds": len(pcm) / EAR_RATE}
        self.emit(
            "conversation.item.input_audio_transcription.completed",
            item_id=item.id,
            content_index=0,
            transcript=text,
            usage=usage,
        )

    def respond(self, wish: Mapping[str, Any]) -> None:
        if self.reply is not None:
            raise EventRefused(
                "Conversation already has an active response in progress: "
                f"{self.reply.id}. Wait until the response is finished before creating a new one.",
                "conversation_already_has_active_response",
            )
        self.reply = ReplyInProgress(self, wish)
        self.spawn(self.reply.run())


def copied(value: Any) -> Any:
    return json.loads(json.dumps(value))


def merge(into: dict[str, Any], wish: Mapping[str, Any]) -> None:
    """Only what is named is changed. Objects of one choice, such as a format, are whole."""
    for key, value in wish.items():
        whole = key in ("format", "turn_detection", "transcription", "noise_reduction")
        if isinstance(value, dict) and isinstance(into.get(key), dict) and not whole:
            merge(into[key], cast("dict[str, Any]", value))
        else:
            into[key] = copied(value)


__all__ = ["FORMS", "ServedItem", "ServedSession", "new_id"]
