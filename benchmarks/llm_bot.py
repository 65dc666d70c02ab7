"""The bot of `llm_turns.py`: `callbridge.bots.llm` asks the model of the environment, or, with
CALLBRIDGE_BENCH_MODEL=ready, one whose client has each token in the process itself."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from openai import AsyncOpenAI

from callbridge import App, Call, Turn
from callbridge.bench import relay_script
from callbridge.bots import llm

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.llm import chunk

app = App(voice="relay")


class ReadyTokens:
    """As much of the SDK's stream as is read: chunks that were parsed already."""

    def __init__(self, prompt: str) -> None:
        self._tokens = relay_script.answer(prompt)
        self._over = False

    async def __anext__(self) -> Any:
        if self._over:
            raise StopAsyncIteration
        token = await anext(self._tokens, None)
        self._over = token is None
        return chunk(token, "stop" if self._over else None)

    async def close(self) -> None: ...


async def create(**request: Any) -> ReadyTokens:
    return ReadyTokens(request["messages"][-1]["content"])


def ready() -> llm.ChatModel:
    chat = SimpleNamespace(completions=SimpleNamespace(create=create))
    client = SimpleNamespace(base_url="http://ready/v1", api_key="any", max_retries=0, chat=chat)
    return llm.ChatModel("any", client=cast("AsyncOpenAI", client))


MODEL = ready() if os.environ.get("CALLBRIDGE_BENCH_MODEL") == "ready" else llm.ChatModel("any")


@app.reply()
def answer(call: Call, turn: Turn) -> AsyncIterator[str]:
    return llm.reply(call, turn, "You are on the telephone.", model=MODEL)
