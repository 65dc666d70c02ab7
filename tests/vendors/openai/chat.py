"""Chat Completions, streamed: POST /v1/chat/completions.

By the vendor's API reference and the types of the official SDK (openai 3.57): server-sent events,
one `chat.completion.chunk` each, `[DONE]` behind the last."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from openai.types.chat import ChatCompletionChunk
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.vendors.openai import answers as a
from tests.vendors.openai.checks import Refused, check

CREATED = 1_800_000_000  # Unix time of every answer: any
KEY = "sk-local-0123456789"  # what this server takes unless it is told another one
MODEL = "local-model"

_ids = itertools.count(1)  # of calls of tools: no two have the same


@dataclass(slots=True)
class ChatExchange:
    """One request and what became of it; times are those of the loop."""

    request: dict[str, Any]
    at: float
    refused: str = ""
    first_token_at: float | None = None
    left_at: float | None = None  # the client has gone before the end
    finished: bool = False  # all was sent

    @property
    def messages(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.request["messages"]
        return messages


@dataclass(slots=True)
class ChatServer:
    """`script` says what is answered. A key, a model or a length (in characters of all messages)
    that is not as here is refused."""

    script: a.Script = a.repeats
    key: str = KEY
    models: tuple[str, ...] = (MODEL,)
    longest: int = 100_000
    exchanges: list[ChatExchange] = field(default_factory=list[ChatExchange])

    @property
    def routes(self) -> list[Route]:
        return [Route("/v1/chat/completions", self._complete, methods=["POST"])]

    @property
    def refusals(self) -> list[str]:
        """Why requests were refused, of all that were."""
        return [each.refused for each in self.exchanges if each.refused]

    async def _complete(self, http: Request) -> Response:
        exchange = ChatExchange({}, asyncio.get_running_loop().time())
        self.exchanges.append(exchange)
        try:
            exchange.request = await self._read(http)
            self._check(exchange.request)
        except Refused as refused:
            exchange.refused = str(refused)
            return _error(refused.answer)
        answer = self.script(exchange.request)
        if isinstance(answer, a.HttpError):
            return _error(answer)
        return ChatStream(exchange, answer)

    async def _read(self, http: Request) -> dict[str, Any]:
        """Raises Refused."""
        given = http.headers.get("authorization", "")
        if given != f"Bearer {self.key}":
            # As the vendor does, it repeats the key: what must not get into anybody's log.
            said = f"Incorrect API key provided: {given.removeprefix('Bearer ')}."
            raise Refused(said if given else "No API key.", status=401, code="invalid_api_key")
        try:
            request: dict[str, Any] = json.loads(await http.body())
        except ValueError:
            raise Refused("The body is no JSON.") from None
        return request

    def _check(self, request: dict[str, Any]) -> None:
        """Raises Refused."""
        check(request)
        if request["model"] not in self.models:
            name = request["model"]
            raise Refused(
                f"The model {name!r} does not exist.", "model", status=404, code="model_not_found"
            )
        if (length := len(json.dumps(request["messages"]))) > self.longest:
            raise Refused(  # as reports of users have it; here a token is a character
                f"This model's maximum context length is {self.longest} tokens. However, your "
                f"messages resulted in {length} tokens. Please reduce the length of the messages.",
                "messages", code="context_length_exceeded",
            )  # fmt: skip


def _error(error: a.HttpError) -> Response:
    body = {
        "message": error.message, "type": error.type, "param": error.param, "code": error.code,
    }  # fmt: skip
    return JSONResponse({"error": body}, status_code=error.status, headers=error.headers)


class ChatStream(Response):
    """An answer on its way. Notes when the client leaves, and stops."""

    def __init__(self, exchange: ChatExchange, completion: a.Completion) -> None:
        super().__init__(media_type="text/event-stream")
        self._exchange = exchange
        self._completion = completion

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        writing = loop.create_task(self._write(send), name="tokens")
        leaving = loop.create_task(_disconnect(receive), name="whether the client leaves")
        try:
            await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not writing.done():
                self._exchange.left_at = loop.time()
        finally:
            leaving.cancel()
            writing.cancel()
            await asyncio.wait({writing, leaving})
        if not writing.cancelled():
            writing.result()

    async def _write(self, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        await asyncio.sleep(self._completion.first_token_s)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for data in self._pieces():
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        self._exchange.finished = True

    async def _pieces(self) -> AsyncIterator[bytes]:
        """Raises ConnectionError where the script has the connection break."""
        yield self._chunk({"role": "assistant", "content": ""})
        calls = 0
        for part in self._completion.parts:
            match part:
                case a.Stall(seconds):
                    await asyncio.sleep(seconds)
                case a.Raw(data):
                    yield data
                case a.Drop():
                    raise ConnectionError("the script drops the connection")
                case a.Text() | a.Refusal():
                    async for data in self._written(part):
                        yield data
                case a.ToolCall():
                    for delta in _of_call(part, calls):
                        self._note_token()
                        yield self._chunk({"tool_calls": [delta]})
                        await asyncio.sleep(self._completion.token_s)
                    calls += 1
        yield self._chunk({}, finish=self._completion.reason)
        options: dict[str, Any] = self._exchange.request.get("stream_options") or {}
        if options.get("include_usage"):
            yield self._usage()
        yield b"data: [DONE]\n\n"

    async def _written(self, part: a.Text | a.Refusal) -> AsyncIterator[bytes]:
        if isinstance(part, a.Refusal):
            self._note_token()
            yield self._chunk({"refusal": part.text})
            return
        kept = b""
        for token in part.tokens():
            self._note_token()
            data = kept + self._chunk({"content": token})
            cut = _within_a_character(data) if part.cut_characters else len(data)
            kept = data[cut:]
            yield data[:cut]
            await asyncio.sleep(self._completion.token_s)
        if kept:
            yield kept

    def _note_token(self) -> None:
        if self._exchange.first_token_at is None:
            self._exchange.first_token_at = asyncio.get_running_loop().time()

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._event([choice])

    def _usage(self) -> bytes:
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        return self._event([], usage=usage)

    def _event(self, choices: list[Any], **more: Any) -> bytes:
        chunk = ChatCompletionChunk.model_validate(
            {
                "id": "chatcmpl-local",
                "object": "chat.completion.chunk",
                "created": CREATED,
                "model": self._exchange.request["model"],
                "choices": choices,
                **more,
            }
        )
        text = json.dumps(chunk.model_dump(exclude_unset=True), ensure_ascii=False)
        return f"data: {text}\n\n".encode()


def _of_call(call: a.ToolCall, index: int) -> Iterator[dict[str, Any]]:
    """The name first, then the arguments in pieces."""
    yield {
        "index": index,
        "id": f"call_{next(_ids)}",
        "type": "function",
        "function": {"name": call.name, "arguments": ""},
    }
    for start in range(0, len(call.arguments), 12):
        piece = call.arguments[start : start + 12]
        yield {"index": index, "function": {"arguments": piece}}


def _within_a_character(data: bytes) -> int:
    """Where a character of several bytes begins, and one byte further; the end if there is none."""
    place = next((at for at, octet in enumerate(data) if octet >= 0xC0), None)
    return len(data) if place is None else place + 1


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
