"""What goes wrong between a call and its model, and what a model does with tools."""

import asyncio
from typing import Any

import pytest

from callbridge import App, Call
from callbridge.bots.conversing import BROKEN
from callbridge.errors import ModelFailed, SettingsError
from callbridge.testing import Conversation, Pair, Wait, caller, says
from tests.callbridge.bots.test_realtime import COUNTING, Bot, instructions_of
from tests.vendors.openai import answers as a
from tests.vendors.openai_realtime.server import RealtimeServer

ANSWERED = (Wait("bot_speaking"), Wait("bot_silent", 1.0))


def remembered(server: RealtimeServer, session: int) -> list[str]:
    """The items that a session was told when it began, in a line each."""
    lines: list[str] = []
    for event in server.sessions[session].events:
        if event["type"] != "conversation.item.create":
            continue
        item = event["item"]
        if item["type"] == "message":
            lines.append(f"{item['role']}: {item['content'][0]['text']}")
        else:
            lines.append(f"{item['type']}: {item.get('name') or item.get('output')}")
    return lines


# ---- the socket ---------------------------------------------------------------------------------


async def test_a_lost_socket_is_replaced_and_the_new_session_knows(app: App, pair: Pair) -> None:
    """Between two turns: the caller notices nothing."""
    server = RealtimeServer(a.in_order(a.writes("Good day."), a.writes("Bye.")))
    app.call(Bot(server))
    placed = await pair.ring(says("hello"), *ANSWERED)
    await placed.hears("Good day.")
    await asyncio.sleep(1.0)
    server.sessions[0].close(1011, "keepalive ping timeout")
    await asyncio.sleep(0.2)
    await placed.does(says("goodbye"), *ANSWERED)
    await placed.hangs_up()
    assert remembered(server, 1) == ["user: hello", "assistant: Good day."]
    assert server.heard == ["hello", "goodbye"]
    assert placed.heard == ["Good day."] or placed.heard[0] == "Good day."
    assert server.refused == []


async def test_what_is_said_in_the_gap_is_heard(app: App, pair: Pair) -> None:
    server = RealtimeServer(a.in_order(a.writes("Good day."), a.writes("Bye.")))
    app.call(Bot(server))
    placed = await pair.ring(says("hello"), *ANSWERED)
    await placed.hears("Good day.")
    server.refusals = [503, 503]  # it takes 0.25 and 0.5 s until the third attempt
    server.sessions[0].close(1011, "gone")
    await placed.does(says("my name is ann"), *ANSWERED)
    await placed.hangs_up()
    assert server.heard == ["hello", "my name is ann"]


async def test_a_reply_that_breaks_off_goes_on(app: App, pair: Pair) -> None:
    """What has come of it is heard to its end, and the new session is asked to go on."""
    server = RealtimeServer(
        a.in_order(a.Completion([a.Text("One two three "), a.Drop()]), a.writes("four five."))
    )
    app.call(Bot(server))
    report = await pair.call(caller(says("count"), Wait("bot_speaking"), Wait("bot_silent", 2.0)))
    assert remembered(server, 1) == ["user: count", "assistant: One two three"]
    (again,) = server.sent("response.create")
    assert again["response"]["instructions"].endswith(BROKEN)
    assert [turn.heard.strip() for turn in report.said] == ["One two three", "four five."]
    between = report.said[1].at_s - report.said[0].at_s - report.said[0].heard_s
    assert between < 0.5, "a short gap, or none"


async def test_an_unanswered_turn_is_heard_again_by_the_new_session(app: App, pair: Pair) -> None:
    """The session goes before it has said anything to it."""
    server = RealtimeServer(a.in_order(a.Completion([a.Drop()]), a.writes("Hello again.")))
    app.call(Bot(server))
    report = await pair.call(caller(says("hello"), *ANSWERED))
    assert server.heard == ["hello", "hello"]
    assert [turn.heard for turn in report.said] == ["Hello again."]


