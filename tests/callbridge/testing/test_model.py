"""Testing a bot that a language model talks for: a scripted model, recorded tools, a judge."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

import pytest
from pydantic import Field
from starlette.applications import Starlette

from callbridge import App, Call, ModelFailed, Turn
from callbridge.bots import llm
from callbridge.testing import Conversation, Pair, UsedTool, Wait, caller, converse, says
from callbridge.testing.judging import CallVerdict, by_model, judge_call
from callbridge.testing.model import ScriptedModel, calls
from tests.vendors.openai.answers import in_order, writes
from tests.vendors.openai.chat import KEY, MODEL, ChatServer
from tests.vendors.sockets import served

LISTENS = (Wait("bot_speaking", 0.2), Wait("bot_silent", 2.0))
ASKS = (says("where is my order"), *LISTENS)
COMES = "It is on its way."
booked: list[int] = []


async def find_order(number: Annotated[int, Field(ge=1)]) -> str:
    """Where an order is."""
    booked.append(number)
    return "on its way"


@pytest.fixture
def desk(app: App) -> App:
    """A bot whose model is the environment's, where there is none."""
    booked.clear()

    @app.reply
    def answer(call: Call, turn: Turn) -> AsyncIterator[str]:
        return llm.reply(call, turn, "You keep a shop.", tools=[find_order, llm.end_call])

    return app


@pytest.mark.parametrize("voice", ["media", "relay"])
def test_what_was_said_heard_and_called(desk: App, voice: str) -> None:
    with ScriptedModel(calls("find_order", number=42), COMES) as model:
        report = converse(desk, caller(*ASKS), voice=voice)
    assert [turn.text for turn in report.heard] == ["where is my order"]
    assert [turn.heard for turn in report.said] == [COMES]
    (tool,) = report.tools
    assert (tool.name, tool.arguments, tool.result) == ("find_order", {"number": 42}, "on its way")
    assert report.heard[0].at_s < tool.at_s < report.said[0].at_s
    first, second = model.asked
    assert first.tools == ("find_order", "end_call")
    assert first.messages[-1] == {"role": "user", "content": "where is my order"}
    assert second.messages[-1]["content"] == "on its way"
    assert booked == [42]


def test_a_tool_is_played_and_nothing_in_the_world_changes(desk: App) -> None:
    model = ScriptedModel(calls("find_order", number=42), COMES, tools={"find_order": "lost"})
    with model:
        report = converse(desk, caller(*ASKS))
    assert report.tools[0].result == "lost"
    assert booked == []
    with ScriptedModel(calls("find_order", number=43), COMES):
        converse(desk, caller(*ASKS))
    assert booked == [43]  # the real one is back


def test_who_plays_a_tool_gets_its_arguments_as_they_are_checked(desk: App) -> None:
    numbers: list[int] = []

    def plays(number: int) -> None:
        numbers.append(number)

    wrong, right = calls("find_order", number=0), calls("find_order", number="7")
    with ScriptedModel(wrong, right, COMES, tools={"find_order": plays}):
        report = converse(desk, caller(*ASKS))
    assert numbers == [7]
    refused, played = report.tools
    assert refused.result.startswith("Error: number: ")
    assert played.result == "Done."


def test_a_tool_made_by_hand_is_played_as_well(app: App) -> None:
    async def really(call: Call, arguments: str) -> object:
        raise AssertionError("the real one runs")

    made = llm.Tool(name="by_hand", description="", parameters={"type": "object"}, run=really)

    @app.reply
    def answer(call: Call, turn: Turn) -> AsyncIterator[str]:
        return llm.reply(call, turn, tools=[made])

    def plays(number: int) -> int:
        return number + 1

    with ScriptedModel(calls("by_hand", number=1), COMES, tools={"by_hand": plays}):
        report = converse(app, caller(*ASKS))
    assert report.tools[0].result == "2"


def test_a_tool_that_the_bot_does_not_have_cannot_be_played(desk: App) -> None:
    model = ScriptedModel(COMES, tools={"find_oder": "lost"})
    with pytest.raises(AssertionError, match="no tool find_oder; there are"), model:
        converse(desk, caller(*ASKS))


def test_a_tool_that_ends_the_call_has_no_result(desk: App) -> None:
    with ScriptedModel(["Goodbye.", calls("end_call")]):
        report = converse(desk, caller(says("goodbye"), Wait("hangup")))
    assert report.tools == (UsedTool("end_call", {}, "", report.tools[0].at_s),)
    assert report.said[0].heard.strip() == "Goodbye."
    assert report.hung_up_by == "bot"


async def test_on_a_call_in_progress(desk: App, pair: Pair) -> None:
    with ScriptedModel(lambda messages: f"You said {messages[-1]['content']}."):
        call = await pair.ring(says("a table"))
        await call.hears("You said a table.")
        await call.hangs_up()


