"""A conversation that is too long for its model: the oldest turns are left out, and no more."""

import logging
from typing import Any

import pytest

from callbridge import App, HistoryItem
from callbridge.bots import llm
from callbridge.bots.llm.prompt import ON_THE_TELEPHONE
from callbridge.bots.llm.telling import ToldHistory
from callbridge.testing import caller, converse, says
from tests.callbridge.bots.llm.served import (
    LISTENS,
    VOICES,
    answering,
    model_of,
    results,
    said_to,
)
from tests.vendors.openai.answers import HttpError, calls, in_order, repeats, writes
from tests.vendors.openai.chat import ChatServer

QUESTIONS = ("the first question", "the second question", "the third question")
ASKS_ALL = tuple(step for text in QUESTIONS for step in (says(text), *LISTENS))
INSTRUCTIONS = "Be kind."
FIXED = len(ON_THE_TELEPHONE) + 60  # characters of a request that are there in any case


def refused(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The log's lines of requests that were too long, and asked again."""
    lines = [each for each in caplog.records if "asked again without" in each.getMessage()]
    assert all(line.levelno == logging.WARNING for line in lines)
    return [line.getMessage() for line in lines]


@pytest.mark.parametrize("voice", VOICES)
def test_what_is_too_long_is_asked_once_more_by_half(
    app: App, caplog: pytest.LogCaptureFixture, voice: str
) -> None:
    server = ChatServer(repeats, longest=FIXED + 250)
    app.reply(answering(model_of(server), INSTRUCTIONS))
    report = converse(app, caller(*ASKS_ALL), voice=voice)
    assert [turn.heard for turn in report.said] == [f"You said: {text}" for text in QUESTIONS]
    assert len(server.refusals) == 1
    (line,) = refused(caplog)
    assert "maximum context length" in line
    assert "without the oldest 3 of 5 turns and answers" in line
    whole, half = server.exchanges[-2:]
    assert whole.refused
    assert half.messages[0] == whole.messages[0]
    assert half.messages[-1] == {"role": "user", "content": QUESTIONS[-1]}
    assert half.messages[1:] == whole.messages[-2:]


def test_what_the_model_could_not_take_is_never_told_again(app: App) -> None:
    """Or every later turn would cost a request that is refused."""
    server = ChatServer(repeats, longest=FIXED + 250)
    app.reply(answering(model_of(server), INSTRUCTIONS))
    converse(app, caller(*ASKS_ALL, says("the fourth"), *LISTENS))
    assert len(server.refusals) == 1
    assert QUESTIONS[0] not in str(server.exchanges[-1].messages)


@pytest.mark.parametrize(
    "message", ["This model's maximum context length is 4096 tokens.", "Too long."]
)
def test_services_say_it_in_two_ways(app: App, message: str) -> None:
    code = "context_length_exceeded" if message == "Too long." else "invalid_request_error"
    error = HttpError(400, message, code)
    server = ChatServer(in_order(writes("One."), error, writes("Two.")))
    app.reply(answering(model_of(server)))
    report = converse(app, caller(*ASKS_ALL[:6]))
    assert [turn.heard for turn in report.said] == ["One.", "Two."]


def test_one_retry_and_no_more(app: App, caplog: pytest.LogCaptureFixture) -> None:
    server = ChatServer(repeats)
    app.reply(answering(model_of(server), sorry="Sorry."))

    def script(request: dict[str, Any]) -> Any:
        if QUESTIONS[1] in str(request):
            server.longest = 10  # for what comes next even half of it is too long
        return repeats(request)

    server.script = script
    report = converse(app, caller(*ASKS_ALL))
    assert report.said[-1].heard == "Sorry."
    assert len(server.refusals) == 2
    assert len(said_to(server, -1)) == 2  # there would have been more to leave out
    (failure,) = (r.getMessage() for r in caplog.records if "model failed" in r.getMessage())
    assert "the conversation is too long for it" in failure


def test_a_tool_is_left_out_with_its_result(app: App, caplog: pytest.LogCaptureFixture) -> None:
    def look_up(number: int) -> str:
        """Look it up."""
        return "a long result " * 20

    script = in_order(calls("look_up", number=1), *(writes(f"Answer {n}.") for n in range(3)))
    server = ChatServer(script)
    app.reply(answering(model_of(server), INSTRUCTIONS, tools=[look_up]))

    def then_small(request: dict[str, Any]) -> Any:
        if len(server.exchanges) == 3:
            server.longest = FIXED + 250
        return script(request)

    server.script = then_small
    report = converse(app, caller(*ASKS_ALL))
    assert [turn.heard for turn in report.said] == ["Answer 0.", "Answer 1.", "Answer 2."]
    assert len(refused(caplog)) == 1
    assert results(server, -2) == ["a long result " * 20]
    assert results(server, -1) == []
    assert "tool_calls" not in str(server.exchanges[-1].messages)


@pytest.mark.parametrize("voice", VOICES)
def test_a_limit_leaves_them_out_beforehand(app: App, voice: str) -> None:
    server = ChatServer(repeats)
    limits = llm.ReplyLimits(characters=65)
    app.reply(answering(model_of(server), INSTRUCTIONS, limits=limits))
    converse(app, caller(*ASKS_ALL), voice=voice)
    assert said_to(server, -1) == [
        ("assistant", f"You said: {QUESTIONS[1]}"),
        ("user", QUESTIONS[2]),
    ]
    assert len(said_to(server, 1)) == 3  # 65 characters


# ---- what is never left out ---------------------------------------------------------------------


def item(number: int, text: str) -> HistoryItem:
    return HistoryItem(number, "assistant" if number % 2 else "user", text)


def test_what_was_said_last_is_told_however_long_it_is() -> None:
    telling = ToldHistory("Be kind.", [item(n, "x" * 100) for n in range(3)], {}, None)
    assert telling.leave_out(10)
    assert [message["role"] for message in telling.messages()] == ["system", "user"]
    assert not telling.leave_out(0)
    assert telling.behind == telling.oldest == 2


def test_what_came_behind_the_last_words_stays_with_them() -> None:
    """An answer that was cut, and what it was an answer to."""
    telling = ToldHistory("Be kind.", [item(n, "x" * 100) for n in range(4)], {}, None)
    telling.leave_out(0)
    assert [m["role"] for m in telling.messages()] == ["system", "user", "assistant"]


def test_a_limit_that_is_kept_leaves_nothing_out() -> None:
    telling = ToldHistory("Be kind.", [item(n, "x" * 100) for n in range(3)], {}, None)
    assert telling.characters == 300
    assert not telling.leave_out(300)
    assert telling.items == 3
