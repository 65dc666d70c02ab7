"""The local server of chat completions refuses what the vendor refuses, and streams what the
official SDK reads, over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletionChunk
from starlette.applications import Starlette

from tests.vendors.openai.answers import (
    Completion,
    Drop,
    Refusal,
    Text,
    ToolCall,
    in_order,
    rate_limited,
    writes,
)
from tests.vendors.openai.chat import KEY, MODEL, ChatServer
from tests.vendors.openai.checks import Refused, check
from tests.vendors.openai.rules import by_rules
from tests.vendors.sockets import served

HELLO = {"role": "user", "content": "hello"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLS: dict[str, Any] = {"role": "assistant", "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "done"}


def request(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"model": MODEL, "stream": True, "messages": list(messages or (HELLO,)), **fields}


def function(name: str = "f", **parameters: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": {}, **parameters}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


RIGHT: list[dict[str, Any]] = [
    request(),
    request({"role": "system", "content": "Be kind."}, HELLO, temperature=0.2, seed=1),
    request({"role": "developer", "content": [{"type": "text", "text": "Be kind."}]}, HELLO),
    request(HELLO, CALLS, RESULT),
    request(HELLO, {**CALLS, "content": "Let me see."}, RESULT, tools=[function()]),
    request(tools=[function(properties={"x": {"type": "integer"}}, required=["x"])]),
    request(tools=[function()], tool_choice="none", parallel_tool_calls=False),
    request(tools=[function()], tool_choice={"type": "function", "function": {"name": "f"}}),
    request(stream_options={"include_usage": True}),
]

WRONG: list[tuple[Any, str]] = [
    ([], "no JSON object"),
    ({**request(), "stream": False}, "streams only"),
    ({"model": MODEL, "stream": True}, "messages is a list"),
    ({**request(), "messages": []}, "at least one message"),
    ({k: v for k, v in request().items() if k != "model"}, "model: Field required"),
    (request("hello"), "messages[0].role is None"),
    (request({"role": "caller", "content": "hello"}), "messages[0].role is 'caller'"),
    (request({"role": "user"}), "messages[0].content: Field required"),
    (request({"role": "user", "content": 3}), "messages[0].content"),
    (request({"role": "user", "content": None}), "messages[0].content"),
    (request({**HELLO, "at": 3}), "Unrecognized request argument: messages[0].at"),
    (request({"role": "assistant"}), "neither content nor tool_calls"),
    (request(HELLO, RESULT), "answers one of the tool_calls"),
    (request(HELLO, CALLS, RESULT, RESULT), "answers one of the tool_calls"),
    (request(HELLO, CALLS, HELLO), "before these tool_calls were answered: call_1"),
    (request(HELLO, CALLS), "before these tool_calls were answered: call_1"),
    (request(HELLO, {"role": "assistant", "tool_calls": [CALL, CALL]}, RESULT), "one id"),
    (request(HELLO, {"role": "assistant", "tool_calls": [{"id": "x"}]}), "messages[1]"),
    (request(temperatur=1), "Unrecognized request argument: temperatur"),
    (request(temperature="hot"), "temperature"),
    (request(tools=[]), "tools has 0"),
    (request(tool_choice="auto"), "only allowed when tools are given"),
    (request(tools=[function("find order")]), "'find order' is wrong"),
    (request(tools=[function(), function()]), "wrong or twice"),
    (request(tools=[function(type="array")]), "has the type 'array'"),
    (request(tools=[function(properties={"x": {"type": "int"}})]), "'int' is no type of JSON"),
    (request(tools=[function(properties={"x": {"type": "array"}})]), "what its items are"),
    (request(tools=[function(required=["x"])]), "'x' is required"),
    (request(tools=[function(properties={"x": {"$ref": "#/$defs/X"}})]), "leads nowhere"),
    (
        request(tools=[function()], tool_choice={"type": "function", "function": {"name": "g"}}),
        "names 'g'",
    ),
]


@pytest.mark.parametrize("body", RIGHT)
def test_what_is_right_passes(body: dict[str, Any]) -> None:
    check(body)


@pytest.mark.parametrize(("body", "why"), WRONG)
def test_what_is_wrong_is_refused(body: Any, why: str) -> None:
    with pytest.raises(Refused) as refused:
        check(body)
    assert why in str(refused.value)


# ---- over a socket ------------------------------------------------------------------------------


@pytest.fixture
def server() -> ChatServer:
    return ChatServer()


@pytest.fixture
async def client(server: ChatServer) -> AsyncIterator[AsyncOpenAI]:
    async with served(Starlette(routes=server.routes)) as address:
        sdk = AsyncOpenAI(api_key=KEY, base_url=f"{address}/v1", max_retries=1)
        async with sdk:
            yield sdk


async def opened(client: AsyncOpenAI, **fields: Any) -> AsyncStream[ChatCompletionChunk]:
    completions: Any = client.chat.completions
    stream: AsyncStream[ChatCompletionChunk] = await completions.create(**request(**fields))
    return stream


async def read(client: AsyncOpenAI, **fields: Any) -> list[Any]:
    """The chunks of an answer, as the SDK has them."""
    return [chunk async for chunk in await opened(client, **fields)]


def text_of(chunks: list[Any]) -> str:
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


async def test_the_sdk_reads_what_is_streamed(server: ChatServer, client: AsyncOpenAI) -> None:
    server.script = in_order(
        Completion([Text("Grüße, 東京.", cut_characters=True)], first_token_s=0, token_s=0)
    )
    chunks = await read(client, stream_options={"include_usage": True})
    assert text_of(chunks) == "Grüße, 東京."
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 15
    (exchange,) = server.exchanges
    assert exchange.finished
    assert exchange.left_at is None


async def test_calls_of_tools_come_in_pieces(server: ChatServer, client: AsyncOpenAI) -> None:
    call = ToolCall.of("find_order", number=42, why="because it was asked for")
    server.script = in_order(Completion([call, call, Refusal("No.")], first_token_s=0, token_s=0))
    chunks = await read(client, tools=[function("find_order")])
    deltas = [d for c in chunks for d in c.choices[0].delta.tool_calls or ()]
    written = ["", ""]
    for delta in deltas:
        written[delta.index] += delta.function.arguments
    assert written == [call.arguments] * 2
    assert len({delta.id for delta in deltas if delta.id}) == 2
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


async def test_it_notices_that_the_client_has_left(server: ChatServer, client: AsyncOpenAI) -> None:
    server.script = in_order(writes("one two three four five six", first_token_s=0, token_s=5.0))
    stream = await opened(client)
    async for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    left_at = asyncio.get_running_loop().time()
    await stream.close()
    (exchange,) = server.exchanges
    async with asyncio.timeout(5):
        while exchange.left_at is None:  # noqa: ASYNC110  the server tells nobody
            await asyncio.sleep(0.005)
    assert not exchange.finished
    assert exchange.left_at >= left_at


async def test_errors_are_those_of_the_sdk(server: ChatServer, client: AsyncOpenAI) -> None:
    server.script = in_order(
        rate_limited("0"), rate_limited("0"), Completion([Text("one "), Drop()], token_s=0)
    )
    with pytest.raises(openai.RateLimitError):
        await read(client)
    assert len(server.exchanges) == 2  # it was tried again
    with pytest.raises(openai.APIConnectionError):
        await read(client)
    with pytest.raises(openai.AuthenticationError):
        await read(client.with_options(api_key="sk-wrong"))
    with pytest.raises(openai.NotFoundError):
        await read(client, model="gpt-nothing")
    with pytest.raises(openai.BadRequestError):
        await read(client, extra_body={"temperatur": 1})


def test_rules_answer_for_a_model() -> None:
    call = {"call": "find_order", "with": {"number": r"\1"}}
    script = by_rules(
        [
            {"tool": "find_order", "say": "It is {result}."},
            {"if": r"order (\d+)", "say": "One moment.", **call},
            {"say": "What?"},
        ]
    )  # fmt: skip
    question = {"role": "user", "content": "Where is Order 42?"}
    asked = script(request(question, tools=[function("find_order")]))
    assert asked == Completion([Text("One moment."), ToolCall("find_order", '{"number": 42}')])
    named = {**CALL, "function": {"name": "find_order", "arguments": "{}"}}
    told = script(request(HELLO, {"role": "assistant", "tool_calls": [named]}, RESULT))
    assert told == writes("It is done.")
    assert script(request(question)) == writes("What?")  # without the tool
