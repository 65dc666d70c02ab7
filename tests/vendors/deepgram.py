"""Deepgram's WebSockets `speak` and `listen`, on this machine: espeak-ng speaks, Moonshine hears.

    python -m tests.vendors.deepgram        then DEEPGRAM_API_KEY=local-key and its url

Facts, all under https://developers.deepgram.com/docs/: tts-ws-flush, tts-ws-clear,
tts-troubleshooting-websocket-net-and-data-errors, audio-keep-alive, finalize,
stt-troubleshooting-websocket-data-and-net-errors, interim-results,
utterance-end."""

import asyncio
import json
from collections import deque
from functools import cached_property
from typing import Any

import numpy as np

from callbridge.speech.engines import Recogniser, Synthesiser
from callbridge.speech.espeak import Espeak
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
PORT = 8070
SPEAK_RATES = {
    "linear16": {8000, 16000, 24000, 32000, 48000},
    "mulaw": {8000, 16000},
    "alaw": {8000, 16000},
}
SPEAK_QUERY = {"model", "encoding", "sample_rate", "mip_opt_out", "speed"}
LONGEST_TEXT = 2000
CHUNK_S = 0.25
ODD = 1  # octets by which chunks are cut beside a sample
LISTEN_QUERY = {
    "model", "language", "encoding", "sample_rate", "channels", "interim_results", "punctuate",
    "endpointing", "utterance_end_ms", "vad_events", "keyterm", "smart_format", "numerals",
}  # fmt: skip
IDLE_S = 10.0
INTERIM_S = 1.0  # between two results
FINAL_S = 10.0  # of sound, of which words are final
LOUD = 700  # of 32767
LISTEN_TYPES = {
    name: sdk_model("deepgram.listen.v1.types", f"ListenV1{name}")
    for name in ("Finalize", "CloseStream", "KeepAlive")
}
METADATA = {
    "request_id": "local",
    "model_uuid": "local",
    "model_info": {"name": "local", "version": "1", "arch": "local"},
}
RESULTS = sdk_model("deepgram.listen.v1.types", "ListenV1Results")
SPEAK_TYPES = {
    name: sdk_model("deepgram.speak.v1.types", f"SpeakV1{'Text' if name == 'Speak' else name}")
    for name in ("Speak", "Flush", "Clear", "Close")
}


class DeepgramServer:
    """Sound comes `think_s` after its flush, at `pace` times real time."""

    def __init__(
        self,
        *,
        voice: Synthesiser | None = None,
        ear: Recogniser | None = None,
        think_s: float = 0.15,
        pace: float = 4.0,
        faults: Faults | None = None,
    ) -> None:
        self.faults = faults or Faults()
        self.received: list[dict[str, Any]] = []
        self.voice = voice or Espeak()
        self._ear = ear
        self.audio_s = 0.0  # heard, on all connections
        self.think_s = think_s
        self.pace = pace

    @cached_property
    def moonshine(self) -> Moonshine:
        return Moonshine()

    async def recognise(self, pcm: Pcm, rate: int) -> str:
        """Moonshine takes its time, in which more sound comes."""
        if self._ear is not None:
            return self._ear.transcribe(pcm, rate)
        return await asyncio.to_thread(self.moonshine.transcribe, pcm, rate)

    def refuses(self, asked: Asked) -> Refusal | None:
        if asked.headers.get("authorization") != f"Token {KEY}":
            return Refusal(401, problem("INVALID_AUTH", "Invalid credentials."))
        if asked.path == "/v1/speak":
            return refuses_speak(asked.query)
        if asked.path == "/v1/listen":
            return refuses_listen(asked.query)
        return Refusal(404, problem("NOT_FOUND", "no such path"))

    async def serve(self, socket: ServerSocket, asked: Asked) -> None:
        if asked.path == "/v1/listen":
            await Listening(self, socket, asked.query).run()
        else:
            await Speaking(self, socket, int(asked.query["sample_rate"])).run()


def problem(code: str, message: str) -> str:
    return json.dumps({"err_code": code, "err_msg": message, "request_id": "local"})


