"""Gemini Live as a bot, against a local server of its protocol: in virtual time."""

import asyncio
from typing import Any

import pytest

from callbridge import App, Call, Message
from callbridge.bots import gemini
from callbridge.errors import ModelFailed
from callbridge.testing import Pair, Wait, caller, says
from tests.callbridge.bots.test_realtime import COUNTING
from tests.vendors.gemini_live import KEY, GeminiServer
from tests.vendors.openai import answers as a

ANSWERED = (Wait("bot_speaking"), Wait("bot_silent", 1.0))


class GeminiBot:
    def __init__(self, server: GeminiServer, **settings: Any) -> None:
        wishes = {"api_key": KEY, "connect": server.connect}
        self.settings: dict[str, Any] = wishes | settings
        self.history: list[Message] = []

    async def __call__(self, call: Call) -> None:
        try:
            await gemini.converse(call, "You are brief.", **self.settings)
        finally:
            self.history = call.history


async def test_the_caller_speaks_and_the_model_answers(app: App, pair: Pair) -> None:
    server = GeminiServer()
    bot = GeminiBot(server)
    app.call(bot)
    report = await pair.call(
        caller(says("good morning"), *ANSWERED, says("and goodbye"), *ANSWERED)
    )
    assert server.heard == ["good morning", "and goodbye"]
    assert [turn.heard for turn in report.said] == [
        "You said: good morning",
        "You said: and goodbye",
    ]
    assert bot.history == [
        {"role": "user", "content": "good morning"},
        {"role": "assistant", "content": "You said: good morning"},
        {"role": "user", "content": "and goodbye"},
        {"role": "assistant", "content": "You said: and goodbye"},
    ]
    setup = server.sessions[0].setup
    assert setup["systemInstruction"] == {"parts": [{"text": "You are brief."}]}
    assert server.refused == []


async def test_an_interruption_cuts_what_is_queued(app: App, pair: Pair) -> None:
    server = GeminiServer(a.in_order(a.writes(COUNTING), a.writes("Yes?")))
    bot = GeminiBot(server)
    app.call(bot)
    report = await pair.call(
        caller(says("count"), Wait("bot_speaking", 1.5), says("stop it"), *ANSWERED)
    )
    assert report.said[0].cut
    assert COUNTING.startswith(report.said[0].heard.strip())
    assert [turn.heard for turn in report.said[1:]] == ["Yes?"]
    assert server.refused == []


async def test_it_greets_and_uses_tools(app: App, pair: Pair) -> None:
    async def opening_hours(day: str) -> str:
        """When we are open."""
        return f"nine to five on {day}"

    server = GeminiServer(
        a.in_order(
            a.writes("Hello."),
            a.Completion([a.Text("I look. "), a.ToolCall.of("opening_hours", day="Monday")]),
            a.writes("Nine to five."),
        )
    )
    app.call(GeminiBot(server, greeting="Hello.", tools=[opening_hours]))
    report = await pair.call(caller(*ANSWERED, says("open?"), *ANSWERED, Wait("bot_silent", 2.0)))
    assert " ".join(turn.heard for turn in report.said) == "Hello. I look. Nine to five."
    (declared,) = server.sessions[0].setup["tools"][0]["functionDeclarations"]
    assert declared["name"] == "opening_hours"
    assert server.refused == []


async def test_a_session_that_will_go_is_replaced_before(app: App, pair: Pair) -> None:
    server = GeminiServer(a.in_order(a.writes("Good day."), a.writes("Bye.")), goes_after_s=20.0)
    app.call(GeminiBot(server))
    placed = await pair.ring(says("hello"), *ANSWERED)
    await asyncio.sleep(22.0)
    assert len(server.sessions) == 2
    (known,) = server.sessions[1].told
    assert [turn["parts"][0]["text"] for turn in known["turns"]] == ["hello", "Good day."]
    await placed.does(says("goodbye"), *ANSWERED)
    await placed.hangs_up()
    assert server.heard == ["hello", "goodbye"]
    assert server.refused == []


@pytest.mark.virtual(expect_crash=ModelFailed)
async def test_a_wrong_key_ends_the_bot_with_a_sentence(app: App, pair: Pair) -> None:
    server = GeminiServer()
    app.call(GeminiBot(server, api_key="wrong"))
    report = await pair.call(caller(Wait("hangup")))
    assert "API key not valid" in str(report.crashes[0])
    assert len(server.sessions) == 1
