"""Whole calls in virtual time: for tests of bots, and of Callbridge itself.

def test_my_bot() -> None:
    report = converse(app, script)
    assert report.hangup_cause == "normal_clearing"
"""

from bridge.testing.loop import EPOCH, Stuck, VirtualClock, VirtualLoop, run
from bridge.testing.pair import Pair, converse

__all__ = ["EPOCH", "Pair", "Stuck", "VirtualClock", "VirtualLoop", "converse", "run"]
