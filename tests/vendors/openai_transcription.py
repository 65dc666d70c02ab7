"""OpenAI's Realtime transcription, on this machine: /v1/realtime?intent=transcription.

    python -m tests.vendors.openai_transcription   then OPENAI_API_KEY=local-key and its url

Strict: the client's events are checked with the SDK's own types, where that is installed, and by
what the guide and the reference say.
Facts: https://developers.openai.com/api/docs/guides/realtime-transcription, types of openai 3.57"""

import asyncio
import binascii
import itertools
import json
from base64 import b64decode
from functools import cached_property
from typing import Any

import numpy as np

from callbridge.speech.engines import Recogniser
from callbridge.speech.moonshine import Moonshine
from telecodecs import Pcm, silence
from tests.vendors.link import (
    Asked,
    Faults,
    FaultySocket,
    Refusal,
    ServerSocket,
    fits_sdk,
    run_by_hand,
    sdk_model,
)

KEY = "local-key"
PORT = 8074
RATE = 24000
DELTA_S = 0.4  # of sound between two looks at what is heard
LEAST_S = 0.1
LOUD = 500
LIVE_MODELS = {"gpt-live-transcribe", "gpt-realtime-whisper"}
TURN_MODELS = {"gpt-transcribe"}  # they say nothing before the commit
TYPES = "openai.types.realtime"
CLIENT_EVENTS = {
    "session.update": sdk_model(f"{TYPES}.session_update_event", "SessionUpdateEvent"),
    "input_audio_buffer.append": sdk_model(
        f"{TYPES}.input_audio_buffer_append_event", "InputAudioBufferAppendEvent"
    ),
    "input_audio_buffer.commit": sdk_model(
        f"{TYPES}.input_audio_buffer_commit_event", "InputAudioBufferCommitEvent"
    ),
}
SESSION = sdk_model(
    f"{TYPES}.realtime_transcription_session_create_request",
    "RealtimeTranscriptionSessionCreateRequest",
)
INPUT = sdk_model(
    f"{TYPES}.realtime_transcription_session_audio_input", "RealtimeTranscriptionSessionAudioInput"
)
TRANSCRIPTION = sdk_model(f"{TYPES}.audio_transcription", "AudioTranscription")
_NAME = "conversation_item_input_audio_transcription"
SERVER_EVENTS = {
    kind: sdk_model(
        f"{TYPES}.{_NAME}_{kind}_event",
        f"ConversationItemInputAudioTranscription{kind.capitalize()}Event",
    )
    for kind in ("delta", "completed")
}


class SessionError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class OpenAiTranscriptionServer:
    def __init__(
        self, *, ear: Recogniser | None = None, think_s: float = 0.2, faults: Faults | None = None
    ) -> None:
        self.faults = faults or Faults()
        self.received: list[dict[str, Any]] = []  # without the sound
        self.think_s = think_s
        self._given_ear = ear

    @cached_property
    def ear(self) -> Recogniser:
        return self._given_ear or Moonshine()

    def refuses(self, asked: Asked) -> Refusal | None:
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return Refusal(401, '{"error": {"code": "invalid_api_key"}}')
        if asked.path != "/v1/realtime" or asked.query != {"intent": "transcription"}:
            return Refusal(400, '{"error": {"message": "only intent=transcription here"}}')
        return None

    async def serve(self, socket: ServerSocket, asked: Asked) -> None:
        await TranscriptionSession(self, socket).run()


