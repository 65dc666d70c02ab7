"""A language model uses tools: Python functions, and what may be done with the call."""

import asyncio
import json
import time
from typing import Any

import numpy as np
import pytest

from callbridge import App
from callbridge.bots import llm
from callbridge.testing import (
    CallReport,
    Pair,
    Wait,
    caller,
    converse,
    says,
)
from tests.callbridge.bots.llm.served import (
    LISTENS,
    VOICES,
    answering,
    model_of,
    results,
    said_to,
)
from tests.vendors.openai.answers import Completion, Text, ToolCall, calls, in_order, writes
from tests.vendors.openai.chat import ChatServer

ASKS = says("where is my order forty two")


def first_sound_s(report: CallReport) -> float:
    """When the bot was first heard, in seconds of the call."""
    return float(np.flatnonzero(np.abs(report.bot) > 1000)[0]) / report.sample_rate


async def find_order(number: int) -> dict[str, Any]:
    """Where an order is. `number` is on the receipt."""
    return {"number": number, "state": "on its way"}


@pytest.mark.parametrize("voice", VOICES)
def test_a_function_answers_the_model(app: App, voice: str) -> None:
    server = ChatServer(in_order(calls("find_order", number=42), writes("It is on its way.")))
    app.reply(answering(model_of(server), tools=[find_order]))
    report = converse(app, caller(ASKS, *LISTENS), voice=voice)
    assert server.refusals == []
    assert [turn.heard for turn in report.said] == ["It is on its way."]
    (tool,) = server.exchanges[0].request["tools"]
    assert tool["function"]["description"] == "Where an order is. `number` is on the receipt."
    assert tool["function"]["parameters"]["properties"] == {"number": {"type": "integer"}}
    assert json.loads(*results(server, 1)) == {"number": 42, "state": "on its way"}


def test_what_was_called_is_told_in_later_turns_too(app: App) -> None:
    script = in_order(
        Completion([Text("Let me look."), ToolCall.of("find_order", number=42)]),
        writes("It is on its way."),
        writes("Goodbye."),
    )
    server = ChatServer(script)
    app.reply(answering(model_of(server), tools=[find_order]))
    report = converse(app, caller(ASKS, *LISTENS, says("thank you"), *LISTENS))
    assert [turn.heard.strip() for turn in report.said[:2]] == ["Let me look.", "It is on its way."]
    within, later = server.exchanges[1].messages, server.exchanges[2].messages
    assert within[-2]["content"] == "Let me look."
    assert [message["role"] for message in later[1:]] == [
        "user", "assistant", "tool", "assistant", "user",
    ]  # fmt: skip
    assert "content" not in later[2]  # what was heard of it stands behind
    assert later[4]["content"] == "Let me look. It is on its way."


def test_tools_of_one_message_run_at_the_same_time(app: App) -> None:
    async def slow(which: str) -> str:
        await asyncio.sleep(0.8)
        return f"{which} is done"

    both = Completion([ToolCall.of("slow", which="one"), ToolCall.of("slow", which="two")])
    server = ChatServer(in_order(both, writes("Both are done.")))
    app.reply(answering(model_of(server), tools=[slow]))
    converse(app, caller(ASKS, *LISTENS))
    assert results(server, 1) == ["one is done", "two is done"]
    first, second = server.exchanges
    assert first.first_token_at is not None
    assert second.at - first.first_token_at < 1.0


def test_one_tool_after_the_other(app: App) -> None:
    script = in_order(
        calls("find_order", number=1),
        calls("find_order", number=2),
        writes("Both are on their way."),
    )
    server = ChatServer(script)
    app.reply(answering(model_of(server), tools=[find_order]))
    report = converse(app, caller(ASKS, *LISTENS))
    assert [json.loads(text)["number"] for text in results(server, 2)] == [1, 2]
    assert report.said[0].heard == "Both are on their way."


