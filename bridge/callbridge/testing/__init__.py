"""Whole calls in virtual time: for tests of bots, and of Callbridge itself.

def test_a_key_stops_the_jingle() -> None:
    report = converse(app, caller(Wait("bot_speaking", 2.0), Press("5"), Wait("hangup")))
    assert report.clears
    assert report.hangup_source == "callee"
"""

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core.report import CallReport
from callbridge.carrier.people.echo import EchoPath
from callbridge.carrier.people.script import CallScript, HangUp, Press, Wait
from callbridge.testing.callers import caller, says, tone
from callbridge.testing.loop import EPOCH, Stuck, VirtualClock, VirtualLoop, run
from callbridge.testing.pair import Pair, async_converse, converse
from callbridge.testing.placed import PlacedCall
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
    "Press",
    "SentCommand",
    "SpokenTurn",
    "Stuck",
    "VirtualClock",
    "VirtualLoop",
    "Wait",
    "async_converse",
    "caller",
    "converse",
    "run",
    "says",
    "tone",
]
