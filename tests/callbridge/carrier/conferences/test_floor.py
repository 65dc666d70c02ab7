"""Who has the floor: the one who speaks while the last speaker does not."""

import numpy as np

from callbridge.carrier.conferences.floor import KEEPS_FOR, TAKES_AFTER, Floor
from callbridge.carrier.config import CarrierConfig
from tests.callbridge.carrier.conferences.conference_line import ConferenceLine

LOUD = np.full(160, 3000, np.int16)
QUIET = np.full(160, 100, np.int16)


def speaks(floor: Floor[str], ticks: int, *who: str) -> list[str]:
    """Who takes the floor meanwhile; nobody else says more than a breath."""
    spoken = dict.fromkeys("abc", QUIET) | dict.fromkeys(who, LOUD)
    taken = [floor.taken(spoken) for _ in range(ticks)]
    return [each for each in taken if each is not None]


def test_the_first_who_speaks_takes_it_after_a_moment() -> None:
    floor = Floor[str]()
    assert speaks(floor, TAKES_AFTER - 1, "a") == []
    assert speaks(floor, 100, "a") == ["a"]


def test_a_cough_takes_nothing() -> None:
    floor = Floor[str]()
    for _ in range(20):
        assert speaks(floor, 3, "b") == []
        assert speaks(floor, 4) == []


def test_who_speaks_keeps_it_also_over_somebody_else() -> None:
    floor = Floor[str]()
    speaks(floor, 50, "a")
    assert speaks(floor, 500, "a", "b") == []
    assert speaks(floor, KEEPS_FOR, "b") == ["b"]


def test_a_pause_between_words_costs_nothing() -> None:
    floor = Floor[str]()
    speaks(floor, 50, "a")
    for _ in range(20):
        assert speaks(floor, 10, "a") == []
        assert speaks(floor, KEEPS_FOR - 5, "c") == []


def test_who_leaves_gives_it_back_and_may_take_it_again() -> None:
    floor = Floor[str]()
    speaks(floor, 50, "a")
    floor.leave("a")
    assert speaks(floor, TAKES_AFTER, "b") == ["b"]
    floor.leave("c")


def test_the_event_names_the_new_speaker_and_stands_without_data() -> None:
    line = ConferenceLine()
    calls = line.meeting(2, client_state="b24=")
    for call in calls:
        line.says(call, 3000, ms=600)
        line.tick(60)
    changed = [each for each in line.deliveries if each.event_type == "conference.floor.changed"]
    assert [each.event.keys() for each in changed] == [
        {"record_type", "event_type", "id", "payload"}
    ] * 2
    payloads = [event["payload"] for event in line.events if "floor" in event["event_type"]]
    assert [payload["call_control_id"] for payload in payloads] == calls
    assert {payload["client_state"] for payload in payloads} == {"b24="}
    assert all(payload["occurred_at"] for payload in payloads)


def test_a_switch_puts_data_around_it() -> None:
    line = ConferenceLine(CarrierConfig(webhook_url="http://a/", floor_changed_flat=False))
    [call] = line.meeting(1)
    line.says(call, 3000, ms=600)
    line.tick(40)
    assert line.deliveries[-1].event.keys() == {"data"}


def test_who_is_muted_or_on_hold_takes_no_floor() -> None:
    line = ConferenceLine()
    calls = line.meeting(2)
    line.does("mute", call_control_ids=[calls[0]])
    line.does("hold", call_control_ids=[calls[1]])
    for call in calls:
        line.says(call, 3000, ms=600)
    line.tick(60)
    assert "conference.floor.changed" not in line.event_types()