@pytest.mark.parametrize(
    ("own", "meanwhile"),
    [(None, ["One moment."]), ("I am looking for it", ["I am looking for it"]), ("", [])],
)
@pytest.mark.parametrize("voice", VOICES)
def test_something_is_said_while_a_slow_tool_runs(
    app: App, own: str | None, meanwhile: list[str], voice: str
) -> None:
    @llm.tool(says=own)
    async def slow() -> None:
        await asyncio.sleep(3.0)

    server = ChatServer(in_order(calls("slow"), writes("Done.")))
    app.reply(answering(model_of(server), tools=[slow]))
    hears = (Wait("bot_speaking", 0.2), Wait("bot_silent", 3.0))
    report = converse(app, caller(ASKS, *hears), voice=voice)
    assert " ".join(turn.heard.strip() for turn in report.said) == " ".join([*meanwhile, "Done."])
    first, second = server.exchanges
    assert first.first_token_at is not None
    sounds_at = first_sound_s(report)
    assert (first.first_token_at + 1.0 < sounds_at < second.at) == bool(meanwhile)


def test_a_function_that_waits_without_async_holds_nobody_up(app: App) -> None:
    def blocking(number: int) -> int:
        time.sleep(0.01)
        return number + 1

    server = ChatServer(in_order(calls("blocking", number=1), writes("Two.")))
    app.reply(answering(model_of(server), tools=[blocking]))
    converse(app, caller(ASKS, *LISTENS))
    assert results(server, 1) == ["2"]


# ---- what the caller says meanwhile -------------------------------------------------------------


class Booking:
    """A tool that takes 4 seconds, and what became of it."""

    def __init__(self) -> None:
        self.begun = self.booked = 0

    async def book(self) -> str:
        """Book a table."""
        self.begun += 1
        await asyncio.sleep(4.0)
        self.booked += 1
        return "booked for eight"


SPEAKS_INTO_IT = (
    Wait("bot_speaking", 0.3), says("with a view of the sea please"), *LISTENS,
)  # fmt: skip


@pytest.mark.parametrize("voice", VOICES)
def test_speech_does_not_cancel_a_tool_that_changes_the_world(app: App, voice: str) -> None:
    booking = Booking()
    looks = "I will book that for you. It takes a little while, so please stay on the line."
    script = in_order(
        Completion([Text(looks), ToolCall("book")]), writes("A table by the sea at eight.")
    )
    server = ChatServer(script)

    async def book() -> str:
        return await booking.book()

    app.reply(answering(model_of(server), tools=[book]))
    report = converse(app, caller(says("a table at eight"), *SPEAKS_INTO_IT), voice=voice)
    assert (booking.begun, booking.booked) == (1, 1)
    assert server.refusals == []
    assert results(server, 1) == ["booked for eight"]
    assert said_to(server, 1)[-1][1].endswith("with a view of the sea please")
    assert report.said[-1].heard.endswith("A table by the sea at eight.")


def test_speech_cancels_a_tool_that_says_it_may_be(app: App) -> None:
    booking = Booking()
    looks = "I will look for a table. It takes a little while, so please stay on the line."
    script = in_order(Completion([Text(looks), ToolCall("search")]), writes("By the sea, then."))
    server = ChatServer(script)

    @llm.tool(cancellable=True)
    async def search() -> str:
        return await booking.book()

    app.reply(answering(model_of(server), tools=[search]))
    converse(app, caller(says("a table at eight"), *SPEAKS_INTO_IT))
    assert (booking.begun, booking.booked) == (1, 0)
    (result,) = results(server, 1)
    assert result.startswith("Cancelled")


def test_two_turns_merge_while_a_tool_runs_and_it_runs_once(app: App) -> None:
    """The caller goes on before anything was said: the tool is not called again."""
    booking = Booking()

    @llm.tool(says="")
    async def book() -> str:
        return await booking.book()

    server = ChatServer(in_order(calls("book"), writes("By the sea at eight.")))
    app.reply(answering(model_of(server), tools=[book]))
    goes_on = (Wait("bot_silent", 2.5), says("by the sea"), *LISTENS)
    report = converse(app, caller(says("a table at eight"), *goes_on))
    assert (booking.begun, booking.booked) == (1, 1)
    assert results(server, 1) == ["booked for eight"]
    assert said_to(server, 1)[-1] == ("user", "by the sea")
    assert [turn.heard for turn in report.said] == ["By the sea at eight."]


