"""The jitter buffer of a microphone, tick by tick: what comes by one clock is said by another."""

import numpy as np

from callbridge.carrier.people.browser import (
    FIRST_TARGET,
    MAX_ACTS,
    MAX_FRAMES,
    MAX_TARGET,
    BrowserPerson,
    PhoneBuffer,
)
from callbridge.carrier.people.person import Pressed, Situation
from telecodecs import Pcm
from tests.callbridge.carrier.line import tone

STEP = 160
NOW = Situation(answered=True, streaming=False, heard=None)


def frames(count: int, hz: float = 430.0) -> list[Pcm]:
    """Of one tone that goes on. No whole periods in 20 ms: a frame that is left out is a click."""
    whole = tone(20 * count, hz=hz)
    return [whole[at : at + STEP] for at in range(0, len(whole), STEP)]


def spoken(buffer: PhoneBuffer, arrivals: list[int]) -> list[Pcm | None]:
    """What is said in each tick, after so many frames have come in it."""
    coming = iter(frames(sum(arrivals)))
    said: list[Pcm | None] = []
    for count in arrivals:
        for _ in range(count):
            buffer.put(next(coming))
        said.append(buffer.take())
    return said


def steepest(said: list[Pcm | None]) -> int:
    """The largest step between two samples: a click is one."""
    silence = np.zeros(STEP, np.int16)
    whole = np.concatenate([silence if piece is None else piece for piece in said])
    return int(np.max(np.abs(np.diff(whole.astype(np.int32)))))


STEEPEST_OF_THE_TONE = steepest([*frames(2)[:1]]) + 200


def test_nothing_is_said_before_enough_is_there() -> None:
    said = spoken(PhoneBuffer(8000), [1] * 6)
    assert [piece is None for piece in said] == [True, False, False, False, False, False]


def test_what_comes_evenly_is_said_as_it_came() -> None:
    buffer = PhoneBuffer(8000)
    said = spoken(buffer, [1] * 300)
    assert (buffer.missed, buffer.blended, buffer.dropped) == (0, 0, 0)
    came = frames(300)
    assert all(
        piece is not None and np.array_equal(piece, came[at])
        for at, piece in enumerate(said[2:], 1)
    )


def test_a_stalled_socket_is_silence_and_never_growth() -> None:
    buffer = PhoneBuffer(8000)
    said = spoken(buffer, [1] * 50 + [0] * 500)
    assert all(piece is None for piece in said[60:])
    assert buffer.missed == 1
    for frame in frames(500):
        buffer.put(frame)
    assert buffer.depth == MAX_FRAMES


def test_silence_begins_and_ends_without_a_click() -> None:
    said = spoken(PhoneBuffer(8000), [1] * 20 + [0] * 20 + [1] * 20)
    assert steepest(said) <= STEEPEST_OF_THE_TONE


def test_whoever_stalls_often_gets_a_longer_buffer_and_whoever_is_calm_a_shorter_one() -> None:
    buffer = PhoneBuffer(8000)
    spoken(buffer, ([1] * 20 + [0] * 10) * 8)
    assert buffer.target == MAX_TARGET
    spoken(buffer, [1] * 6000)
    assert buffer.target == FIRST_TARGET


def test_a_fast_clock_is_followed_without_a_click_and_without_delay() -> None:
    """1 %, far more than any crystal: a frame too much every two seconds, for ten minutes."""
    buffer = PhoneBuffer(8000)
    arrivals = ([1] * 99 + [2]) * 300
    said = spoken(buffer, arrivals)
    assert buffer.depth <= FIRST_TARGET + 2
    assert buffer.dropped == 0
    assert 250 < buffer.blended <= 300
    assert steepest(said) <= STEEPEST_OF_THE_TONE


def test_a_slow_clock_costs_a_pause_now_and_then() -> None:
    buffer = PhoneBuffer(8000)
    said = spoken(buffer, ([1] * 99 + [0]) * 300)
    assert buffer.depth <= MAX_TARGET
    assert sum(piece is None for piece in said) < 0.02 * len(said)


def test_a_burst_behind_a_stall_is_worked_off_within_seconds() -> None:
    buffer = PhoneBuffer(8000)
    spoken(buffer, [1] * 100 + [0] + [10] + [1] * 200)
    assert buffer.depth <= buffer.target + 2


def test_nobody_clicks_without_end() -> None:
    person = BrowserPerson(8000)
    for _ in range(10 * MAX_ACTS):
        person.does(Pressed("1"))
    assert len(person.listen(NOW)) == MAX_ACTS
    assert person.listen(NOW) == []
