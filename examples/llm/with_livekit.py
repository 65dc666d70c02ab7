"""A livekit AgentSession on the telephone, with its own ears, voice and turns: pip install
livekit-agents livekit-plugins-openai. No room and no server of livekit's is needed for it.

OPENAI_API_KEY=... CALLBRIDGE_LLM_MODEL=... callbridge serve examples/llm/with_livekit.py
"""

import asyncio
import os

from livekit import rtc
from livekit.agents import Agent, AgentSession, inference
from livekit.agents.voice import io
from livekit.plugins import openai

from callbridge import App, Call
from callbridge.voice.live import LiveSpeech

app = App()


class CallInput(io.AudioInput):
    def __init__(self, call: Call) -> None:
        super().__init__(label="call")
        self._audio, self._rate = call.audio(), call.sample_rate

    async def __anext__(self) -> rtc.AudioFrame:
        pcm = await anext(self._audio)
        return rtc.AudioFrame(pcm.tobytes(), self._rate, 1, len(pcm))


class CallOutput(io.AudioOutput):
    def __init__(self, call: Call) -> None:
        can = io.AudioOutputCapabilities(pause=False)
        super().__init__(label="call", capabilities=can, sample_rate=24000)
        self._live = call.live
        self._speech: LiveSpeech | None = None
        self._ends: set[asyncio.Task[None]] = set()

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if self._speech is None:
            self._speech = self._live.begin_speech("L16", 24000)
            self._ends.add(asyncio.create_task(self._end(self._speech)))
        self._speech.write(bytes(frame.data))

    def flush(self) -> None:
        super().flush()
        if self._speech is not None:
            self._speech.close()
            self._speech = None

    def clear_buffer(self) -> None:
        self._live.barge_in()
        self._speech = None

    async def _end(self, speech: LiveSpeech) -> None:
        """What was heard of it, to the sample, is what the session is told."""
        await speech.over()
        cut = speech.ended != "finished"
        self.on_playback_finished(playback_position=speech.heard_s, interrupted=cut)


@app.call
async def bot(call: Call) -> None:
    session: AgentSession[None] = AgentSession(
        stt=openai.STT(model="gpt-transcribe"),
        llm=openai.LLM(model=os.environ["CALLBRIDGE_LLM_MODEL"]),
        tts=openai.TTS(response_format="pcm"),
        vad=inference.VAD(),
        turn_detection="vad",
    )
    session.input.audio, session.output.audio = CallInput(call), CallOutput(call)
    await session.start(Agent(instructions="You keep a shop."))
    session.say("Good day. How can I help you?")
    await call.over()
    await session.aclose()
