"""Whole calls, in virtual time: a caller who speaks, and what the bot answers."""

from pathlib import Path

from callbridge.testing import Wait, caller, caller_of, converse, says

from mybot import app

SCRIPT = Path(__file__).with_name("mybot.json")
HEARS = (Wait("bot_speaking"), Wait("bot_silent"))


def test_what_the_caller_says_is_said_back() -> None:
    report = converse(app, caller(*HEARS, says("Good morning."), *HEARS))
    assert [turn.text for turn in report.heard] == ["Good morning."]
    assert report.said[-1].text == "You said: Good morning."


def test_the_caller_of_the_script_enters_a_code() -> None:
    report = converse(app, caller_of(SCRIPT))
    assert not report.failed
    assert report.said[-1].text == "You entered 1, 2, 3, 4."
