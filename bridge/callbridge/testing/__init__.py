"""Whole calls in virtual time: for tests of bots, and of Callbridge itself.

def test_tickets_are_sold() -> None:
    report = converse(app, caller(says("two tickets"), Wait("bot_speaking"), Press("5")))
    assert report.heard[0].text == "two tickets"
    assert report.said[0].text.startswith("Two tickets it is.")

A crash of the bot fails the test with its traceback; one that is meant to crash is tested by
`converse(..., expect_crash=ValueError)`, and `report.crashes` has what it raised."""

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core.report import CallReport
from callbridge.carrier.people.checks import ScriptError
from callbridge.carrier.people.echo import EchoPath
from callbridge.carrier.people.script import CallScript
from callbridge.carrier.people.steps import HangUp, Hold, Play, Press, Say, Wait
from callbridge.testing.callers import caller, caller_of, people_of, says, tone
from callbridge.testing.loop import EPOCH, Stuck, VirtualClock, VirtualLoop, run
from callbridge.testing.pair import Pair
from callbridge.testing.placed import PlacedCall
from callbridge.testing.speech import scripted
from callbridge.testing.whole_call import async_converse, converse
from callbridge.testing.witness import LeftBehind
from callbridge.testing.words import Conversation, SentCommand, SpokenTurn, UsedTool

__all__ = [
    "EPOCH",
    "CallReport",
    "CallScript",
    "CarrierConfig",
    "Conversation",
    "EchoPath",
    "HangUp",
    "Hold",
    "LeftBehind",
    "Pair",
    "PlacedCall",
    "Play",
    "Press",
    "Say",
    "ScriptError",
    "SentCommand",
    "SpokenTurn",
    "Stuck",
    "UsedTool",
    "VirtualClock",
    "VirtualLoop",
    "Wait",
    "async_converse",
    "caller",
    "caller_of",
    "converse",
    "people_of",
    "run",
    "says",
    "scripted",
    "tone",
]
