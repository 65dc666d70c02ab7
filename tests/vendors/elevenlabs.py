"""ElevenLabs' WebSocket for text that is still being written, on this machine: espeak-ng speaks.

    python -m tests.vendors.elevenlabs      then ELEVENLABS_API_KEY=local-key and its url

Facts: https://elevenlabs.io/docs/api-reference/text-to-speech, the page of the WebSocket. The texts
of the refusals are from users' reports (livekit/agents 218, elevenlabs/elevenlabs-docs 426)."""

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from callbridge.speech.engines import Synthesiser
from callbridge.speech.espeak import Espeak
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
PORT = 8071
FORMATS = {f"pcm_{rate}": rate for rate in (8000, 16000, 22050, 24000, 44100)}
QUERY = {
    "model_id", "language_code", "enable_logging", "enable_ssml_parsing", "output_format",
    "inactivity_timeout", "sync_alignment", "auto_mode", "apply_text_normalization", "seed",
    "authorization", "single_use_token",
}  # fmt: skip
CHUNK_S = 0.5
FIRST = sdk_model("elevenlabs.types.initialize_connection", "InitializeConnection")
TEXT = sdk_model("elevenlabs.types.send_text", "SendText")
OUTPUT = sdk_model("elevenlabs.types.audio_output", "AudioOutput")


class ElevenLabsServer:
    """Audio comes `think_s` after its text, at `pace` times real time."""

    def __init__(
        self,
        *,
        voice: Synthesiser | None = None,
        think_s: float = 0.075,
        pace: float = 4.0,
        faults: Faults | None = None,
    ) -> None:
        self.faults = faults or Faults()
        self.received: list[dict[str, Any]] = []
        self._voice = voice or Espeak()
        self.think_s = think_s
        self.pace = pace

    def refuses(self, asked: Asked) -> Refusal | None:
        if not re.fullmatch(r"/v1/text-to-speech/\w+/stream-input", asked.path):
            return Refusal(404, '{"detail":"Not Found"}')
        return None

    async def serve(self, socket: ServerSocket, asked: Asked) -> None:
        """The service accepts the WebSocket first, and refuses by a message and a close of 1008."""
        if (refusal := self._refuses_within(asked)) is not None:
            await self._refuse(socket, *refusal)
            return
        rate = FORMATS[asked.query["output_format"]]
        patience = float(asked.query.get("inactivity_timeout", 20))
        texts: asyncio.Queue[str | None] = asyncio.Queue()
        speaking = asyncio.create_task(self._speak(FaultySocket(socket, self.faults), texts, rate))
        try:
            await self._read(socket, texts, patience)
            await speaking
            await socket.close()
        finally:
            speaking.cancel()

    def _refuses_within(self, asked: Asked) -> tuple[str, str] | None:
        if asked.headers.get("xi-api-key") != KEY:
            return "invalid_api_key", "Invalid API key"
        if unknown := set(asked.query) - QUERY:
            return "invalid_query", f"unknown parameters: {', '.join(sorted(unknown))}"
        if asked.query.get("output_format") not in FORMATS:
            return "invalid_output_format", "this server speaks pcm alone"
        if not 0 < float(asked.query.get("inactivity_timeout", 20)) <= 180:
            return "invalid_inactivity_timeout", "at most 180 seconds"
        return None

    async def _refuse(self, socket: ServerSocket, error: str, message: str) -> None:
        await socket.send(json.dumps({"message": message, "error": error, "code": 1008}))
        await socket.close(1008, message[:120])

    async def _read(
        self, socket: ServerSocket, texts: "asyncio.Queue[str | None]", patience: float
    ) -> None:
        first = True
        while True:
            try:
                async with asyncio.timeout(patience):
                    message = json.loads(await socket.recv())
            except TimeoutError:
                why = (
                    f"Have not received a new text input within the timeout of {patience} seconds."
                )
                await self._refuse(socket, "input_timeout_exceeded", why)
                return
            self.received.append(message)
            if why := self._wrong(message, first=first):
                await self._refuse(socket, "invalid_message", why)
                return
            first = False
            if message["text"] == "":
                texts.put_nowait(None)
                return
            if message["text"].strip():
                texts.put_nowait(message["text"])

    def _wrong(self, message: dict[str, Any], *, first: bool) -> str:
        text = message.get("text")
        if not isinstance(text, str):
            return "text is missing"
        if first:
            return fits_sdk(FIRST, message) if text == " " else "the first text must be a space"
        if text and not text.endswith(" "):
            return "text should always end with a single space"
        return fits_sdk(TEXT, message)

    async def _speak(
        self, socket: FaultySocket, texts: "asyncio.Queue[str | None]", rate: int
    ) -> None:
        while (text := await texts.get()) is not None:
            await asyncio.sleep(self.think_s)
            for output in self._outputs(text, rate):
                assert not fits_sdk(OUTPUT, output)
                await socket.send(json.dumps(output))
                await asyncio.sleep(len(base64.b64decode(output["audio"])) / 2 / rate / self.pace)
        await socket.send(json.dumps({"audio": None, "isFinal": True, "alignment": None}))

    def _outputs(self, text: str, rate: int) -> Iterator[dict[str, Any]]:
        """In chunks that cut words anywhere; times count from the beginning of each."""
        octets, letters = b"", list[tuple[str, float, float]]()
        for word, pcm in self._voice.speak(text, rate):
            begin, each = len(octets) / 2 / rate, len(pcm) / rate / len(word)
            letters += [(c, begin + i * each, each) for i, c in enumerate(word)]
            octets += pcm.astype("<i2").tobytes()
        size = 2 * round(CHUNK_S * rate)
        for start, end in pairwise([*range(0, len(octets), size), len(octets)]):
            from_s, to_s = start / 2 / rate, end / 2 / rate
            here = [each for each in letters if from_s <= each[1] < to_s]
            alignment = {
                "chars": [letter for letter, _, _ in here],
                "charStartTimesMs": [round(1000 * (at - from_s)) for _, at, _ in here],
                "charDurationsMs": [round(1000 * length) for _, _, length in here],
            }
            yield {
                "audio": base64.b64encode(octets[start:end]).decode(),
                "alignment": alignment,
                "normalizedAlignment": alignment,
            }


if __name__ == "__main__":
    run_by_hand(ElevenLabsServer(), "ELEVENLABS_API_KEY", PORT, KEY)
