"""A language model that fails: what the caller hears, what the log says, and what it never says."""

import logging
from pathlib import Path

import pytest

from callbridge import App, ModelFailed
from callbridge.bots import llm
from callbridge.testing import Conversation, Wait, caller, converse, says
from tests.callbridge.bots.llm.served import VOICES, answering, model_of
from tests.vendors.openai.answers import (
    Answer,
    Completion,
    Drop,
    HttpError,
    Raw,
    Refusal,
    Stall,
    Text,
    in_order,
    rate_limited,
    writes,
)
from tests.vendors.openai.chat import KEY, ChatServer

SORRY = "Sorry, something is wrong."
ASKS = says("when are you open")
LISTENS = (Wait("bot_speaking", 0.2), Wait("bot_silent", 2.0))
LIMITS = llm.ModelLimits(first_token_s=5.0, between_s=3.0, whole_s=20.0)
WRONG_KEY = "sk-secret-9876543210"


def conversation(app: App, server: ChatServer, voice: str = "media", **model: str) -> Conversation:
    """One question, put to a model with little patience."""
    app.reply(answering(model_of(server, limits=LIMITS, **model), sorry=SORRY))
    return converse(app, caller(ASKS, *LISTENS), voice=voice)


def heard(report: Conversation) -> str:
    return " ".join(word for turn in report.said for word in turn.heard.split())


def why(caplog: pytest.LogCaptureFixture) -> str:
    """What the log says of the one failure of a test."""
    (record,) = [each for each in caplog.records if "model failed" in each.getMessage()]
    assert record.levelno == logging.ERROR
    return record.getMessage()


SLOW = "Open from nine to six. "

FAILURES: list[tuple[Answer, str, str]] = [
    (HttpError(500, "Broken."), SORRY, "HTTP 500"),
    (HttpError(400, "No."), SORRY, "HTTP 400"),
    (HttpError(404, "No such thing.", "model_not_found"), SORRY, "is the name of the model right"),
    (writes(SLOW, first_token_s=6.0), SORRY, "nothing within 5 s"),
    (Completion([Stall(6.0), Text(SLOW)]), SORRY, "nothing within 5 s"),
    (Completion([Text(SLOW), Stall(4.0), Text(SLOW)]), SLOW + SORRY, "nothing within 3 s"),
    (Completion([Text(SLOW), Drop()]), SLOW + SORRY, "no connection, or it broke"),
    (Completion([Drop()]), SORRY, "no connection, or it broke"),
    (Completion([Text(SLOW), Raw(b"data: {nonsense\n\n")]), SLOW + SORRY, "JSONDecodeError"),
    (Completion([Text(SLOW), Raw(b"data: \xff\xfe\n\n")]), SLOW + SORRY, "UnicodeDecodeError"),
    (Completion([Raw(b'data: {"choices": 3}\n\n')]), SORRY, "TypeError"),
    (Completion([Raw(b'data: {"choices": [{"delta": {"content": 3}}]}\n\n')]), SORRY, "type int"),
    (Completion([Raw(b'data: {"choices": [{"delta": null}]}\n\n')]), SORRY, "AttributeError"),
    (Completion([Raw(b'data: {"error": {"message": "Overloaded."}}\n\n')]), SORRY, "Overloaded."),
    (Completion([Text(SLOW), Raw(b"data: [DONE]\n\n")]), SLOW + SORRY, "before its answer"),
    (Completion([]), SORRY, "the answer is empty"),
    (Completion([Text("  ")]), SORRY, "the answer is empty"),
    (Completion([], finish="content_filter"), SORRY, "the answer is empty"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "said", "reason"), FAILURES)
def test_a_failure_is_said_and_logged(
    app: App, caplog: pytest.LogCaptureFixture, answer: Answer, said: str, reason: str
) -> None:
    again = [answer] * 3 if isinstance(answer, HttpError) else [answer]  # the SDK tries again
    report = conversation(app, ChatServer(in_order(*again)))
    assert heard(report) == said
    assert reason in why(caplog)


