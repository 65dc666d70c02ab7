"""OpenAI's audio/speech and audio/transcriptions, on this machine: espeak-ng and Moonshine.

    python -m tests.vendors.openai_speech   then OPENAI_API_KEY=local-key and its url

Facts: https://developers.openai.com/api/reference/resources/audio and the types of openai 3.57.0;
the form of an error: https://developers.openai.com/api/docs/guides/error-codes"""

import asyncio
import email
import io
import json
import wave
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import httpx
import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from callbridge.speech.engines import Recogniser, Synthesiser
from callbridge.speech.espeak import Espeak
from callbridge.speech.moonshine import Moonshine
from tests.vendors.link import Faults, sdk_model
from tests.vendors.sockets import served

KEY = "local-key"
PORT = 8072
RATE = 24000
CHUNK = 4801  # octets: beside a sample
VOICES = {
    "alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse",
    "marin", "cedar",
}  # fmt: skip
SPEECH_MODELS = {"tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15"}
EAR_MODELS = {"gpt-transcribe", "whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe"}
SPEECH_FIELDS = {
    "input": str, "model": str, "voice": str, "instructions": str, "response_format": str,
    "speed": float, "stream_format": str,
}  # fmt: skip
EAR_FIELDS = {
    "file", "model", "language", "prompt", "response_format", "temperature", "keywords",
    "languages", "stream",
}  # fmt: skip
EAR_PARAMS = sdk_model(
    "openai.types.audio.transcription_create_params", "TranscriptionCreateParamsBase"
)
SPEECH_PARAMS = sdk_model("openai.types.audio.speech_create_params", "SpeechCreateParams")


@dataclass(frozen=True)
class Answer:
    status: int
    kind: str
    body: AsyncIterator[bytes]


class OpenAiSpeechServer:
    """Sound comes `think_s` after its text, at `pace` times real time."""

    def __init__(
        self,
        *,
        voice: Synthesiser | None = None,
        ear: Recogniser | None = None,
        think_s: float = 0.3,
        pace: float = 4.0,
        faults: Faults | None = None,
        key: str = KEY,
    ) -> None:
        self._key = key
        self.faults = faults or Faults()
        self.received: list[dict[str, Any]] = []
        self._voice = voice or Espeak()
        self._given_ear = ear
        self.think_s = think_s
        self.pace = pace

    @cached_property
    def _ear(self) -> Recogniser:
        return self._given_ear or Moonshine()

    @cached_property
    def app(self) -> Starlette:
        async def route(request: Request) -> StreamingResponse:
            headers = {name.lower(): value for name, value in request.headers.items()}
            answer = await self.answer(request.url.path, headers, await request.body())
            return StreamingResponse(answer.body, answer.status, media_type=answer.kind)

        return Starlette(routes=[Route("/v1/audio/{kind}", route, methods=["POST"])])

    async def answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if headers.get("authorization") != f"Bearer {self._key}":
            shown = headers.get("authorization", "")[7:]
            why = f"Incorrect API key provided: {shown[:8]}***{shown[-4:]}."
            return refusal(401, why, "invalid_api_key")
        if self.faults.silent:
            await asyncio.Event().wait()
        if path == "/v1/audio/speech":
            return await self._answer_speech(body)
        if path == "/v1/audio/transcriptions":
            return await self._answer_transcription(headers.get("content-type", ""), body)
        return refusal(404, f"Invalid URL (POST {path})")

    async def _answer_speech(self, body: bytes) -> Answer:
        wish = cast("dict[str, Any]", json.loads(body))
        self.received.append(wish)
        if why := wrong_speech(wish):
            return refusal(400, why)
        await asyncio.sleep(self.think_s)
        words = self._voice.speak(wish["input"], RATE)
        octets = b"".join(word.pcm.astype("<i2").tobytes() for word in words)
        if wish.get("stream_format") == "sse":
            return Answer(200, "text/event-stream", events(self._paced(octets)))
        return Answer(200, "audio/pcm", self._paced(octets))

    async def _paced(self, octets: bytes) -> AsyncIterator[bytes]:
        faults = self.faults
        for number, start in enumerate(range(0, len(octets), CHUNK)):
            if number == faults.stall_after:
                await asyncio.Event().wait()
            if number == faults.drop_after:
                raise ConnectionResetError("dropped")
            yield octets[start : start + CHUNK]
            await asyncio.sleep(CHUNK / 2 / RATE / self.pace)

    async def _answer_transcription(self, kind: str, body: bytes) -> Answer:
        form = form_of(kind, body)
        self.received.append({name: v for name, v in form.items() if isinstance(v, str)})
        if why := wrong_transcription(form):
            return refusal(400, why)
        with wave.open(io.BytesIO(cast("bytes", form["file"]))) as sound:
            rate = sound.getframerate()
            pcm = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(np.int16)
        await asyncio.sleep(self.think_s + self.faults.late_s)
        text = self._ear.transcribe(pcm, rate)
        usage = {"type": "duration", "seconds": round(len(pcm) / rate)}
        answer = json.dumps({"text": text, "usage": usage}, ensure_ascii=False).encode()
        if self.faults.garbage_after is not None:
            answer = b"{no json"
        if self.faults.half_character_after is not None:
            answer = answer[: answer.index(text.encode()[-1:]) - 1] + b'\xc3"}'
        return Answer(200, "application/json", pieces([answer]))


