"""Rules 1 to 4 of the design: pacing with a lead, chunk growth, one interrupt, endings."""

from collections.abc import Iterator

import numpy as np
import pytest

from callbridge.media.ledger import PendingMark
from callbridge.media.playout import NEVER, Playout, PlayoutSettings
from callbridge.media.utterance import Ending, Utterance
from telecodecs import Pcm

RATE = 8000


def tone(ms: int) -> Pcm:
    return np.full(ms * RATE // 1000, 1000, np.int16)


def said(playout: Playout, ms: int, now: float = 0.0) -> Utterance:
    """A closed utterance of so many milliseconds."""
    utterance = playout.open()
    playout.write(utterance, tone(ms), now)
    playout.close(utterance)
    return utterance


def sizes(items: list[Pcm | PendingMark]) -> list[int]:
    """Milliseconds of each piece of audio."""
    return [len(item) * 1000 // RATE for item in items if not isinstance(item, PendingMark)]


def marks(items: list[Pcm | PendingMark]) -> list[PendingMark]:
    return [item for item in items if isinstance(item, PendingMark)]


def run_until(playout: Playout, end: float, now: float = 0.0) -> Iterator[tuple[float, list[int]]]:
    """Serve every deadline up to `end`; yields when and what was sent."""
    while now <= end:
        items = playout.due(now)
        if items:
            yield now, sizes(items)
        playout.tick(now)
        deadline = playout.deadline()
        if deadline == NEVER:
            return
        now = max(deadline, now)


def test_first_chunk_is_one_ptime_and_later_ones_grow() -> None:
    playout = Playout(RATE)
    said(playout, 1000)
    assert sizes(playout.due(0.0)) == [20, 100]


def test_lead_is_never_exceeded() -> None:
    playout = Playout(RATE)
    said(playout, 10_000)
    sent_ms = 0
    for now, pieces in run_until(playout, 9.0):
        sent_ms += sum(pieces)
        assert sent_ms / 1000 - now <= 0.200 + 1e-6
    assert sent_ms >= 9100


def test_no_burst_exceeds_the_lead_after_a_stall() -> None:
    playout = Playout(RATE)
    said(playout, 10_000)
    playout.due(0.0)
    assert sum(sizes(playout.due(3.0))) == 200


def test_frames_written_in_real_time_leave_at_once() -> None:
    playout = Playout(RATE)
    utterance = playout.open()
    for frame in range(50):
        now = frame * 0.020
        playout.write(utterance, tone(20), now)
        assert sizes(playout.due(now)) == [20]


def test_an_underrun_is_counted_with_its_length() -> None:
    playout = Playout(RATE)
    utterance = playout.open()
    playout.write(utterance, tone(40), 0.0)
    playout.due(0.0)
    playout.write(utterance, tone(40), 0.540)
    playout.due(0.540)
    assert playout.stats.underruns == 1
    assert playout.stats.underrun_s == pytest.approx(0.5)


def test_silence_between_utterances_is_no_underrun() -> None:
    playout = Playout(RATE)
    said(playout, 40)
    playout.due(0.0)
    said(playout, 40, now=5.0)
    playout.due(5.0)
    assert playout.stats.underruns == 0


@pytest.mark.parametrize("piece_ms", [1, 5, 10, 15, 30])
def test_small_writes_in_real_time_are_never_padded(piece_ms: int) -> None:
    playout = Playout(RATE)
    utterance = playout.open()
    sent: list[int] = []
    for piece in range(600 // piece_ms):
        now = piece * piece_ms / 1000
        playout.write(utterance, tone(piece_ms), now)
        sent += sizes(playout.due(now))
    assert all(ms % 20 == 0 for ms in sent)
    assert sum(sent) == 600
    assert not utterance.padding


def test_a_lone_piece_is_padded_when_nothing_follows() -> None:
    playout = Playout(RATE)
    utterance = playout.open()
    playout.write(utterance, tone(5), 0.0)
    assert playout.due(0.0) == []
    assert playout.deadline() == pytest.approx(0.020)
    (audio, _) = playout.due(0.020)
    assert isinstance(audio, np.ndarray)
    assert len(audio) == 160
    assert not audio[40:].any()


def test_the_end_is_padded_to_a_ptime_but_not_counted_as_heard() -> None:
    playout = Playout(RATE)
    utterance = said(playout, 50)
    items = playout.due(0.0)
    assert sizes(items) == [20, 40]
    playout.mark_returned(marks(items)[-1].name, 0.060)
    assert utterance.ending is not None
    assert utterance.ending.heard == 50 * RATE // 1000


def test_marks_follow_the_first_chunk_each_second_and_the_end() -> None:
    playout = Playout(RATE)
    said(playout, 2500)
    positions: list[int] = []
    now = 0.0
    while now < 2.6:
        positions += [mark.position * 1000 // RATE for mark in marks(playout.due(now))]
        now += 0.005
    assert positions == [20, 1020, 2020, 2500]


def test_span_ends_are_marked_four_times_a_second_at_most() -> None:
    playout = Playout(RATE)
    utterance = playout.open()
    for word in range(20):
        playout.write(utterance, tone(100), 0.0, text=f"word{word} ")
    now, positions = 0.0, list[int]()
    while now < 2.2:
        positions += [mark.position * 1000 // RATE for mark in marks(playout.due(now))]
        now += 0.005
    gaps = np.diff(positions)
    assert gaps[1:].min() >= 250
    assert len(positions) >= 6


def test_the_end_mark_ends_the_utterance_measured() -> None:
    playout = Playout(RATE)
    utterance = said(playout, 60)
    end = marks(playout.due(0.0))[-1]
    playout.mark_returned(end.name, 0.065)
    assert list(playout.ended()) == [utterance]
    assert utterance.ending is not None
    assert (utterance.ending.reason, utterance.ending.certainty) == ("finished", "measured")
    assert not playout.ended()


def test_a_missing_mark_is_waited_for_two_seconds() -> None:
    playout = Playout(RATE)
    utterance = said(playout, 60)
    playout.due(0.0)
    playout.tick(2.059)
    assert utterance.ending is None
    assert playout.deadline() == pytest.approx(2.060)
    playout.tick(2.060)
    assert utterance.ending is not None
    assert (utterance.ending.reason, utterance.ending.certainty) == ("finished", "estimated")


@pytest.mark.parametrize("came_at", [0.05, 0.13], ids=["on receipt", "a little too early"])
def test_a_mark_that_came_too_early_is_not_waited_for_again(came_at: float) -> None:
    """A carrier that catches up plays faster than time; its mark comes once."""
    playout = Playout(RATE)
    utterance = said(playout, 200)
    end = marks(playout.due(0.0) + playout.due(0.02))[-1]
    playout.mark_returned(end.name, came_at)
    assert playout.ledger.early_marks == 1
    due = playout.deadline()
    assert due == pytest.approx(0.22)
    playout.tick(due - 0.001)
    assert utterance.ending is None
    playout.tick(due)
    assert utterance.ending == Ending("finished", 200 * RATE // 1000, "estimated")


def test_an_early_mark_is_none_of_what_is_said_after_an_interruption() -> None:
    playout = Playout(RATE)
    said(playout, 200)
    end = marks(playout.due(0.0) + playout.due(0.02))[-1]
    playout.mark_returned(end.name, 0.02)
    playout.interrupt(0.05)
    said(playout, 100, now=0.06)
    later = marks(playout.due(0.06) + playout.due(0.08))[-1]
    assert playout.deadline() == pytest.approx(later.estimate + playout.settings.patience)


def test_interrupt_drops_what_is_queued_and_says_what_was_heard() -> None:
    playout = Playout(RATE)
    utterance, behind = said(playout, 5000), said(playout, 1000)
    first = marks(playout.due(0.0))[0]
    playout.mark_returned(first.name, 0.030)  # 20 ms of sound had been played by then
    assert playout.interrupt(0.130)
    assert utterance.ending is not None
    assert utterance.ending.reason == "interrupted"
    assert utterance.ending.certainty == "measured"
    assert utterance.ending.heard == 120 * RATE // 1000
    assert behind.ending is not None
    assert behind.ending.heard == 0
    assert playout.due(1.0) == []
    assert not playout.speaking(1.0)


def test_an_idle_interrupt_needs_no_clear() -> None:
    playout = Playout(RATE)
    assert not playout.interrupt(0.0)
    end = marks((said(playout, 20), playout.due(0.0))[1])[-1]
    playout.mark_returned(end.name, 0.030)
    assert not playout.interrupt(1.0)


def test_nothing_of_an_interrupted_utterance_is_sent_later() -> None:
    playout = Playout(RATE)
    utterance = said(playout, 1000)
    playout.due(0.0)
    playout.interrupt(0.050)
    playout.write(utterance, tone(100), 0.060)
    assert playout.due(0.060) == []


def test_a_lost_stream_ends_what_had_begun_and_keeps_what_had_not() -> None:
    playout = Playout(RATE)
    begun, waiting = said(playout, 1000), said(playout, 100)
    playout.due(0.0)
    playout.stream_lost(0.100)
    assert begun.ending is not None
    assert begun.ending.reason == "stream_lost"
    assert begun.ending.heard <= 100 * RATE // 1000
    assert waiting.ending is None
    assert sizes(playout.due(5.0)) == [20, 80]


def test_an_empty_utterance_ends_at_once() -> None:
    playout = Playout(RATE)
    utterance = playout.open()
    playout.close(utterance)
    assert playout.due(0.0) == []
    assert utterance.ending is not None
    assert utterance.ending.heard == 0


def test_the_lead_is_a_setting() -> None:
    playout = Playout(RATE, PlayoutSettings(lead=0.060))
    said(playout, 1000)
    assert sum(sizes(playout.due(0.0))) <= 60


def test_heard_text_ends_at_a_word() -> None:
    playout = Playout(RATE)
    utterance = playout.open()
    for word in ("It ", "was ", "the ", "best "):
        playout.write(utterance, tone(100), 0.0, text=word)
    playout.due(0.0)
    playout.due(0.1)
    playout.interrupt(0.270)  # 20 ms of which the carrier's own tick may have taken
    assert utterance.heard_text() == "It was "


def test_withheld_speech_stays_until_it_is_resumed() -> None:
    playout = Playout(RATE)
    utterance = said(playout, 1000)
    assert sizes(playout.due(0.0)) == [20, 100]
    assert not playout.withhold(0.05)
    assert playout.due(0.5) == []
    assert playout.ledger.heard(0.5) == 120 * RATE // 1000
    playout.resume(0.6)
    assert sizes(playout.due(0.6)) == [100, 100]
    assert utterance.ending is None


def test_an_uninterruptible_utterance_is_not_withheld() -> None:
    playout = Playout(RATE)
    utterance = playout.open(interruptible=False)
    playout.write(utterance, tone(300), 0.0)
    playout.withhold(0.0)
    assert sum(sizes(playout.due(0.0))) > 0


def test_an_interrupt_ends_the_withholding() -> None:
    playout = Playout(RATE)
    said(playout, 1000)
    playout.due(0.0)
    playout.withhold(0.05)
    playout.interrupt(0.1)
    said(playout, 100, now=0.2)
    assert sizes(playout.due(0.2)) == [20, 80]


def test_an_utterance_knows_when_it_was_sent_and_first_heard() -> None:
    playout = Playout(RATE)
    utterance = said(playout, 500)
    first = marks(playout.due(1.0))[0]
    playout.mark_returned(first.name, 1.035)
    assert (utterance.sent_at, utterance.heard_at) == (1.0, 1.035)
