"""A language model that follows a script, for tests of bots that `callbridge.bots.llm` talks for.

    with ScriptedModel(calls("find_order", number=42), "It is on its way.") as model:
        report = converse(app, caller(says("where is my order"), Wait("bot_silent", 2.0)))
    assert report.tools[0].arguments == {"number": 42}
    assert report.said[0].heard == "It is on its way."
    assert model.asked[0].messages[-1]["content"] == "where is my order"

In the block it answers in the place of every model, whichever the bot names; no key is needed."""

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any, cast

from openai.types.chat import ChatCompletionChunk

from callbridge.bots import tools as tools_module
from callbridge.bots.llm import replying
from callbridge.bots.llm.model import ChatMessage, ChatModel

if TYPE_CHECKING:
    from openai import AsyncOpenAI

NAME = "scripted"
ADDRESS = "http://scripted.test/v1"


@dataclass(frozen=True, slots=True)
class ScriptedCall:
    """Of a tool. `arguments` is what the model writes."""

    name: str
    arguments: str


def calls(name: str, /, **arguments: Any) -> ScriptedCall:
    """An answer, or a part of one, that calls a tool."""
    return ScriptedCall(name, json.dumps(arguments))


ScriptedPart = str | ScriptedCall
ScriptedAnswer = (
    ScriptedPart | Sequence[ScriptedPart] | Exception | Callable[[Sequence[ChatMessage]], Any]
)
"""A text; a call of a tool; several of both; what is raised (ModelFailed); or a function that makes
one of these out of the messages."""


@dataclass(frozen=True, slots=True)
class AskedModel:
    """One request, as the service of a model would have got it. `tools` are their names."""

    messages: Sequence[ChatMessage]
    tools: tuple[str, ...]


class ScriptedModel(ChatModel):
    """Answers in the order of the script, and is asked as often as that: one time more crashes the
    bot, and one less raises AssertionError at the end of the block.

    `tools` play the bot's tools of these names: a function gets the arguments as the real one
    would, checked, and anything else is the result. Time is the loop's: `first_token_s` until an
    answer begins, `token_s` for each word."""

    def __init__(
        self,
        *script: ScriptedAnswer,
        tools: Mapping[str, object] | None = None,
        first_token_s: float = 0.2,
        token_s: float = 0.02,
    ) -> None:
        self.asked: list[AskedModel] = []
        self._script = script
        self._first_token_s, self._token_s = first_token_s, token_s
        self._tools = {name: _function(played) for name, played in (tools or {}).items()}
        self._ids = itertools.count(1)
        completions = SimpleNamespace(create=self._create)
        chat = SimpleNamespace(completions=completions)
        client = SimpleNamespace(base_url=ADDRESS, api_key="", max_retries=0, chat=chat)
        super().__init__(NAME, client=cast("AsyncOpenAI", client))

    def __enter__(self) -> "ScriptedModel":
        self._real_tools = dict(tools_module.played)
        tools_module.played.update(self._tools)
        replying.played.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        replying.played.remove(self)
        tools_module.played.clear()
        tools_module.played.update(self._real_tools)
        if error is None and len(self.asked) < len(self._script):
            raise AssertionError(
                f"the model was asked {len(self.asked)} times, and its script has "
                f"{len(self._script)} answers; the next one: {self._script[len(self.asked)]!r}"
            )

    async def _create(self, **request: Any) -> "_ScriptedStream":
        names = tuple(tool["function"]["name"] for tool in request.get("tools", ()))
        self.asked.append(AskedModel(request["messages"], names))
        if unknown := self._tools.keys() - names:
            raise AssertionError(f"no tool {', '.join(sorted(unknown))}; there are {names}")
        if len(self.asked) > len(self._script):
            last = request["messages"][-1].get("content")
            raise AssertionError(f"the script of the model is over, and it is asked: {last!r}")
        answer: Any = self._script[len(self.asked) - 1]
        if callable(answer):
            answer = answer(request["messages"])
        if isinstance(answer, Exception):
            raise answer
        parts = [answer] if isinstance(answer, ScriptedPart) else answer
        return _ScriptedStream(self._written(cast("Sequence[ScriptedPart]", parts)))

    async def _written(self, parts: Sequence[ScriptedPart]) -> AsyncIterator[ChatCompletionChunk]:
        await asyncio.sleep(self._first_token_s)
        for delta in self._deltas(parts):
            yield _chunk(delta)
            await asyncio.sleep(self._token_s)
        called = any(isinstance(part, ScriptedCall) for part in parts)
        yield _chunk({}, "tool_calls" if called else "stop")

    def _deltas(self, parts: Sequence[ScriptedPart]) -> Iterator[dict[str, Any]]:
        index = itertools.count()
        for part in parts:
            if isinstance(part, str):
                yield from ({"content": word} for word in re.findall(r"\s*\S+\s?|\s+$", part))
                continue
            function = {"name": part.name, "arguments": part.arguments}
            call = {"index": next(index), "id": f"call_{next(self._ids)}", "function": function}
            yield {"tool_calls": [{"type": "function", **call}]}


class _ScriptedStream:
    """As much of the SDK's stream as is read."""

    def __init__(self, chunks: AsyncIterator[ChatCompletionChunk]) -> None:
        self._chunks = chunks

    def __aiter__(self) -> "_ScriptedStream":
        return self

    async def __anext__(self) -> ChatCompletionChunk:
        return await anext(self._chunks)

    async def close(self) -> None: ...


def _chunk(delta: dict[str, Any], finish: str | None = None) -> ChatCompletionChunk:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    fields = {"id": "scripted", "object": "chat.completion.chunk", "created": 0, "model": NAME}
    return ChatCompletionChunk.model_validate({**fields, "choices": [choice]})


def _function(played: object) -> Callable[..., object]:
    def result(**arguments: object) -> object:
        return played

    return played if callable(played) else result