def test_an_answer_is_cut_where_the_caller_cuts_it(desk: App) -> None:
    hours = "We are open from nine to six on every day of the week, Sundays included, all year."
    cuts = (Wait("bot_speaking", 1.0), says("what about sundays please"), *LISTENS)
    with ScriptedModel(hours, "Nine to six.") as model:
        report = converse(desk, caller(says("when are you open"), *cuts))
    assert report.said[0].cut
    assert "The caller did not hear" in model.asked[1].messages[-1]["content"]
    assert "[not heard: " in str(report)


def test_a_script_that_is_over_crashes_the_bot(desk: App) -> None:
    over = "is over, and it is asked: 'where is my order'"
    with pytest.raises(AssertionError, match=over), ScriptedModel(COMES):
        converse(desk, caller(*ASKS, *ASKS))


def test_a_script_that_is_not_over_fails_the_test(desk: App) -> None:
    left = "asked 1 times, and its script has 2 answers"
    with pytest.raises(AssertionError, match=left), ScriptedModel(COMES, "Never said."):
        converse(desk, caller(*ASKS))


def test_the_tests_own_failure_comes_first(desk: App) -> None:
    with pytest.raises(ZeroDivisionError), ScriptedModel(COMES):
        _ = 1 / 0


def test_a_model_that_fails_is_an_answer_too(desk: App) -> None:
    with ScriptedModel(ModelFailed("no more money")):
        report = converse(desk, caller(*ASKS))
    assert report.said[0].heard == "Sorry, I cannot answer that just now."


def test_a_secret_is_in_no_tool_of_the_report(app: App) -> None:
    @app.reply
    async def answer(call: Call, turn: Turn) -> AsyncIterator[str]:
        async with call.secure():
            async for text in llm.reply(call, turn, tools=[find_order]):
                yield text

    with ScriptedModel(calls("find_order", number=4711), COMES):
        report = converse(app, caller(*ASKS))
    assert booked[-1] == 4711
    assert "4711" not in str(report.tools)


# ---- a judge ------------------------------------------------------------------------------------


@pytest.fixture
def report(desk: App) -> Conversation:
    with ScriptedModel(calls("find_order", number=42), COMES):
        return converse(desk, caller(*ASKS))


def test_a_judge_reads_words_tools_and_times(report: Conversation) -> None:
    read: list[str] = []

    async def judge(transcript: str) -> CallVerdict:
        read.append(transcript)
        return CallVerdict(True)

    judge_call(report, judge)
    said, tool, answer, ended = read[0].splitlines()
    assert said.endswith("caller: where is my order")
    assert tool.endswith('tool:   find_order {"number": 42} -> on its way')
    assert answer.endswith(f"bot:    {COMES}")
    assert ended.startswith("normal_clearing after")


def test_a_bad_verdict_fails_the_test_and_says_why(report: Conversation) -> None:
    async def judge(transcript: str) -> CallVerdict:
        return CallVerdict(False, "it was rude")

    with pytest.raises(AssertionError, match=r"the judge: it was rude\n.*where is my order"):
        judge_call(report, judge)


@pytest.mark.parametrize(
    ("answer", "good"),
    [
        ('{"good": true, "why": "It was told."}', True),
        ('```json\n{"good": false, "why": "It was not told."}\n```', False),
        ('{"good": "true"}', False),
    ],
)
async def test_a_model_judges(report: Conversation, answer: str, good: bool) -> None:
    """By the SDK, over a real socket, on a loop of real time."""
    server = ChatServer(in_order(writes(answer, first_token_s=0, token_s=0)))
    async with served(Starlette(routes=server.routes)) as address:
        make = partial(llm.ChatModel, MODEL, base_url=f"{address}/v1", api_key=KEY)
        judging = asyncio.to_thread(judge_call, report, by_model("It is told.", make))
        if good:
            assert (await judging).why == "It was told."
        else:
            with pytest.raises(AssertionError, match="the judge: "):
                await judging
    told = server.exchanges[0].messages[-1]["content"]
    assert told.startswith("A good call: It is told.")
    assert COMES in told


@pytest.mark.parametrize("answer", ["Fine.", "[]", json.dumps({"verdict": True})])
async def test_what_is_no_verdict_is_an_error(report: Conversation, answer: str) -> None:
    server = ChatServer(in_order(writes(answer, first_token_s=0, token_s=0)))
    async with served(Starlette(routes=server.routes)) as address:
        make = partial(llm.ChatModel, MODEL, base_url=f"{address}/v1", api_key=KEY)
        with pytest.raises(ModelFailed, match="no verdict"):
            await asyncio.to_thread(judge_call, report, by_model("It is told.", make))