def refuses_speak(query: dict[str, str]) -> Refusal | None:
    if unknown := set(query) - SPEAK_QUERY:
        return Refusal(400, problem("Bad Request", f"unknown: {', '.join(sorted(unknown))}"))
    if not query.get("model", "").startswith("aura-"):
        return Refusal(400, problem("INVALID_QUERY_PARAMETER", "No such model/version."))
    rates = SPEAK_RATES.get(query.get("encoding", ""))
    if rates is None or not query.get("sample_rate", "").isdigit():
        return Refusal(400, problem("UNSUPPORTED_AUDIO_FORMAT", "encoding or sample_rate"))
    if int(query["sample_rate"]) not in rates:
        return Refusal(400, problem("UNSUPPORTED_AUDIO_FORMAT", "sample_rate"))
    return None


def refuses_listen(query: dict[str, str]) -> Refusal | None:
    if unknown := set(query) - LISTEN_QUERY:
        return Refusal(400, problem("Bad Request", f"unknown: {', '.join(sorted(unknown))}"))
    if not query.get("model", "").startswith("nova-"):
        return Refusal(400, problem("INVALID_QUERY_PARAMETER", "No such model/language/tier"))
    if query.get("encoding") != "linear16" or not query.get("sample_rate", "").isdigit():
        return Refusal(400, problem("UNSUPPORTED_AUDIO_FORMAT", "this server hears linear16"))
    interim = query.get("interim_results", "false")
    if {interim, query.get("punctuate", "false")} - {"true", "false"}:
        return Refusal(400, problem("INVALID_QUERY_PARAMETER", "neither true nor false"))
    if "utterance_end_ms" in query and interim != "true":
        return Refusal(400, problem("INVALID_QUERY_PARAMETER", "needs interim_results"))
    return None


def alternative(text: str, begin_s: float, end_s: float) -> dict[str, Any]:
    """Its words are spread over the time evenly."""
    words = text.split()
    each = (end_s - begin_s) / max(1, len(words))
    return {
        "transcript": text,
        "confidence": 0.9,
        "words": [
            {
                "word": word.lower().strip(".,?!"),
                "punctuated_word": word,
                "start": begin_s + number * each,
                "end": begin_s + (number + 1) * each,
                "confidence": 0.9,
            }
            for number, word in enumerate(words)
        ],
    }


class Speaking:
    """One connection of `speak`."""

    def __init__(self, server: DeepgramServer, socket: ServerSocket, rate: int) -> None:
        self._server = server
        self._raw = socket
        self._socket = FaultySocket(socket, server.faults)
        self._rate = rate
        self._text = ""
        self._flushed_at: deque[float] = deque(maxlen=20)
        self._sequence = 0
        self._works: asyncio.Queue[str] = asyncio.Queue()

    async def run(self) -> None:
        await self._raw.send(
            json.dumps(
                {
                    "type": "Metadata",
                    "request_id": "local",
                    "model_name": "aura-local",
                    "model_version": "1",
                    "model_uuid": "local",
                }
            )
        )
        speaking = asyncio.create_task(self._speak())
        try:
            while await self._take(await self._raw.recv()):
                pass
            await self._raw.close()
        finally:
            speaking.cancel()
            await asyncio.wait({speaking})

    async def _take(self, frame: str | bytes) -> bool:
        """Whether the connection goes on."""
        try:
            message: Any = json.loads(frame)
            kind = message["type"]
            why = (
                "no such type" if kind not in SPEAK_TYPES else fits_sdk(SPEAK_TYPES[kind], message)
            )
        except (ValueError, KeyError, TypeError) as error:
            kind, message, why = "", {}, str(error)
        if why:
            await self._raw.close(1008, "DATA-0000")
            return False
        self._server.received.append(message)
        match kind:
            case "Speak":
                self._text += message["text"]
                if len(self._text) > LONGEST_TEXT:
                    await self._warn("DATA-0001", "the text is too long")
                    self._text = self._text[:LONGEST_TEXT]
            case "Flush":
                await self._flush()
            case "Clear":
                self._text, self._works = "", asyncio.Queue()
                await self._raw.send(json.dumps({"type": "Cleared", "sequence_id": self._sequence}))
            case _:
                pass
        return bool(kind != "Close")

    async def _warn(self, code: str, description: str) -> None:
        warning = {"type": "Warning", "code": code, "description": description}
        await self._raw.send(json.dumps(warning))

    async def _flush(self) -> None:
        now = asyncio.get_running_loop().time()
        if len(self._flushed_at) == 20 and now - self._flushed_at[0] < 60:
            await self._warn("FLUSH-0001", "too many flushes: at most 20 in 60 seconds")
            return
        self._flushed_at.append(now)
        self._works.put_nowait(self._text)
        self._text = ""

    async def _speak(self) -> None:
        while True:
            text = await self._works.get()
            await asyncio.sleep(self._server.think_s)
            words = self._server.voice.speak(text, self._rate) if text else ()
            octets = b"".join(word.pcm.astype("<i2").tobytes() for word in words)
            size = 2 * round(CHUNK_S * self._rate) + ODD
            for start in range(0, len(octets), size):
                chunk = octets[start : start + size]
                await self._socket.send(chunk)
                await asyncio.sleep(len(chunk) / 2 / self._rate / self._server.pace)
            flushed = {"type": "Flushed", "sequence_id": self._sequence}
            await self._socket.send(json.dumps(flushed))
            self._sequence += 1