class TranscriptionSession:
    """One connection."""

    def __init__(self, server: OpenAiTranscriptionServer, socket: ServerSocket) -> None:
        self._server = server
        self._raw = socket
        self._socket = FaultySocket(socket, server.faults)
        self._ids = itertools.count(1)
        self._live: bool | None = None  # None before the session is one of transcription
        self._sound: Pcm = silence(0)  # since the last commit
        self._item = "item_0"
        self._told = ""  # as deltas, of this item
        self._looked = 0  # samples

    async def run(self) -> None:
        await self._tell({"type": "session.created", "session": {"type": "transcription"}})
        while True:
            try:
                await self._take(await self._raw.recv())
            except SessionError as error:
                fields = {"type": "invalid_request_error", "code": error.code, "param": None}
                await self._tell({"type": "error", "error": {**fields, "message": str(error)}})

    async def _tell(self, event: dict[str, Any]) -> None:
        await self._socket.send(json.dumps({"event_id": f"event_{next(self._ids)}", **event}))

    async def _take(self, frame: str | bytes) -> None:
        """Raises SessionError."""
        try:
            event: dict[str, Any] = json.loads(frame)
            kind = event["type"]
        except (ValueError, KeyError, TypeError):
            raise SessionError("invalid_json", "this is no event") from None
        if kind not in CLIENT_EVENTS:
            raise SessionError("invalid_value", f"no event {kind!r} in a transcription session")
        if why := fits_sdk(CLIENT_EVENTS[kind], event):
            raise SessionError("invalid_request", why)
        if kind != "input_audio_buffer.append":
            self._server.received.append(event)
        match kind:
            case "session.update":
                await self._update(event["session"])
            case "input_audio_buffer.append":
                await self._append(event["audio"])
            case _:
                await self._commit()

    async def _update(self, session: dict[str, Any]) -> None:
        if session.get("type") != "transcription":
            raise SessionError("invalid_value", "this is a transcription session")
        heard: dict[str, Any] = session.get("audio", {}).get("input", {})
        transcription: dict[str, Any] = heard.get("transcription") or {}
        checked = ((SESSION, session), (INPUT, heard), (TRANSCRIPTION, transcription))
        if why := next(filter(None, (fits_sdk(model, part) for model, part in checked)), ""):
            raise SessionError("unknown_parameter", why)
        model = transcription.get("model")
        if model not in LIVE_MODELS | TURN_MODELS:
            raise SessionError("model_not_found", f"The model {model!r} does not exist")
        if heard.get("format") != {"type": "audio/pcm", "rate": RATE}:
            raise SessionError("invalid_value", "this server hears audio/pcm of 24000 alone")
        if "turn_detection" not in heard or heard["turn_detection"] is not None:
            raise SessionError("invalid_value", "this server has no turn detection: null")
        if model == "gpt-realtime-whisper" and {"prompt", "keywords"} & set(transcription):
            raise SessionError("invalid_value", "not supported by gpt-realtime-whisper")
        self._live = model in LIVE_MODELS
        await self._tell({"type": "session.updated", "session": session})

    async def _append(self, audio: str) -> None:
        if self._live is None:
            raise SessionError("invalid_request", "sound before the session was configured")
        try:
            octets = b64decode(audio, validate=True)
        except binascii.Error:
            raise SessionError("invalid_audio", "this is no base64") from None
        if not octets or len(octets) % 2:
            raise SessionError("invalid_audio", "not whole samples of 16 bit")
        self._sound = np.concatenate([self._sound, np.frombuffer(octets, "<i2").astype(np.int16)])
        if self._live and len(self._sound) - self._looked >= DELTA_S * RATE:
            self._looked = len(self._sound)
            await self._delta(self._hear(self._sound))

    def _hear(self, pcm: Pcm) -> str:
        return self._server.ear.transcribe(pcm, RATE) if np.any(np.abs(pcm) > LOUD) else ""

    async def _delta(self, text: str) -> None:
        """What is new in it; a delta takes nothing back."""
        if not text.startswith(self._told) or text == self._told:
            return
        delta, self._told = text[len(self._told) :], text
        await self._transcription("delta", self._item, content_index=0, delta=delta)

    async def _commit(self) -> None:
        if len(self._sound) < LEAST_S * RATE:
            raise SessionError("input_audio_buffer_commit_empty", "less than 100 ms of audio")
        sound, item = self._sound, self._item
        self._sound, self._told, self._looked = silence(0), "", 0
        self._item = f"item_{next(self._ids)}"
        await self._tell({"type": "input_audio_buffer.committed", "item_id": item})
        await asyncio.sleep(self._server.think_s + self._server.faults.late_s)
        text = self._hear(sound)
        if not self._live and text:
            await self._transcription("delta", item, content_index=0, delta=text)
        usage = {"type": "duration", "seconds": len(sound) / RATE}
        await self._transcription("completed", item, content_index=0, transcript=text, usage=usage)

    async def _transcription(self, kind: str, item: str, **fields: Any) -> None:
        name = f"conversation.item.input_audio_transcription.{kind}"
        event = {"type": name, "item_id": item, **fields}
        assert not fits_sdk(SERVER_EVENTS[kind], {"event_id": "any", **event})
        await self._tell(event)


if __name__ == "__main__":
    by_hand = OpenAiTranscriptionServer()
    by_hand.ear.transcribe(silence(RATE), RATE)
    run_by_hand(by_hand, "OPENAI_API_KEY", PORT, KEY)
