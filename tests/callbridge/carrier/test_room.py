"""Who hears whom in a room: the sum of the others, at the listener's own sample rate."""

import numpy as np
import pytest

from callbridge.carrier.core.leg import CarrierLeg, Identity
from callbridge.carrier.core.room import Room
from callbridge.carrier.core.routing import Routing
from telecodecs import Pcm, codec


def leg(name: str, *, rate: int = 8000) -> CarrierLeg:
    encoding = codec("L16" if rate == 16000 else "PCMU", rate).encoding
    identity = Identity(name, name, name, "1", "incoming", "+1", "+2", "")
    return CarrierLeg(identity, encoding, Routing(), 0.0, record=False)


def level(value: int, *, rate: int = 8000) -> Pcm:
    """20 ms of one value, by which a listener knows the speaker."""
    return np.full(rate // 50, value, np.int16)


def say(*legs: tuple[CarrierLeg, Pcm | None]) -> None:
    for each, pcm in legs:
        each.said = pcm


def heard(room: Room, *legs: CarrierLeg) -> list[int | None]:
    """The one value that each leg hears, None for silence."""
    room.mix()
    return [value_of(room.heard_by(each)) for each in legs]


def value_of(pcm: Pcm | None) -> int | None:
    if pcm is None:
        return None
    [value] = set(pcm.tolist())
    return int(value)


A, B, C, D = (leg(name) for name in "ABCD")


def test_two_legs_hear_each_other_and_not_themselves() -> None:
    say((A, level(1)), (B, level(20)))
    assert heard(Room(A, B), A, B) == [20, 1]


def test_silence_costs_nothing_and_is_none() -> None:
    say((A, None), (B, level(20)))
    assert heard(Room(A, B), A, B) == [20, None]


def test_each_of_four_hears_the_sum_of_the_other_three() -> None:
    say((A, level(1)), (B, level(20)), (C, level(300)), (D, level(4000)))
    assert heard(Room(A, B, C, D), A, B, C, D) == [4320, 4301, 4021, 321]


def test_a_listener_who_is_silent_hears_all_three_speakers() -> None:
    say((A, level(1)), (B, level(20)), (C, level(300)), (D, None))
    assert heard(Room(A, B, C, D), D, A) == [321, 320]


def test_a_loud_room_is_limited_and_not_wrapped_around() -> None:
    say((A, level(30000)), (B, level(30000)), (C, level(-5)), (D, None))
    assert heard(Room(A, B, C, D), C, D, A) == [32767, 32767, 29995]


@pytest.mark.parametrize("speakers", [(A, B), (A, B, C, D)])
def test_a_supervisor_whispers_to_the_agent_alone(speakers: tuple[CarrierLeg, ...]) -> None:
    """B is the caller, A the supervisor, C the agent."""
    say((A, None), (B, None), (C, None), (D, None))
    say(*((each, level(10**number)) for number, each in enumerate(speakers)))
    room = Room(A, B, C, D)
    room.heard_only_by(A, {each for each in (A, C, D) if each is not A})
    everyone = sum(10**number for number in range(len(speakers)))
    own = {each: 10**number for number, each in enumerate(speakers)}
    assert heard(room, B, C) == [(everyone - own[A] - own[B]) or None, everyone - own.get(C, 0)]
    room.heard_only_by(A, None)
    assert heard(room, B) == [everyone - own[B]]


def test_who_leaves_is_heard_no_more_and_who_joins_is() -> None:
    say((A, level(1)), (B, level(20)), (C, level(300)), (D, level(4000)))
    room = Room(A, B, C)
    room.leave(B)
    room.join(D)
    assert heard(room, A, C, D) == [4300, 4001, 301]
    assert B not in room


def test_a_narrow_and_a_wide_leg_hear_each_other_at_their_own_rates() -> None:
    wide = leg("W", rate=16000)
    room = Room(A, wide)
    for _ in range(3):  # the filters' delay
        say((A, level(1000)), (wide, level(2000, rate=16000)))
        room.mix()
    narrow_hears, wide_hears = room.heard_by(A), room.heard_by(wide)
    assert narrow_hears is not None
    assert wide_hears is not None
    assert (len(narrow_hears), len(wide_hears)) == (160, 320)
    assert abs(int(narrow_hears.mean()) - 2000) < 20
    assert abs(int(wide_hears.mean()) - 1000) < 20
