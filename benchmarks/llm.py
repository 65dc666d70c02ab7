"""What a reply of `callbridge.bots.llm` costs beside the same request by the SDK alone.

    python -m benchmarks.llm

Both ask the strict local server, joined in memory, in the same process and by turns, so that the
machine is the same for both. The figures are CPU time, as the machine may be busy: of a whole
answer, and of what lies before its request. The server's own work is in both; "our share" is the
same reply on a client that does nothing."""

import argparse
import asyncio
import logging
import statistics
import time
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, cast

import httpx2
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk
from starlette.applications import Starlette
from tests.vendors.in_memory import AsgiTransport
from tests.vendors.openai.answers import Completion, Text
from tests.vendors.openai.chat import KEY, MODEL, ChatServer

from callbridge import Call, HistoryItem, Turn
from callbridge.bots import llm
from callbridge.tape.waterfall import Waterfall

WORDS = 60
TURNS = 20  # of the conversation so far, on each side


class BenchCall:
    """As much of a call as a reply looks at."""

    def __init__(self) -> None:
        self.log = logging.getLogger("callbridge")
        roles = ("user", "assistant")
        self.history_items = [
            HistoryItem(number, cast("Any", roles[number % 2]), "some words that were said " * 4)
            for number in range(2 * TURNS + 1)
        ]


def find_order(number: int) -> str:
    """Where an order is."""
    return "on its way"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=200, help="of each kind")
    asyncio.run(measure(parser.parse_args().answers))


async def measure(answers: int) -> None:
    arrived = SimpleNamespace(at=0.0)

    def script(request: dict[str, Any]) -> Completion:
        arrived.at = time.process_time()
        return Completion([Text("word " * WORDS)], first_token_s=0, token_s=0)

    transport = AsgiTransport(Starlette(routes=ChatServer(script).routes))
    client = AsyncOpenAI(
        api_key=KEY, base_url="http://local/v1", http_client=httpx2.AsyncClient(transport=transport)
    )
    model, call = llm.ChatModel(MODEL, client=client), cast("Call", BenchCall())
    toolbox = llm.Toolbox([find_order, llm.end_call])
    kinds: dict[str, Callable[[], AsyncIterator[str]]] = {
        "the SDK alone": lambda: by_hand(client, call, model, toolbox),
        "llm.reply": lambda: llm.reply(call, TURN, "Be kind.", model=model, tools=toolbox),
    }
    kinds["our share of it"] = lambda: llm.reply(
        call, TURN, "Be kind.", model=ready_model(arrived), tools=toolbox
    )
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for number in range(answers + 10):
        for name, kind in kinds.items():
            began = time.process_time()
            words = [piece async for piece in kind()]
            assert len("".join(words).split()) == WORDS
            if number >= 10:  # the first ones warm up
                whole, before = time.process_time() - began, arrived.at - began
                figures[name].append((whole * 1000, before * 1000))
    for name, each in figures.items():
        whole, before = (statistics.median(column) for column in zip(*each, strict=True))
        print(f"{name:16} {whole:7.2f} ms a whole answer, {before:6.2f} ms until its request")


TURN = Turn("hello", 1.0, Waterfall(0.0, 0.0))


def ready_model(arrived: SimpleNamespace) -> llm.ChatModel:
    """A model whose client does nothing, and has the answer ready."""

    async def create(**request: Any) -> ReadyStream:
        arrived.at = time.process_time()
        return ReadyStream()

    completions = SimpleNamespace(create=create)
    client = SimpleNamespace(
        base_url="http://local/v1", api_key=KEY, chat=SimpleNamespace(completions=completions)
    )
    return llm.ChatModel(MODEL, client=cast("AsyncOpenAI", client))


class ReadyStream:
    def __init__(self) -> None:
        self._left = list(CHUNKS)

    async def __anext__(self) -> ChatCompletionChunk:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop(0)

    def __aiter__(self) -> "ReadyStream":
        return self

    async def close(self) -> None: ...


def chunk(text: str | None, finish: str | None = None) -> ChatCompletionChunk:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return ChatCompletionChunk.model_validate(
        {
            "id": "x",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": MODEL,
            "choices": [choice],
        }
    )


CHUNKS = [*(chunk("word ") for _ in range(WORDS)), chunk(None, "stop")]


async def by_hand(
    client: AsyncOpenAI, call: Call, model: llm.ChatModel, toolbox: llm.Toolbox
) -> AsyncIterator[str]:
    messages: Any = [{"role": "system", "content": "Be kind."}]
    messages += [{"role": item.role, "content": item.heard} for item in call.history_items]
    tools: Any = [
        {"type": "function", "function": {"name": t.name, "parameters": dict(t.parameters)}}
        for t in toolbox.tools
    ]
    stream = await client.chat.completions.create(
        model=model.name, messages=messages, tools=tools, stream=True
    )
    async with stream:
        async for chunk in stream:
            if chunk.choices and (text := chunk.choices[0].delta.content):
                yield text


if __name__ == "__main__":
    main()
