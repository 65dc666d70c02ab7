"""Whole calls in virtual time: for tests of bots, and of Callbridge itself.

def test_a_key_stops_the_jingle() -> None:
    report = converse(app, caller(Wait("bot_speaking", 2.0), Press("5"), Wait("hangup")))
    assert report.clears
    assert report.hangup_source == "callee"
"""

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core.report import CallReport
from callbridge.carrier.people.checks import ScriptError
from callbridge.carrier.people.echo import EchoPath
from callbridge.carrier.people.script import CallScript
from callbridge.carrier.people.steps import HangUp, Play, Press, Say, Wait
from callbridge.testing.callers import caller, caller_of, says, tone
from callbridge.testing.loop import EPOCH, Stuck, VirtualClock, VirtualLoop, run
from callbridge.testing.pair import Pair, async_converse, converse
from callbridge.testing.placed import PlacedCall
from callbridge.testing.speech import scripted
from callbridge.testing.witness import LeftBehind
from callbridge.testing.words import Conversation, SentCommand, SpokenTurn

__all__ = [
    "EPOCH",
    "CallReport",
    "CallScript",
    "CarrierConfig",
    "Conversation",
    "EchoPath",
    "HangUp",
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
    "VirtualClock",
    "VirtualLoop",
    "Wait",
    "async_converse",
    "caller",
    "caller_of",
    "converse",
    "run",
    "says",
    "scripted",
    "tone",
]