def test_no_tool_runs_for_words_that_were_not_the_whole_turn(app: App) -> None:
    """A reply that is prepared ahead may call tools before the caller has finished."""
    booking = Booking()

    @llm.tool(says="")
    async def book() -> str:
        return await booking.book()

    at_once = Completion([ToolCall("book")], first_token_s=0.01, token_s=0.001)
    server = ChatServer(in_order(at_once, at_once, writes("A table for eight.")))
    app.reply(eager=True)(answering(model_of(server), tools=[book]))
    goes_on = (Wait("bot_silent", 0.5), says("for eight people"), *LISTENS)
    report = converse(app, caller(says("a table please and"), *goes_on))
    assert said_to(server, 0)[-1] == ("user", "a table please and")
    asked = [text for role, text in said_to(server, 1) if role == "user"]
    assert asked == ["a table please andfor eight people"]  # as the ear of the tests hears it
    assert booking.begun == 1
    assert report.said[-1].heard == "A table for eight."


async def test_a_tool_goes_on_when_the_caller_hangs_up(app: App, pair: Pair) -> None:
    booking = Booking()

    async def book() -> str:
        return await booking.book()

    server = ChatServer(in_order(Completion([Text("One moment, please."), ToolCall("book")])))
    app.reply(answering(model_of(server), tools=[book]))
    await pair.call(caller(says("a table at eight"), Wait("bot_speaking", 0.3)))
    assert (booking.begun, booking.booked) == (1, 0)
    await asyncio.sleep(4.0)
    assert booking.booked == 1


# ---- what goes wrong ----------------------------------------------------------------------------


@llm.tool(timeout_s=2.0, says="")
async def hangs() -> None:
    await asyncio.sleep(1000)


async def knows_nothing(number: int) -> str:
    raise llm.ToolError(f"there is no order {number}")


async def breaks() -> str:
    raise ValueError("password=hunter2")


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (ToolCall("nothing"), "Error: there is no tool 'nothing'. There are: "),
        (ToolCall("find_order", '{"number": 4'), "Error: Invalid JSON"),
        (ToolCall("find_order", '{"number": "four"}'), "Error: number: Input should be"),
        (ToolCall("find_order", '{"number": 4, "now": 1}'), "Error: now: Unexpected keyword"),
        (ToolCall("find_order", "[]"), "Error: Input should be an object"),
        (ToolCall("find_order", ""), "Error: number: Field required"),
        (ToolCall.of("knows_nothing", number=4), "Error: there is no order 4"),
        (ToolCall("breaks"), "Error: it failed (ValueError)."),
        (ToolCall("hangs"), "Error: no result within 2 s. It may have been carried out."),
    ],
)
def test_what_goes_wrong_with_a_tool_is_told_to_the_model(
    app: App, call: ToolCall, answer: str
) -> None:
    server = ChatServer(in_order(Completion([call]), writes("I cannot find it.")))
    app.reply(answering(model_of(server), tools=[find_order, knows_nothing, breaks, hangs]))
    report = converse(app, caller(ASKS, *LISTENS))
    assert server.refusals == []
    (result,) = results(server, 1)
    assert result.startswith(answer)
    assert [turn.heard for turn in report.said] == ["I cannot find it."]


def test_a_model_that_only_calls_tools_is_made_to_answer(app: App) -> None:
    endless = [calls("find_order", number=number) for number in range(3)]
    server = ChatServer(in_order(*endless, writes("I give up.")))
    limits = llm.ReplyLimits(rounds=3)
    app.reply(answering(model_of(server), tools=[find_order], limits=limits))
    report = converse(app, caller(ASKS, *LISTENS))
    choices = [exchange.request.get("tool_choice") for exchange in server.exchanges]
    assert choices == [None, None, None, "none"]
    assert report.said[0].heard == "I give up."


def test_a_model_that_calls_tools_all_the_same_has_failed(app: App) -> None:
    endless = [calls("find_order", number=number) for number in range(3)]
    server = ChatServer(in_order(*endless))
    limits = llm.ReplyLimits(rounds=2)
    app.reply(answering(model_of(server), tools=[find_order], limits=limits, sorry="Sorry."))
    report = converse(app, caller(ASKS, *LISTENS))
    assert [turn.heard for turn in report.said] == ["Sorry."]
