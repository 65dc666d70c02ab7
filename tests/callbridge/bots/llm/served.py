"""A model behind the strict local server, joined in memory: for tests in virtual time."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
from openai import AsyncOpenAI
from starlette.applications import Starlette

from callbridge import Call, Turn
from callbridge.bots import llm
from callbridge.testing import Wait
from tests.vendors.in_memory import AsgiTransport
from tests.vendors.openai.chat import KEY, MODEL, ChatServer

VOICES = ("media", "relay")
LISTENS = (Wait("bot_speaking", 0.2), Wait("bot_silent", 2.0))  # to one answer


def model_of(
    server: ChatServer, *, key: str = KEY, name: str = MODEL, **options: Any
) -> llm.ChatModel:
    """`options` are those of `ChatModel`."""
    transport = AsgiTransport(Starlette(routes=server.routes))
    client = AsyncOpenAI(
        api_key=key,
        base_url="http://local.test/v1",
        http_client=httpx2.AsyncClient(transport=transport),
    )
    return llm.ChatModel(name, client=client, **options)


def answering(
    model: llm.ChatModel, instructions: str = "Be kind.", **options: Any
) -> Callable[[Call, Turn], AsyncIterator[str]]:
    """A handler for `app.reply`; `options` are those of `llm.reply`."""

    def handler(call: Call, turn: Turn) -> AsyncIterator[str]:
        return llm.reply(call, turn, instructions, model=model, **options)

    return handler


def said_to(server: ChatServer, number: int) -> list[tuple[str, str]]:
    """Role and text of the messages of one request, without the instructions before them."""
    first, *rest = server.exchanges[number].messages
    assert first["role"] == "system"
    return [(message["role"], message.get("content") or "") for message in rest]


def results(server: ChatServer, number: int) -> list[str]:
    """What the tools gave, as one request tells the model."""
    return [text for role, text in said_to(server, number) if role == "tool"]
