"""The relay's example says back what the caller says, and no audio of ours is asked for."""

from examples.relay_echo import app

from callbridge.testing import Wait, caller, converse, says


def test_it_says_back_what_it_hears() -> None:
    greeted, answered = Wait("bot_silent", 1.5), Wait("bot_silent", 2.0)
    report = converse(app, caller(greeted, says("two tickets, please"), answered))
    assert report.heard[0].text == "two tickets, please"
    assert report.said[-1].heard == "You said: two tickets, please."
    [answer] = [command for command in report.commands if command.name == "answer"]
    assert "stream_url" not in answer.fields
