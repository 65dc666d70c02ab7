"""A returned mark means: heard. Sample by sample, in virtual ticks."""

import numpy as np

from tests.callbridge.carrier.line import CLEAR, Line, mark, media, tone, ulaw


def test_a_mark_on_an_idle_stream_returns_at_once() -> None:
    line = Line()
    line.streaming()
    line.send(mark("idle"))
    assert line.marks() == ["idle"]


def test_a_mark_returns_when_all_audio_before_it_has_been_heard_and_not_when_received() -> None:
    line = Line()
    call = line.streaming()
    line.tick()
    line.send(media(ulaw(tone(60))))
    line.send(mark("end"))
    assert line.marks() == []
    line.tick(3)  # takes the three pieces; the last one is still playing
    assert line.marks() == []
    line.tick()
    assert line.marks() == ["end"]
    [returned] = line.report(call).marks
    assert returned.sample == 160 + 480  # one tick of silence, then 60 ms


def test_a_mark_in_the_middle_of_a_tick_has_its_exact_position() -> None:
    line = Line()
    call = line.streaming()
    line.send(media(ulaw(tone(50))))
    line.send(mark("odd"))
    line.tick(4)
    [returned] = line.report(call).marks
    assert returned.sample == 400
    assert not line.report(call).bot[400:].any()


def test_a_mark_set_while_the_last_audio_plays_waits_for_its_end() -> None:
    line = Line()
    line.streaming()
    line.send(media(ulaw(tone(20))))
    line.tick()
    line.send(mark("late"))
    assert line.marks() == []
    line.tick()
    assert line.marks() == ["late"]


def test_marks_between_chunks_return_in_order_each_at_its_own_sample() -> None:
    line = Line()
    call = line.streaming()
    for number in range(5):
        line.send(media(ulaw(tone(30))))
        line.send(mark(str(number)))
    line.tick(9)
    assert line.marks() == list("01234")
    assert [returned.sample for returned in line.report(call).marks] == [240, 480, 720, 960, 1200]


def test_one_chunk_may_hold_thirty_seconds() -> None:
    line = Line()
    call = line.streaming()
    line.send(media(ulaw(tone(30_000))))
    line.send(mark("end"))
    line.tick(1500)
    assert line.marks() == []
    line.tick()
    assert line.marks() == ["end"]
    heard = line.report(call).bot[: 30 * 8000]
    assert np.abs(heard.astype(int) - tone(30_000).astype(int)).max() < 300  # μ-law's own error


def test_clear_acts_at_once_and_returns_every_queued_mark_in_order() -> None:
    line = Line()
    call = line.streaming()
    for number in range(4):
        line.send(media(ulaw(tone(1000))))
        line.send(mark(str(number)))
    line.tick(60)
    assert line.marks() == ["0"]
    line.send(CLEAR)
    assert line.marks() == ["0", "1", "2", "3"]
    line.tick(20)
    report = line.report(call)
    assert report.clears == (60 * 160,)
    assert report.bot[: 60 * 160].any()
    assert not report.bot[60 * 160 :].any()
    assert [returned.cleared for returned in report.marks] == [False, True, True, True]


def test_after_a_clear_the_stream_is_idle_and_plays_again() -> None:
    line = Line()
    call = line.streaming()
    line.send(media(ulaw(tone(500))))
    line.tick(3)
    line.send(CLEAR)
    line.send(mark("idle"))
    assert line.marks() == ["idle"]
    line.send(media(ulaw(tone(40))))
    line.send(mark("again"))
    line.tick(3)
    assert line.marks() == ["idle", "again"]
    assert line.report(call).marks[-1].sample == (3 + 2) * 160


def test_clear_leaves_no_tail_of_a_resampled_stream() -> None:
    line = Line()
    params: dict[str, object] = {
        "stream_url": "ws://127.0.0.1:9/",
        "stream_bidirectional_mode": "rtp",
        "stream_bidirectional_codec": "L16",
        "stream_bidirectional_target_legs": "self",
    }
    call = line.streaming(params=params)
    line.send(media(tone(400, 16000).tobytes()))
    line.tick(5)
    line.send(CLEAR)
    line.tick(5)
    bot = line.report(call).bot
    assert bot[: 5 * 160].any()
    assert not bot[5 * 160 :].any()