async def test_a_model_that_falls_silent_is_given_up(app: App, pair: Pair) -> None:
    server = RealtimeServer(
        a.in_order(a.Completion([a.Stall(3600.0), a.Text("Late.")]), a.writes("Here I am."))
    )
    app.call(Bot(server))
    report = await pair.call(caller(says("hello"), *ANSWERED))
    assert [turn.heard for turn in report.said] == ["Here I am."]
    assert report.said[0].at_s < 20.0


async def test_garbage_is_told_of_and_left_out(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    junk = [
        a.Raw(b"what?"),
        a.Raw(b'{"type": "response.output_audio.delta", "item_id": "x", "delta": "!!"}'),
        a.Raw(b'{"type": "response.output_audio.delta"}'),
        a.Raw(b'{"type": "conversation.unheard_of", "x": 1}'),
        a.Raw(b'{"type": "response.output_item.done", "item": {"type": "message", "id": "y"}}'),
        a.Raw(b'{"type": "response.done", "response": {}}'),  # out of order
    ]
    server = RealtimeServer(a.in_order(a.Completion([a.Text("One "), *junk, a.Text("two.")])))
    app.call(Bot(server))
    report = await pair.call(caller(says("count"), *ANSWERED))
    assert [turn.heard for turn in report.said] == ["One two."]
    told = [r.getMessage() for r in caplog.records if "makes no sense" in r.getMessage()]
    assert len(told) == 3
    assert len(server.sessions) == 1


async def test_a_session_that_is_all_garbage_is_given_up(app: App, pair: Pair) -> None:
    server = RealtimeServer(
        a.in_order(a.Completion([a.Raw(b"?")] * 30 + [a.Stall(9.0)]), a.writes("Better."))
    )
    app.call(Bot(server))
    report = await pair.call(caller(says("hello"), *ANSWERED))
    assert [turn.heard for turn in report.said] == ["Better."]


async def test_a_session_is_renewed_before_it_ends(app: App, pair: Pair) -> None:
    """In a quiet moment of its last two minutes, with the conversation and without a gap."""
    server = RealtimeServer(
        a.in_order(a.writes("Good day."), a.writes("Bye.")), lasts_s=130.0, wall=pair.clock.wall
    )
    app.call(Bot(server))
    placed = await pair.ring(says("hello"), *ANSWERED)
    await placed.hears("Good day.")
    await asyncio.sleep(15.0)
    assert len(server.sessions) == 2
    await placed.does(says("goodbye"), *ANSWERED)
    await placed.hangs_up()
    assert remembered(server, 1) == ["user: hello", "assistant: Good day."]
    assert server.refused == [], "no session_expired"


async def test_a_session_that_ends_by_itself_is_replaced(app: App, pair: Pair) -> None:
    """Should it not have said when: here its clock is another one."""
    server = RealtimeServer(
        a.in_order(a.writes("Good day."), a.writes("Bye.")), lasts_s=60.0, wall=lambda: 4e9
    )
    app.call(Bot(server))
    placed = await pair.ring(says("hello"), *ANSWERED)
    await asyncio.sleep(62.0)
    assert len(server.sessions) == 2
    await placed.does(says("goodbye"), *ANSWERED)
    await placed.hangs_up()
    assert server.heard == ["hello", "goodbye"]


# ---- refusals -----------------------------------------------------------------------------------


async def failing(app: App, pair: Pair, server: RealtimeServer, **settings: Any) -> Conversation:
    app.call(Bot(server, **settings))
    return await pair.call(caller(says("hello"), Wait("hangup")))


@pytest.mark.virtual(expect_crash=ModelFailed)
async def test_a_wrong_key_ends_the_bot_with_a_sentence(app: App, pair: Pair) -> None:
    server = RealtimeServer()
    report = await failing(app, pair, server, api_key="sk-wrong")
    (crash,) = report.crashes
    assert "Incorrect API key provided: sk-***. (invalid_api_key)" in str(crash)
    assert "sk-wrong" not in str(crash)
    assert len(server.sessions) == 1, "not tried again"
    assert report.hung_up_by == "bot"


@pytest.mark.virtual(expect_crash=ModelFailed)
async def test_an_unknown_model_likewise(app: App, pair: Pair) -> None:
    report = await failing(app, pair, RealtimeServer(), model="gpt-surreal")
    assert "`gpt-surreal` does not exist" in str(report.crashes[0])


@pytest.mark.virtual(expect_crash=ModelFailed)
async def test_a_session_that_is_refused_ends_the_bot(app: App, pair: Pair) -> None:
    report = await failing(app, pair, RealtimeServer(), more={"temperature": 0.7})
    assert "Unknown parameter: 'session.temperature'" in str(report.crashes[0])


@pytest.mark.virtual(expect_crash=ModelFailed)
async def test_a_service_that_does_not_answer_is_given_up(app: App, pair: Pair) -> None:
    server = RealtimeServer(refusals=[503] * 4)
    report = await failing(app, pair, server)
    assert "cannot be reached at ws" in str(report.crashes[0])
    assert report.duration_s < 6.0


@pytest.mark.virtual(expect_crash=ModelFailed)
async def test_a_status_that_says_it_all_is_not_asked_for_twice(app: App, pair: Pair) -> None:
    server = RealtimeServer(refusals=[401])
    await failing(app, pair, server)
    assert server.sessions == []


@pytest.mark.virtual(expect_crash=SettingsError)
async def test_without_a_key_the_error_says_where_to_get_one(
    app: App, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    report = await failing(app, pair, RealtimeServer(), api_key="")
    assert "OPENAI_API_KEY is not set" in str(report.crashes[0])


async def test_a_bot_may_have_words_of_its_own_for_it(app: App, pair: Pair) -> None:
    server = RealtimeServer(refusals=[503] * 4)

    async def bot(call: Call) -> None:
        try:
            await Bot(server)(call)
        except ModelFailed:
            await call.say("I am sorry, please call again later.")

    app.call(bot)
    report = await pair.call(caller(Wait("hangup")))
    assert [turn.heard for turn in report.said] == ["I am sorry, please call again later."]


def failed_reply(code: str) -> a.HttpError:
    return a.HttpError(429, "Rate limit reached.", code, "rate_limit_exceeded")


async def test_a_rate_limit_is_waited_for(app: App, pair: Pair) -> None:
    server = RealtimeServer(
        a.in_order(failed_reply("rate_limit_exceeded"), a.writes("Sorry for the wait."))
    )
    app.call(Bot(server))
    report = await pair.call(caller(says("hello"), *ANSWERED))
    assert [turn.heard for turn in report.said] == ["Sorry for the wait."]
    assert server.refused == []


@pytest.mark.virtual(expect_crash=ModelFailed)
async def test_a_rate_limit_that_stays_is_not_waited_for(app: App, pair: Pair) -> None:
    server = RealtimeServer(a.in_order(*[failed_reply("rate_limit_exceeded")] * 4))
    report = await failing(app, pair, server)
    assert "Rate limit reached." in str(report.crashes[0])


@pytest.mark.virtual(expect_crash=ModelFailed)
async def test_no_quota_left_is_not_waited_for(app: App, pair: Pair) -> None:
    server = RealtimeServer(a.in_order(failed_reply("insufficient_quota")))
    report = await failing(app, pair, server)
    assert "(insufficient_quota)" in str(report.crashes[0])


# ---- tools --------------------------------------------------------------------------------------


async def test_the_model_uses_a_function_of_yours(app: App, pair: Pair) -> None:
    asked: list[str] = []

    async def opening_hours(call: Call, day: str) -> str:
        """When we are open."""
        asked.append(day)
        await asyncio.sleep(1.0)
        return "nine to five"

    server = RealtimeServer(
        a.in_order(
            a.Completion([a.Text("One moment."), a.ToolCall.of("opening_hours", day="Monday")]),
            a.writes("Nine to five."),
        )
    )
    app.call(Bot(server, tools=[opening_hours]))
    report = await pair.call(caller(says("open?"), *ANSWERED, *ANSWERED))
    assert asked == ["Monday"]
    assert [turn.heard for turn in report.said] == ["One moment.", "Nine to five."]
    (item,) = server.sent("conversation.item.create")
    assert item["item"]["output"] == "nine to five"
    (tool,) = report.tools
    assert (tool.arguments, tool.result) == ({"day": "Monday"}, "nine to five")
    assert server.refused == []


async def test_of_several_tools_all_are_answered_before_it_goes_on(app: App, pair: Pair) -> None:
    async def quick() -> str:
        """Quick."""
        return "q"

    async def slow() -> str:
        """Slow."""
        await asyncio.sleep(2.0)
        return "s"

    server = RealtimeServer(
        a.in_order(a.Completion([a.ToolCall("quick"), a.ToolCall("slow")]), a.writes("Done."))
    )
    app.call(Bot(server, tools=[quick, slow]))
    report = await pair.call(caller(says("go"), *ANSWERED))
    outputs = [each["item"]["output"] for each in server.sent("conversation.item.create")]
    assert outputs == ["q", "s"]
    assert len(server.sent("response.create")) == 1
    assert [turn.heard for turn in report.said] == ["Done."]
    assert server.refused == []


async def test_an_unknown_tool_and_wrong_arguments_are_told_to_the_model(
    app: App, pair: Pair
) -> None:
    async def strict(day: str) -> str:
        """Wants a day."""
        return day

    server = RealtimeServer(
        a.in_order(
            a.Completion([a.ToolCall("nowhere"), a.ToolCall("strict", "{no json")]),
            a.writes("I cannot."),
        )
    )
    app.call(Bot(server, tools=[strict]))
    report = await pair.call(caller(says("go"), *ANSWERED))
    assert len(server.sent("conversation.item.create")) == 2
    assert [turn.heard for turn in report.said] == ["I cannot."]
    assert server.refused == []


async def test_a_tool_that_hangs_up_lets_the_goodbye_be_heard(app: App, pair: Pair) -> None:
    async def end_call(call: Call) -> None:
        """End the call."""
        await call.hangup()

    server = RealtimeServer(
        a.in_order(a.Completion([a.Text("Goodbye and thank you."), a.ToolCall("end_call")]))
    )
    app.call(Bot(server, tools=[end_call]))
    report = await pair.call(caller(says("bye"), Wait("hangup")))
    assert [turn.heard for turn in report.said] == ["Goodbye and thank you."]
    assert report.hung_up_by == "bot"


async def test_a_tool_outlives_the_session_that_has_asked_for_it(app: App, pair: Pair) -> None:
    async def slow() -> str:
        """Slow."""
        await asyncio.sleep(3.0)
        return "found it"

    server = RealtimeServer(
        a.in_order(a.Completion([a.Text("Wait."), a.ToolCall("slow")]), a.writes("I found it."))
    )
    app.call(Bot(server, tools=[slow]))
    placed = await pair.ring(says("go"), Wait("bot_speaking"))
    await placed.hears("Wait.")
    server.sessions[0].close(1011, "gone")
    await placed.hears("I found it.")
    await placed.hangs_up()
    assert remembered(server, 1) == [
        "user: go",
        "assistant: Wait.",
        "function_call: slow",
        "function_call_output: found it",
    ]
    assert server.refused == []


async def test_the_caller_hangs_up_while_the_model_speaks(app: App, pair: Pair) -> None:
    server = RealtimeServer(a.in_order(a.writes(COUNTING)))
    bot = Bot(server)
    app.call(bot)
    report = await pair.call(caller(says("count"), Wait("bot_speaking", 0.5)))
    assert report.said[0].cut
    assert server.sessions[0].over
    assert COUNTING.startswith(bot.history[1]["content"])
    assert instructions_of(server.sent("session.update")[0]) == "You are brief."
