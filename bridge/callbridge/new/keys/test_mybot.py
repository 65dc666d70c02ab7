"""Whole calls, in virtual time: a caller who presses keys, and what the bot does."""

from pathlib import Path

from callbridge.testing import Wait, caller, caller_of, converse

from mybot import app

SCRIPT = Path(__file__).with_name("mybot.json")


def test_the_caller_of_the_script_presses_four_keys() -> None:
    report = converse(app, caller_of(SCRIPT))
    assert not report.failed
    assert report.hung_up_by == "bot"


def test_a_caller_who_presses_nothing_is_hung_up_after_a_while() -> None:
    report = converse(app, caller(Wait("hangup")))
    assert report.hung_up_by == "bot"
    assert report.duration_s > 10
