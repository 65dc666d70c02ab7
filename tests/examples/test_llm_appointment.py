"""The appointment bot on both voices: tools, keys or words, a booking, and a person is asked."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from callbridge import App
from callbridge.serve import botfile
from callbridge.testing import (
    CallScript,
    Conversation,
    Press,
    Wait,
    caller,
    caller_of,
    converse,
    people_of,
    says,
)
from tests.callbridge.bots.llm.served import VOICES, model_of, results
from tests.vendors.openai.chat import ChatServer
from tests.vendors.openai.rules import read_rules

FOLDER = Path(__file__).parents[2] / "examples" / "llm"
LISTENS = (Wait("bot_speaking", 0.3), Wait("bot_silent", 1.0))
ASKS = (*LISTENS, says("an appointment please"), *LISTENS, says("at ten"), *LISTENS)
RECEPTION = "+13125550182"
BOOKED = "Tuesday at ten o'clock is yours. Is there anything else?"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> ChatServer:
    server = ChatServer(read_rules(FOLDER / "appointment.rules.json"))
    model = model_of(server)
    monkeypatch.setattr("callbridge.bots.llm.replying.environment_model", cache(lambda: model))
    return server


@pytest.fixture
def practice(server: ChatServer) -> Iterator[App]:
    app = botfile.load(str(FOLDER / "appointment.py"))
    yield app
    assert server.refusals == []


def conversation(app: App, script: CallScript, **options: Any) -> Conversation:
    numbers = people_of(FOLDER / "people.json")
    return converse(app, script, numbers={**numbers, **options.pop("people", {})}, **options)


def texts(report: Conversation) -> list[str]:
    return [turn.heard.strip() for turn in report.said]


@pytest.mark.parametrize("voice", VOICES)
def test_the_caller_of_the_example_books_and_is_handed_over(practice: App, voice: str) -> None:
    report = conversation(practice, caller_of(FOLDER / "appointment.json"), voice=voice)
    assert not report.failed
    assert BOOKED in texts(report)
    assert texts(report)[-1] == "I will connect you with reception."
    (reception,) = (call for call in report.others if call.to == RECEPTION)
    assert "A caller who has just made an appointment" in reception.said[0].heard
    assert "hangup" not in [command.name for command in report.commands]
    assert reception.commands[-1].name.endswith("_stop")  # and the two are alone


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize(
    "number", [Press("1234"), says("one two three four")], ids=["pressed", "said"]
)
def test_the_number_is_pressed_or_said(
    practice: App, server: ChatServer, voice: str, number: Any
) -> None:
    report = conversation(practice, caller(*ASKS, number, *LISTENS), voice=voice)
    assert texts(report)[-1] == BOOKED
    assert results(server, -1)[-1] == "tuesday 10:00 is booked for patient 1234"


def test_a_time_that_is_gone_is_not_booked_twice(practice: App, server: ChatServer) -> None:
    conversation(practice, caller(*ASKS, Press("1234"), *LISTENS))
    report = conversation(practice, caller(*ASKS, Press("5678"), *LISTENS))
    assert texts(report)[-1].startswith("That time has just gone.")
    assert results(server, -1)[-1].startswith("Error: not free; free are: tuesday 14:30")


def test_when_nobody_is_free_in_reception_the_bot_goes_on(practice: App) -> None:
    script = caller(*LISTENS, says("i want a person"), Wait("bot_speaking", 4.0), *LISTENS)
    report = conversation(practice, script, people={RECEPTION: "busy"})
    assert texts(report)[-1].startswith("I am sorry, nobody is free in reception now.")
    assert report.hung_up_by == "caller"
