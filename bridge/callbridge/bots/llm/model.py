"""A chat model behind the Chat Completions protocol, by the official SDK, and one streamed answer
of it: text as it comes, and the calls of tools that it ends with.

The SDK's own retries and errors are used; what is added are limits in time for each step of a
stream, as the SDK's is one for everything, and errors that say what to do."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from callbridge.errors import ModelFailed, SettingsError

try:
    import openai
except ImportError as missing:
    raise SettingsError("chat models need the extra: pip install callbridge[llm]") from missing

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk
    from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall

T = TypeVar("T")

# The documented code; services that have another one, or none, say the same.
TOO_LONG, TOO_LONG_SAID = "context_length_exceeded", "maximum context length"

ChatMessage = dict[str, Any]
"""A message as the protocol has it."""


class ContextTooLong(ModelFailed):
    """The model takes less than it was told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLimits:
    """In seconds: to the first token, retries included; between two; for the whole answer."""

    first_token_s: float = 10.0
    between_s: float = 10.0
    whole_s: float = 90.0
    retries: int = 2


@dataclass(slots=True, kw_only=True)
class WantedCall:
    """A call of a tool that the model has asked for. `arguments` is what it wrote."""

    id: str = ""
    name: str = ""
    arguments: str = ""

    def as_message_part(self) -> ChatMessage:
        function = {"name": self.name, "arguments": self.arguments}
        return {"id": self.id, "type": "function", "function": function}


class ChatModel:
    """`name`, `base_url` and `api_key` as the service knows them; what is not given comes from the
    environment, as the SDK reads it: OPENAI_API_KEY, OPENAI_BASE_URL. Or pass a `client` of the SDK
    (AsyncOpenAI, AsyncAzureOpenAI). `options` go with every request: temperature, reasoning_effort,
    extra_body. Raises SettingsError."""

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        client: "AsyncOpenAI | None" = None,
        limits: ModelLimits | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if not name:
            raise SettingsError("a chat model needs a name, as its service knows it")
        self.name = name
        self.limits = limits or ModelLimits()
        self.options = dict(options or {})
        self.client = client or _client(base_url, api_key, self.limits.retries)
        _ = self.client.chat.completions  # loads its modules: better now than in the first reply

    def __repr__(self) -> str:
        return f"<ChatModel {self.name} at {self.host}>"

    @property
    def host(self) -> str:
        return urlsplit(str(self.client.base_url)).netloc

    def answer(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[ChatMessage] = (),
        *,
        may_call: bool = True,
    ) -> "ModelAnswer":
        """Ask for the next message; nothing is sent before the answer is read."""
        request: dict[str, Any] = {**self.options, "model": self.name, "messages": list(messages)}
        if tools:
            request["tools"] = list(tools)
            if not may_call:
                request["tool_choice"] = "none"
        return ModelAnswer(self, request)

    def too_slow(self, what: str) -> ModelFailed:
        return ModelFailed(f"{self.name} at {self.host}: {what}")

    def failure(self, error: Exception) -> ModelFailed:
        """What the SDK raised, as a sentence that says what to do; without the key, which services
        repeat in their errors."""
        message = str(getattr(error, "message", "") or error)
        if key := self.client.api_key:
            message = message.replace(key, "***")
        where = f"{self.name} at {self.host}"
        if getattr(error, "code", None) == TOO_LONG or TOO_LONG_SAID in message.lower():
            return ContextTooLong(f"{where}: the conversation is too long for it ({message})")
        match error:
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                what = "the key is not accepted: look at OPENAI_API_KEY"
            case openai.NotFoundError():
                what = "not found: is the name of the model right, and OPENAI_BASE_URL?"
            case openai.RateLimitError():
                what = f"too many requests, or none left, after {self.client.max_retries} retries"
            case openai.APIStatusError():
                what = f"HTTP {error.status_code}"
            case openai.APIConnectionError():
                what = "no connection, or it broke: is the service there?"
            case _:
                what = type(error).__name__
        return ModelFailed(f"{where}: {what} ({message})")


class ModelAnswer:
    """One streamed answer. Read `pieces` to its end, or close it: that closes the HTTP stream."""

    def __init__(self, model: ChatModel, request: Mapping[str, Any]) -> None:
        self.text = ""
        self.finish = ""  # why it ended, in the protocol's word
        self._model = model
        self._request = request
        self._calls: dict[int, WantedCall] = {}
        self._late = False

    @property
    def calls(self) -> list[WantedCall]:
        """Complete once all pieces were read."""
        return [self._calls[index] for index in sorted(self._calls)]

    async def pieces(self) -> AsyncGenerator[str]:
        """Text as it comes; a refusal is text, too. Raises ModelFailed."""
        limits = self._model.limits
        timer = asyncio.get_running_loop().call_later(limits.whole_s, self._be_late)
        try:
            stream = await self._within(limits.first_token_s, self._open())
        except BaseException:
            timer.cancel()
            raise
        try:
            within = limits.first_token_s
            while (chunk := await self._within(within, _next(stream))) is not None:
                for piece in self._taken(chunk):
                    within = limits.between_s
                    self.text += piece
                    yield piece
                if self._late:
                    raise self._model.too_slow(f"not done within {limits.whole_s:g} s")
        finally:
            timer.cancel()
            await stream.close()
        if not self.finish:
            raise self._model.too_slow("the stream has ended before its answer")

    def _be_late(self) -> None:
        self._late = True

    async def _open(self) -> "AsyncStream[ChatCompletionChunk]":
        completions = self._model.client.chat.completions
        stream: Any = await completions.create(**self._request, stream=True)
        return cast("AsyncStream[ChatCompletionChunk]", stream)

    async def _within(self, seconds: float, step: Awaitable[T]) -> T:
        """Raises ModelFailed."""
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await step
        except TimeoutError as error:
            if limit.expired():
                raise self._model.too_slow(f"nothing within {seconds:g} s") from None
            raise self._model.failure(error) from None
        except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
            # The last three are what the SDK raises for a stream that is not of the protocol.
            raise self._model.failure(error) from None

    def _taken(self, chunk: "ChatCompletionChunk") -> Iterator[str]:
        """The text of a chunk; what else is in it is kept. The SDK checks no types: raises
        ModelFailed for what is not of the protocol."""
        try:
            for choice in chunk.choices or ():
                self.finish = choice.finish_reason or self.finish
                for wanted in choice.delta.tool_calls or ():
                    self._add(wanted)
                for text in (choice.delta.content, choice.delta.refusal):
                    if text and not isinstance(cast("object", text), str):
                        raise TypeError(f"a text of the type {type(text).__name__}")
                    if text:
                        yield text
        except (AttributeError, TypeError) as error:
            raise self._model.failure(error) from None

    def _add(self, delta: "ChoiceDeltaToolCall") -> None:
        call = self._calls.setdefault(delta.index, WantedCall())
        call.id = delta.id or call.id or f"call_{delta.index}"
        if (function := delta.function) is not None:
            call.name += function.name or ""
            call.arguments += function.arguments or ""


async def _next(stream: "AsyncStream[ChatCompletionChunk]") -> "ChatCompletionChunk | None":
    return await anext(stream, None)


def _client(base_url: str | None, api_key: str | None, retries: int) -> "AsyncOpenAI":
    """Raises SettingsError."""
    try:
        return openai.AsyncOpenAI(base_url=base_url, api_key=api_key, max_retries=retries)
    except openai.OpenAIError:
        raise SettingsError(
            "OPENAI_API_KEY is not set: the key of the service that the model is at. For a server "
            "on this machine, which OPENAI_BASE_URL names, any word will do."
        ) from None
