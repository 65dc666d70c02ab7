"""Who the examples ring in tests: people who accept by a key, decline, or say nothing."""

from typing import Any

import pytest

from callbridge.carrier.people.steps import Step
from callbridge.testing import CallScript, Conversation, HangUp, Press, Wait, says, tone

VOICE = 300.0  # Hz, of somebody who has been rung; Hz of the examples' own voice is 200
HEARD = (Wait("answered"), Wait("bot_speaking", 0.5), Wait("bot_silent", 0.5))


def presses(key: str, *steps: Step) -> CallScript:
    """Hears who it is, and presses a key."""
    return CallScript(steps=(*HEARD, Press(key), *steps))


def talks(seconds: float) -> tuple[Step, ...]:
    return says(tone(seconds, VOICE)), HangUp()


ACCEPTS = presses("1", *talks(3.0))
DECLINES = presses("2", Wait("hangup"))
IGNORES = CallScript(steps=(Wait("hangup", within_s=90),))


def heard_by(number: str, report: Conversation) -> list[str]:
    """What somebody who was rung heard of the bot, text by text."""
    return [turn.heard for call in report.others if call.to == number for turn in call.said]


def told(caplog: pytest.LogCaptureFixture, message: str) -> list[dict[str, Any]]:
    """The fields of each line of that name in the log."""
    return [vars(line) for line in caplog.records if line.message == message]
