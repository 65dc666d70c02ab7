"""pipecat 1.14 asks a model: its OpenAI service between two ends of a pipeline that note the time.

    .../bin/python benchmarks/peers/pipecat_llm.py --url http://127.0.0.1:9012/v1 --answers 50

In an environment of its own, see benchmarks/README.md. Prints one JSON object: for each answer when
it was asked for, and for each token the time at which it left the service and the token, by the
machine's monotonic clock."""

import argparse
import asyncio
import json
from time import monotonic

from loguru import logger
from pipecat.frames.frames import Frame, LLMContextFrame, LLMFullResponseEndFrame, LLMTextFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.workers.runner import WorkerRunner


class Ends(FrameProcessor):
    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[tuple[float, str]] = []
        self.over = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMTextFrame):
            self.tokens.append((monotonic(), frame.text))
        elif isinstance(frame, LLMFullResponseEndFrame):
            self.over.set()
        await self.push_frame(frame, direction)


async def main(url: str, answers: int, tokens: int, token_ms: int) -> None:
    settings = OpenAILLMService.Settings(model="any")
    service = OpenAILLMService(api_key="any", base_url=url, settings=settings)
    ends = Ends()
    worker = PipelineWorker(
        Pipeline([service, ends]),
        params=PipelineParams(enable_metrics=False),
        cancel_on_idle_timeout=False,
        enable_rtvi=False,
    )
    found = []

    async def ask() -> None:
        for number in range(answers):
            prompt = f"Please say {tokens} tokens, {token_ms} milliseconds apart, number {number}"
            system = {"role": "system", "content": "You are on the telephone."}
            context = LLMContext([system, {"role": "user", "content": prompt}])
            ends.tokens, ends.over = [], asyncio.Event()
            asked = monotonic()
            await worker.queue_frame(LLMContextFrame(context))
            await ends.over.wait()
            found.append([asked, ends.tokens])
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    asking = asyncio.create_task(ask())
    await runner.add_workers(worker)
    await runner.run()
    await asking
    print(json.dumps(found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--answers", type=int, default=50)
    parser.add_argument("--tokens", type=int, default=20)
    parser.add_argument("--token-ms", type=int, default=15)
    options = parser.parse_args()
    logger.remove()
    asyncio.run(main(options.url, options.answers, options.tokens, options.token_ms))
