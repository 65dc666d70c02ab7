"""Gemini Live over WebSocket: a local server of a model that hears and speaks, in memory.

Stricter than the service in one thing: nothing may come before it has taken the set-up. The shapes
of messages are held by hand against `google/genai/types.py` (google-genai 3.6)."""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from callbridge.realtime.socket import LinkListener, ModelLink
from callbridge.speech.engines import Speech
from callbridge.testing.speech import scripted
from telecodecs import Resampler, codec
from tests.vendors.openai import answers as a
from tests.vendors.openai_realtime.ears import InputBuffer, SpeechStarted
from tests.vendors.openai_realtime.replies import pieces
from tests.vendors.openai_realtime.server import MemoryLink

KEY = "AIza-local"
SPEAKS_HZ, HEARS_HZ = 24000, 16000
SETUP = {
    "model", "generationConfig", "systemInstruction", "tools", "inputAudioTranscription",
    "outputAudioTranscription", "contextWindowCompression", "sessionResumption",
}  # fmt: skip


@dataclass(slots=True)
class GeminiServer:
    """`script` says what is answered; `goes_after_s` when it announces that it will go."""

    script: a.Script = a.repeats
    speech: Speech = field(default_factory=scripted)
    goes_after_s: float = 3600.0
    sessions: list["ServedGemini"] = field(default_factory=list["ServedGemini"])
    heard: list[str] = field(default_factory=list[str])

    @property
    def refused(self) -> list[str]:
        return [why for session in self.sessions for why in session.refused]

    async def connect(
        self, url: str, headers: Mapping[str, str], listener: LinkListener
    ) -> ModelLink:
        await asyncio.sleep(0.02)
        link = MemoryLink(0.02, listener)
        session = ServedGemini(self, link.to_client, link.cut)
        self.sessions.append(session)
        link.session = session
        if headers.get("x-goog-api-key") != KEY:
            session.close(1007, "API key not valid. Please pass a valid API key.")
        return link


