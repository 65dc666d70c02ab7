"""What the events of a leg tell."""

import pytest

from callbridge.desk.trail import LegTrail, trails_of
from callbridge.testing import Pair
from tests.callbridge.desk.test_dialling import Forgetful, desk_at


def event(name: str, at: str = "2026-11-29T11:40:39Z", **told: object) -> dict[str, object]:
    return {"name": name, "event_timestamp": at, "metadata": told}


RANG = event("call.initiated", **{"from": "+13125550100", "to": "+13125550101"})


@pytest.mark.parametrize(
    ("names", "state"),
    [
        ([], None),
        (["dial"], None),
        (["call.initiated"], "ringing"),
        (["call.initiated", "call.answered", "speak", "call.speak.ended"], "answered"),
        (["call.answered", "conference.participant.joined"], "in a conference"),
        (["conference.participant.joined", "conference.participant.left"], "answered"),
        (["call.answered", "call.enqueued"], "queued"),
        (["call.answered", "call.bridged", "call.hangup"], "ended"),
    ],
)
def test_the_last_event_that_changes_it_is_the_state(names: list[str], state: str | None) -> None:
    assert LegTrail([event(name) for name in names]).state == state


def test_numbers_are_those_that_any_event_tells() -> None:
    trail = LegTrail([event("conference.created"), RANG])
    assert (trail.from_, trail.to) == ("+13125550100", "+13125550101")
    wrapped = LegTrail([event("call.initiated", payload=RANG["metadata"])])
    assert (wrapped.from_, wrapped.to) == ("+13125550100", "+13125550101")
    odd = LegTrail([{"name": "call.initiated", "event_timestamp": "", "metadata": None}])
    assert (odd.from_, odd.to) == (None, None)


def test_seconds_lie_between_two_events() -> None:
    answered = event("call.answered", "2026-11-29T11:40:41.500Z")
    assert LegTrail([RANG, answered]).seconds("call.initiated", "call.answered") == 2.5
    assert LegTrail([RANG]).seconds("call.initiated", "call.answered") is None


@pytest.mark.virtual
async def test_an_account_that_reads_no_events_still_lists_calls(pair: Pair) -> None:
    trails = await trails_of(desk_at(Forgetful(pair)), ["a", "b"])
    assert trails == {"a": LegTrail([]), "b": LegTrail([])}
