"""A pipecat pipeline on the telephone, with its own ears, voice and turns: pip install
"pipecat-ai[openai]". Our side is two ends of the pipeline: frames in, frames out.

OPENAI_API_KEY=... CALLBRIDGE_LLM_MODEL=... callbridge serve examples/llm/with_pipecat.py
"""

import asyncio
import os

import numpy as np
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    StartFrame,
    TTSSpeakFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.openai.stt import OpenAISTTService
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from callbridge import App, Call

app = App()


class CallInput(BaseInputTransport):
    def __init__(self, call: Call, params: TransportParams) -> None:
        super().__init__(params)
        self._call = call

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)
        self._hearing = self.create_task(self._hear())

    async def _hear(self) -> None:
        async for pcm in self._call.audio():
            frame = InputAudioRawFrame(pcm.tobytes(), self._call.sample_rate, 1)
            await self.push_audio_frame(frame)

    async def cleanup(self) -> None:
        await self.cancel_task(self._hearing)
        await super().cleanup()


class CallOutput(BaseOutputTransport):
    def __init__(self, call: Call, params: TransportParams) -> None:
        super().__init__(params)
        self._call = call

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        await self._call.write(np.frombuffer(frame.audio, np.int16))
        while self._call.queued_s > 0:  # noqa: ASYNC110  ours is the only pacer
            await asyncio.sleep(0.01)
        return True

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        if isinstance(frame, InterruptionFrame):
            self._call.interrupt()
        await super().process_frame(frame, direction)


@app.call
async def bot(call: Call) -> None:
    rate = call.sample_rate
    sound = TransportParams(audio_in_enabled=True, audio_out_enabled=True)
    turns, context = LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer()), LLMContext()
    user, assistant = LLMContextAggregatorPair(context, user_params=turns)
    model = OpenAILLMService.Settings(
        model=os.environ["CALLBRIDGE_LLM_MODEL"], system_instruction="You keep a shop."
    )
    worker = PipelineWorker(
        Pipeline(
            [
                CallInput(call, sound),
                OpenAISTTService(base_url=os.environ.get("OPENAI_BASE_URL")),
                user,
                OpenAILLMService(settings=model),
                OpenAITTSService(base_url=os.environ.get("OPENAI_BASE_URL"), sample_rate=24000),
                CallOutput(call, sound),
                assistant,
            ]
        ),
        params=PipelineParams(audio_in_sample_rate=rate, audio_out_sample_rate=rate),
    )
    await worker.queue_frame(TTSSpeakFrame("Good day. How can I help you?"))
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await call.over()
    await worker.cancel()
    await running