@dataclass(slots=True)
class ServedGemini:
    server: GeminiServer
    send: Callable[[str], None]
    hang_up: Callable[[int, str], None]
    setup: dict[str, Any] = field(default_factory=dict[str, Any])
    messages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    told: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    refused: list[str] = field(default_factory=list[str])
    over: bool = False
    _buffer: InputBuffer | None = None
    _down: Resampler = field(default_factory=lambda: Resampler(HEARS_HZ, 8000))
    _answer: "asyncio.Task[None] | None" = None
    _playing_until: float = 0.0
    _open_calls: set[str] = field(default_factory=set[str])
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set["asyncio.Task[None]"])

    def emit(self, **message: Any) -> None:
        if not self.over:
            self.send(json.dumps(message))

    def close(self, code: int, reason: str) -> None:
        self.hang_up(code, reason)
        self.ended()

    def ended(self) -> None:
        self.over = True
        for task in self._tasks:
            task.cancel()

    def _spawn(self, work: Any) -> "asyncio.Task[None]":
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def receive(self, text: str | bytes) -> None:
        message = json.loads(text)
        (kind,) = message
        if (kind == "setup") is bool(self.setup):
            self._refuse(f"{kind} out of its place")
        elif kind == "setup":
            self._set_up(message[kind])
        elif kind == "realtimeInput":
            self._hear(message[kind]["audio"])
        elif kind == "clientContent":
            self.told.append(message[kind])
            self.messages += [_message(turn) for turn in message[kind]["turns"]]
            if message[kind]["turnComplete"]:
                self._begin_answer()
        elif kind == "toolResponse":
            self._used(message[kind]["functionResponses"])
        else:
            self._refuse(f"Invalid JSON payload received. Unknown name {kind!r}")

    def _refuse(self, why: str) -> None:
        self.refused.append(why)
        self.close(1007, why)

    def _set_up(self, setup: dict[str, Any]) -> None:
        if unknown := set(setup) - SETUP:
            self._refuse(f"Invalid JSON payload received. Unknown name {unknown} at 'setup'")
            return
        self.setup = setup
        self._buffer = InputBuffer(self.server.speech.vad(), {"type": "audio/pcmu"})
        self.emit(setupComplete={})
        self._spawn(self._go_away())

    async def _go_away(self) -> None:
        await asyncio.sleep(self.server.goes_after_s)
        self.emit(goAway={"timeLeft": "30s"})
        await asyncio.sleep(30.0)
        self.close(1011, "the deadline")

    # ---- the caller -------------------------------------------------------------------------

    def _hear(self, audio: Mapping[str, str]) -> None:
        if audio["mimeType"] != f"audio/pcm;rate={HEARS_HZ}" or self._buffer is None:
            self._refuse(f"audio of {audio['mimeType']}")
            return
        pcm = codec("L16", HEARS_HZ).decode(b64decode(audio["data"]))
        self._buffer.append(codec("PCMU").encode(self._down.process(pcm)))
        for event in self._buffer.listen({}):
            if isinstance(event, SpeechStarted):
                self._interrupt()
                continue
            pcm = self._buffer.take(event.start_ms)
            said = self.server.speech.recogniser.transcribe(pcm, 8000)
            self.server.heard.append(said)
            self.messages.append({"role": "user", "content": said})
            self.emit(serverContent={"inputTranscription": {"text": said}})
            self._begin_answer()

    def _interrupt(self) -> None:
        """While it makes an answer, and while that sounds, as far as the service knows."""
        sounding = asyncio.get_running_loop().time() < self._playing_until
        if self._answer is not None or sounding:
            if self._answer is not None:
                self._answer.cancel()
                self._answer = None
            self._playing_until = 0.0
            self.emit(serverContent={"interrupted": True})
            self.emit(serverContent={"turnComplete": True})

    # ---- the model --------------------------------------------------------------------------

    def _begin_answer(self) -> None:
        self._answer = self._spawn(self._say())

    async def _say(self) -> None:
        answer = self.server.script({"messages": self.messages, "session": self.setup})
        assert isinstance(answer, a.Completion)
        await asyncio.sleep(0.3)
        loop = asyncio.get_running_loop()
        for part in answer.parts:
            if isinstance(part, a.ToolCall):
                self._call(part)
                self._answer = None
                return
            if isinstance(part, a.Drop):
                self.close(1011, "the script drops it")
                return
            assert isinstance(part, a.Text)
            self.messages.append({"role": "assistant", "content": part.text})
            words = self.server.speech.synthesiser.speak(part.text, SPEAKS_HZ)
            for text, pcm in pieces([(w.text, w.pcm) for w in words], 0.2, SPEAKS_HZ):
                data = b64encode(codec("L16", SPEAKS_HZ).encode(pcm)).decode()
                sound = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}
                self.emit(serverContent={"outputTranscription": {"text": text}})
                self.emit(serverContent={"modelTurn": {"parts": [sound]}})
                seconds = len(pcm) / SPEAKS_HZ
                self._playing_until = max(self._playing_until, loop.time()) + seconds
                await asyncio.sleep(seconds / 4)
        self.emit(serverContent={"generationComplete": True})
        self._answer = None
        self._spawn(self._complete())

    async def _complete(self) -> None:
        """When it has been heard, as far as the service knows."""
        await asyncio.sleep(max(0.0, self._playing_until - asyncio.get_running_loop().time()))
        if self._playing_until:
            self.emit(serverContent={"turnComplete": True})

    def _call(self, call: a.ToolCall) -> None:
        name = f"call_{len(self.messages)}"
        self._open_calls.add(name)
        function = {"id": name, "name": call.name, "args": json.loads(call.arguments)}
        self.emit(toolCall={"functionCalls": [function]})

    def _used(self, responses: list[dict[str, Any]]) -> None:
        for each in responses:
            if each["id"] not in self._open_calls:
                self._refuse(f"no function call {each['id']}")
                return
            self._open_calls.remove(each["id"])
            self.messages.append({"role": "user", "content": str(each["response"]["result"])})
        if not self._open_calls:
            self._begin_answer()


def _message(turn: Mapping[str, Any]) -> dict[str, Any]:
    text = " ".join(part["text"] for part in turn["parts"])
    return {"role": "assistant" if turn["role"] == "model" else "user", "content": text}
