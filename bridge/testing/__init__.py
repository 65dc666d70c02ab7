"""Whole calls in virtual time: for tests of bots, and of Callbridge itself.

def test_a_key_stops_the_jingle() -> None:
    report = converse(app, caller(Wait("bot_speaking", 2.0), Press("5"), Wait("hangup")))
    assert report.clears
    assert report.hangup_source == "callee"
"""

from bridge.carrier.config import CarrierConfig
from bridge.carrier.echo import EchoPath
from bridge.carrier.report import CallReport
from bridge.carrier.script import CallScript, HangUp, Press, Wait
from bridge.testing.callers import caller, says, tone
from bridge.testing.loop import EPOCH, Stuck, VirtualClock, VirtualLoop, run
from bridge.testing.pair import Pair, converse

__all__ = [
    "EPOCH",
    "CallReport",
    "CallScript",
    "CarrierConfig",
    "EchoPath",
    "HangUp",
    "Pair",
    "Press",
    "Stuck",
    "VirtualClock",
    "VirtualLoop",
    "Wait",
    "caller",
    "converse",
    "run",
    "says",
    "tone",
]
