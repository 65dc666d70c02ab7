"""Rule 7: frames in order at once, gaps held for 60 ms at most, any numbering survived."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.media.jitter import HOLD_S, NEVER, JitterBuffer, TrackOrder
from callbridge.media.wire import UNNUMBERED, MediaBody


def frame(chunk: int, track: str = "inbound") -> MediaBody:
    return MediaBody(b"", track, chunk)


def push(buffer: JitterBuffer, *chunks: int, now: float = 0.0) -> list[int]:
    """The numbers that come out as these go in."""
    return [out.chunk for chunk in chunks for out in buffer.push(frame(chunk), now)]


def tick(buffer: JitterBuffer, now: float) -> list[int]:
    return [out.chunk for out in buffer.tick(now)]


@pytest.mark.parametrize("first", [0, 1, 2, 4711, 2**40])
def test_any_first_number_is_the_first(first: int) -> None:
    assert push(JitterBuffer(), first, first + 1) == [first, first + 1]


def test_frames_in_order_pass_at_once() -> None:
    buffer = JitterBuffer()
    for chunk in range(1, 500):
        assert push(buffer, chunk) == [chunk]
        assert buffer.deadline() == NEVER
    assert (buffer.stats.received, buffer.stats.lost, buffer.stats.late) == (499, 0, 0)


def test_frames_without_numbers_pass_at_once() -> None:
    assert push(JitterBuffer(), *[UNNUMBERED] * 5) == [UNNUMBERED] * 5


def test_swapped_frames_are_put_in_order() -> None:
    buffer = JitterBuffer()
    assert push(buffer, 1, 3, 4) == [1]
    assert push(buffer, 2, now=0.059) == [2, 3, 4]
    assert (buffer.stats.lost, buffer.stats.late) == (0, 0)


def test_a_gap_is_given_up_after_60_ms() -> None:
    buffer = JitterBuffer()
    push(buffer, 1)
    push(buffer, 4, now=1.0)
    assert buffer.deadline() == pytest.approx(1.060)
    assert tick(buffer, 1.059) == []
    assert tick(buffer, 1.060) == [4]
    assert buffer.stats.lost == 2
    assert buffer.deadline() == NEVER


def test_a_second_gap_does_not_begin_to_wait_when_the_first_is_over() -> None:
    buffer = JitterBuffer()
    push(buffer, 1, 3, now=0.0)
    push(buffer, 5, now=0.020)
    assert tick(buffer, 0.060) == [3]
    assert tick(buffer, 0.080) == [5]


def test_what_is_behind_two_gaps_waits_no_longer_for_having_come_first() -> None:
    buffer = JitterBuffer()
    push(buffer, 1, 5, now=0.0)
    push(buffer, 3, now=0.020)
    assert tick(buffer, 0.060) == [3, 5]


def test_late_and_doubled_frames_are_dropped_and_counted() -> None:
    buffer = JitterBuffer()
    push(buffer, 1, 3)
    assert push(buffer, 3) == []  # twice, while held
    assert tick(buffer, 0.060) == [3]
    assert push(buffer, 2, 3, 1) == []
    assert buffer.stats.late == 4
    assert push(buffer, 4) == [4]


def test_three_frames_far_behind_are_a_restart() -> None:
    buffer = JitterBuffer()
    push(buffer, 1000)
    assert push(buffer, 1, 2) == []
    assert push(buffer, 3, 4) == [3, 4]
    assert buffer.stats.restarts == 1


def test_a_restart_lets_out_what_was_held() -> None:
    buffer = JitterBuffer()
    push(buffer, 1000, 1002)
    assert push(buffer, 1, 2, 3) == [1002, 3]
    assert buffer.deadline() == NEVER


def test_frames_slightly_behind_are_duplicates_however_many() -> None:
    buffer = JitterBuffer()
    push(buffer, *range(1, 41))
    assert push(buffer, *range(1, 41)) == []
    assert (buffer.stats.restarts, buffer.stats.late) == (0, 40)


def test_two_frames_far_behind_are_stragglers() -> None:
    buffer = JitterBuffer()
    assert push(buffer, 1000, 1, 2, 1001, 3, 4, 1002) == [1000, 1001, 1002]
    assert buffer.stats.restarts == 0


def test_a_gap_does_not_hold_without_bound() -> None:
    buffer = JitterBuffer()
    out = push(buffer, 1, *range(3, 1000))
    assert out == [1, *range(3, 1000)]
    assert buffer.stats.lost == 1


arrivals = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 30)), max_size=120)


@given(arrivals)
def test_whatever_the_order_frames_leave_in_order_once_and_in_time(
    arrivals: list[tuple[int, int]],
) -> None:
    buffer, now = JitterBuffer(), 0.0
    arrived: dict[int, float] = {}
    out: list[int] = []

    def left(frames: list[MediaBody]) -> None:
        for due in frames:
            assert now - arrived[due.chunk] <= HOLD_S + 1e-9
            out.append(due.chunk)

    for chunk, gap_ms in arrivals:
        end = now + gap_ms / 1000
        while buffer.deadline() <= end:
            now = buffer.deadline()
            left(buffer.tick(now))
        now = end
        arrived.setdefault(chunk, now)
        left(buffer.push(frame(chunk), now))
    now = min(buffer.deadline(), now + HOLD_S)
    while buffer.deadline() < NEVER:
        now = buffer.deadline()
        left(buffer.tick(now))
    assert out == sorted(set(out))
    assert len(out) + buffer.stats.late == buffer.stats.received == len(arrivals)


@given(st.permutations(range(10, 20)), st.integers(0, 5))
def test_what_comes_within_the_hold_is_complete(order: list[int], gap_ms: int) -> None:
    """All of it within 60 ms: nothing behind the first is lost."""
    buffer, now = JitterBuffer(), 0.0
    out = push(buffer, 9)
    for chunk in order:
        now += gap_ms / 1000
        out += push(buffer, chunk, now=now)
    assert out == list(range(9, 20))
    assert buffer.stats.lost == 0


# ---- both tracks --------------------------------------------------------------------------------


def through(order: TrackOrder, *frames: tuple[str, int]) -> list[int]:
    """The numbers of the inbound track that come out at once."""
    return [
        out.chunk
        for track, chunk in frames
        for out in order.push(frame(chunk, track), 0.0)
        if out.track == "inbound"
    ]


def alternating(inbound: range, outbound: range) -> list[tuple[str, int]]:
    return [
        pair
        for a, b in zip(inbound, outbound, strict=True)
        for pair in (("inbound", a), ("outbound", b))
    ]


def test_tracks_counted_each_for_itself() -> None:
    order = TrackOrder()
    frames = alternating(range(1, 51), range(1, 51))
    assert through(order, *frames) == list(range(1, 51))
    assert order.deadline == NEVER


def test_tracks_counted_together_are_found_out_and_then_pass_at_once() -> None:
    order = TrackOrder()
    frames = alternating(range(1, 101, 2), range(2, 102, 2))
    out = through(order, *frames)
    assert out == list(range(1, 101, 2))  # nothing is lost, and what was held came with the next
    assert order.deadline == NEVER
    assert through(order, ("inbound", 101)) == [101]


def test_a_loss_while_counted_together_is_no_lasting_delay() -> None:
    order = TrackOrder()
    through(order, *alternating(range(1, 41, 2), range(2, 42, 2)))
    lossy = alternating(range(47, 87, 2), range(48, 88, 2))
    out = through(order, *lossy)
    out += [body.chunk for body in order.tick(0.060) if body.track == "inbound"]
    assert out == list(range(47, 87, 2))


def test_one_track_alone_is_never_counted_together() -> None:
    order = TrackOrder()
    assert through(order, ("inbound", 1), ("inbound", 3)) == [1]
    assert order.deadline == pytest.approx(0.060)


def test_a_stream_that_never_had_media_has_nothing_to_give_up() -> None:
    assert TrackOrder().tick(NEVER) == []