@pytest.mark.parametrize("voice", VOICES)
def test_an_answer_that_never_ends_is_ended(
    app: App, caplog: pytest.LogCaptureFixture, voice: str
) -> None:
    server = ChatServer(in_order(writes(SLOW * 30, token_s=0.5)))
    report = conversation(app, server, voice)
    assert "not done within 20 s" in why(caplog)
    assert heard(report).endswith(SORRY)
    (exchange,) = server.exchanges
    assert exchange.left_at is not None
    assert exchange.left_at - exchange.at == pytest.approx(20.0, abs=0.6)


def test_a_rate_limit_is_waited_for(app: App) -> None:
    server = ChatServer(in_order(rate_limited("2"), writes("Nine to six.")))
    report = conversation(app, server)
    assert heard(report) == "Nine to six."
    first, second = server.exchanges
    assert second.at - first.at == pytest.approx(2.0, abs=0.1)


def test_a_rate_limit_is_not_waited_for_too_long(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    report = conversation(app, ChatServer(in_order(rate_limited("30"))))
    assert heard(report) == SORRY
    assert "nothing within 5 s" in why(caplog)


def test_what_the_server_refuses_for_its_model(app: App, caplog: pytest.LogCaptureFixture) -> None:
    report = conversation(app, ChatServer(), name="gpt-nothing")
    assert heard(report) == SORRY
    assert "gpt-nothing at local.test: not found" in why(caplog)


def test_a_conversation_that_is_too_long_for_the_model(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    report = conversation(app, ChatServer(longest=10))
    assert heard(report) == SORRY
    assert "too long" in why(caplog)


def test_a_refusal_is_said(app: App) -> None:
    server = ChatServer(in_order(Completion([Refusal("I cannot help with that.")])))
    assert heard(conversation(app, server)) == "I cannot help with that."


@pytest.mark.parametrize("voice", VOICES)
def test_half_a_character_at_the_end_of_a_chunk(app: App, voice: str) -> None:
    text = "Schöne Grüße aus Köln, 東京 und Ελλάδα."
    server = ChatServer(in_order(Completion([Text(text, cut_characters=True)])))
    assert heard(conversation(app, server, voice)) == text


def test_an_answer_that_was_cut_by_its_length_is_said(app: App) -> None:
    server = ChatServer(in_order(Completion([Text("Nine to")], finish="length")))
    assert heard(conversation(app, server)) == "Nine to"


# ---- keys ---------------------------------------------------------------------------------------


def test_no_key_is_ever_written_down(
    app: App, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """The server repeats the wrong key in its error, as the real one does in part."""
    caplog.set_level(logging.DEBUG)
    model = model_of(ChatServer(), key=WRONG_KEY, limits=LIMITS)
    app.reply(answering(model, sorry=SORRY))
    tape = tmp_path / "tape.jsonl"
    report = converse(app, caller(ASKS, *LISTENS), settings={"tape": str(tape)})
    assert heard(report) == SORRY
    assert "the key is not accepted: look at OPENAI_API_KEY" in why(caplog)
    everything = f"{caplog.text}{tape.read_text()}{model!r}{vars(model)!r}"
    assert "model failed" in everything
    assert WRONG_KEY not in everything
    assert KEY not in everything


# ---- again and again ----------------------------------------------------------------------------


def test_the_fourth_failure_in_a_row_gives_the_call_up(app: App) -> None:
    server = ChatServer(in_order())
    app.reply(answering(model_of(server), sorry=SORRY))
    steps = (ASKS, *LISTENS)
    report = converse(app, caller(*steps * 4, Wait("hangup")), expect_crash=ModelFailed)
    assert [turn.heard for turn in report.said] == [SORRY] * 3
    assert isinstance(report.crashes[0], ModelFailed)
    assert report.hung_up_by == "bot"


def test_an_answer_in_between_begins_the_count_anew(app: App) -> None:
    none = HttpError(400, "No.")
    server = ChatServer(in_order(none, none, none, writes("Nine to six."), none))
    app.reply(answering(model_of(server), sorry=SORRY))
    report = converse(app, caller(*(ASKS, *LISTENS) * 5))
    texts = [turn.heard for turn in report.said]
    assert texts == [SORRY, SORRY, SORRY, "Nine to six.", SORRY]