def refusal(status: int, message: str, code: str = "") -> Answer:
    error = {
        "message": message,
        "type": "invalid_request_error",
        "param": None,
        "code": code or None,
    }
    return Answer(status, "application/json", pieces([json.dumps({"error": error}).encode()]))


async def pieces(octets: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in octets:
        yield piece


async def events(octets: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """`stream_format` "sse": speech.audio.delta of base64, then speech.audio.done."""
    async for piece in octets:
        yield event({"type": "speech.audio.delta", "audio": b64encode(piece).decode()})
    usage = {"input_tokens": 10, "output_tokens": 50, "total_tokens": 60}
    yield event({"type": "speech.audio.done", "usage": usage})


def event(fields: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(fields)}\n\n".encode()


def wrong_speech(wish: dict[str, Any]) -> str:
    if unknown := set(wish) - set(SPEECH_FIELDS):
        return f"Unrecognized request arguments supplied: {', '.join(sorted(unknown))}"
    for name, value in wish.items():
        if not isinstance(value, SPEECH_FIELDS[name]) and not isinstance(value, int):
            return f"Invalid type for '{name}'"
    if not 0 < len(wish.get("input", "")) <= 4096:
        return "Invalid 'input': 1 to 4096 characters"
    if wish.get("model") not in SPEECH_MODELS:
        return f"The model '{wish.get('model')}' does not exist"
    if wish.get("voice") not in VOICES:
        return "Invalid value for 'voice'"
    if wish.get("stream_format") == "sse" and wish["model"].startswith("tts-1"):
        return "stream_format 'sse' is not supported by this model"
    if wish.get("response_format") != "pcm":
        return "this server speaks pcm alone"
    if not 0.25 <= wish.get("speed", 1.0) <= 4.0:
        return "Invalid 'speed': 0.25 to 4.0"
    if "instructions" in wish and wish["model"].startswith("tts-1"):
        return "'instructions' do not work with this model"
    return unknown_to_sdk(SPEECH_PARAMS, wish)


def unknown_to_sdk(params: Any, fields: Iterable[str]) -> str:
    """Fields that the SDK's own type does not have, where that is installed."""
    if params is None:
        return ""
    known: dict[str, Any] = params.__annotations__
    unknown = set(fields) - set(known)
    return f"not of the SDK's {params.__name__}: {', '.join(sorted(unknown))}" if unknown else ""


def wrong_transcription(form: dict[str, str | bytes]) -> str:
    form = {name.removesuffix("[]"): value for name, value in form.items()}  # as the SDK has lists
    if unknown := set(form) - EAR_FIELDS:
        return f"Unrecognized request arguments supplied: {', '.join(sorted(unknown))}"
    if form.get("model") not in EAR_MODELS:
        return f"The model {form.get('model')!r} does not exist"
    if form.get("response_format", "json") != "json":
        return "this server answers json alone"
    file = form.get("file")
    if not isinstance(file, bytes) or file[:4] != b"RIFF":
        return "Invalid file format."
    return unknown_to_sdk(EAR_PARAMS, form)


def form_of(kind: str, body: bytes) -> dict[str, str | bytes]:
    """The fields of a multipart/form-data; files as octets."""
    message = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    form: dict[str, str | bytes] = {}
    for part in cast("list[Any]", message.get_payload()):
        name = part.get_param("name", header="content-disposition")
        payload: bytes = part.get_payload(decode=True)
        form[name] = payload if part.get_filename() else payload.decode()
    return form


class InMemoryHttp(httpx.AsyncBaseTransport):
    """The server without a network; its answers come as they come."""

    def __init__(self, server: OpenAiSpeechServer, latency_s: float = 0.02) -> None:
        self._server = server
        self._latency_s = latency_s
        self.unreachable = False
        self.opened = self.open = 0
        self.closed_at: list[float] = []  # seconds of the loop

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(self._latency_s)
        if self.unreachable:
            raise httpx.ConnectError("nobody listens")
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = await self._server.answer(request.url.path, headers, await request.aread())
        return httpx.Response(
            answer.status, headers={"content-type": answer.kind}, stream=Body(self, answer.body)
        )


class Body(httpx.AsyncByteStream):
    def __init__(self, link: InMemoryHttp, body: AsyncIterator[bytes]) -> None:
        self._link = link
        self._body = body
        link.opened += 1
        link.open += 1

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._body:
                yield piece
        except ConnectionResetError as error:
            raise httpx.ReadError(str(error)) from None

    async def aclose(self) -> None:
        self._link.open -= 1
        self._link.closed_at.append(asyncio.get_running_loop().time())
        await cast("Any", self._body).aclose()


async def _forever() -> None:
    async with served(OpenAiSpeechServer().app, port=PORT) as url:
        print(f"OpenAiSpeechServer at {url}/v1; OPENAI_API_KEY={KEY}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(_forever())
    except KeyboardInterrupt:
        print()