class Listening:
    """One connection of `listen`."""

    def __init__(self, server: DeepgramServer, socket: ServerSocket, query: dict[str, str]) -> None:
        self._server = server
        self._raw = socket
        self._socket = FaultySocket(socket, server.faults)
        self._rate = int(query["sample_rate"])
        self._interim = query.get("interim_results") == "true"
        self._pause = round(int(query.get("endpointing", "10")) / 1000 * self._rate)
        self._heard: Pcm = silence(0)  # since the last final result
        self._start: int = 0  # samples before that
        self._told_at = asyncio.get_running_loop().time()

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(IDLE_S):
                    frame = await self._raw.recv()
            except TimeoutError:
                await self._raw.close(1011, "NET-0001")
                return
            if isinstance(frame, str):
                if not await self._take(frame):
                    return
            elif not frame or len(frame) % 2:
                await self._raw.close(1008, "DATA-0000")
                return
            else:
                await self._hear(np.frombuffer(frame, "<i2").astype(np.int16))

    async def _take(self, frame: str) -> bool:
        """Whether the connection goes on."""
        try:
            message: Any = json.loads(frame)
            kind = message["type"]
            why = "" if kind in LISTEN_TYPES else "no such type"
            why = why or fits_sdk(LISTEN_TYPES[kind], message)
        except (ValueError, KeyError, TypeError) as error:
            kind, message, why = "", {}, str(error)
        if why:
            await self._raw.send(
                json.dumps({"type": "Error", "variant": "SchemaError", "description": why})
            )
            await self._raw.close(1008, "DATA-0000")
            return False
        self._server.received.append(message)
        if kind in ("Finalize", "CloseStream"):
            await self._tell(final=True, from_finalize=kind == "Finalize")
        if kind == "CloseStream":
            await self._raw.close()
        return bool(kind != "CloseStream")

    async def _hear(self, pcm: Pcm) -> None:
        self._server.audio_s += len(pcm) / self._rate
        self._heard = np.concatenate([self._heard, pcm])
        loud = self._loud()
        if len(loud) and len(self._heard) - loud[-1] >= self._pause:
            await self._tell(final=True, speech_final=True)
        elif len(self._heard) >= FINAL_S * self._rate:
            await self._tell(final=True)
        elif self._interim and asyncio.get_running_loop().time() - self._told_at >= INTERIM_S:
            await self._tell(final=False)

    def _loud(self) -> Any:
        return np.flatnonzero(np.abs(self._heard) > LOUD)

    async def _tell(
        self, *, final: bool, speech_final: bool = False, from_finalize: bool = False
    ) -> None:
        heard, start = self._heard, self._start
        loud = self._loud()
        text = await self._server.recognise(heard, self._rate) if len(loud) else ""
        self._told_at = asyncio.get_running_loop().time()
        begin, end = (int(loud[0]), int(loud[-1])) if len(loud) else (0, 0)
        if final:
            self._start += len(heard)
            self._heard = silence(0)
        result: dict[str, Any] = {
            "type": "Results",
            "channel_index": [0, 1],
            "start": start / self._rate,
            "duration": len(heard) / self._rate,
            "is_final": final,
            "speech_final": speech_final,
            "from_finalize": from_finalize,
            "channel": {
                "alternatives": [
                    alternative(text, (start + begin) / self._rate, (start + end) / self._rate)
                ]
            },
            "metadata": METADATA,
        }
        assert not fits_sdk(RESULTS, result)
        if final and text:
            await asyncio.sleep(self._server.faults.late_s)
        await self._socket.send(json.dumps(result))


if __name__ == "__main__":
    by_hand = DeepgramServer()
    by_hand.moonshine.load()
    run_by_hand(by_hand, "DEEPGRAM_API_KEY", PORT, KEY)
