from pathlib import Path

import pytest

from callbridge.demo.record import read
from callbridge.errors import CallbridgeError

from .records import CALL, CLEARED, ENDED, Entry, tone, track, webhook, write


def test_sounds_are_told_from_silence_and_short_pauses_do_not_divide_them(tmp_path: Path) -> None:
    bot = track(0.1, tone(1.0), 0.3, tone(0.5), 1.0, tone(0.2), 0.9)
    record = read(*write(tmp_path, CALL + ENDED, track(4.0), bot))
    assert record.sounds(record.caller) == []
    times = [(sound.start_s, sound.end_s) for sound in record.sounds(record.bot)]
    # The audio begins half a second in.
    assert times == [pytest.approx((0.6, 2.4)), pytest.approx((3.4, 3.6))]


def test_an_interruption_lasts_from_the_key_to_the_end_of_sound(tmp_path: Path) -> None:
    heard = 2.055 - 0.001  # of 440 Hz: the last loud sample lies within a period of the end
    bot = track(tone(2.055), 0.945, tone(1.0))  # what is said afterwards does not count
    record = read(*write(tmp_path, CALL + CLEARED + ENDED, track(4.0), bot))
    [found] = record.interruptions()
    assert (found.key_s, found.clear_s) == (2.5, 2.51)
    assert found.silent_s == pytest.approx(0.5 + heard, abs=0.0015)


def test_the_silence_after_a_key_is_not_measured_across_the_bots_next_sentence(
    tmp_path: Path,
) -> None:
    bot = track(tone(2.06), 0.01, tone(1.375), 0.555)  # from the sample of the clear on: the next
    record = read(*write(tmp_path, CALL + CLEARED + ENDED, track(4.0), bot))
    [found] = record.interruptions()
    assert found.silent_s == pytest.approx(0.5 + 2.06, abs=0.0015)


def test_a_key_between_two_words_met_silence(tmp_path: Path) -> None:
    bot = track(tone(1.9), 0.3, tone(1.0), 0.8)
    record = read(*write(tmp_path, CALL + CLEARED + ENDED, track(4.0), bot))
    [found] = record.interruptions()
    assert (found.key_s, found.silent_s) == (2.5, 2.5)


def test_a_key_is_the_cause_of_one_clear_and_not_of_the_next(tmp_path: Path) -> None:
    bot = track(tone(2.04), 0.06, tone(0.2), 1.7)
    another: list[Entry] = [(2.75, "clear", {"marks": [], "sample": 18240})]
    record = read(*write(tmp_path, CALL + CLEARED + another + ENDED, track(4.0), bot))
    first, second = record.interruptions()
    assert first.key_s == 2.5
    assert first.silent_s == pytest.approx(2.54, abs=0.0015)
    assert (second.key_s, second.begin_s, second.clear_s) == (None, 2.75, 2.75)


def test_sound_is_as_late_as_the_first_tick_after_the_answer(tmp_path: Path) -> None:
    bot = track(tone(1.0), 3.0)
    record = read(*write(tmp_path, CALL + ENDED, track(4.0), bot, audio_from_s=0.513))
    [sound] = record.sounds(record.bot)
    assert (sound.start_s, sound.end_s) == pytest.approx((0.513, 1.513))


def test_a_clear_without_a_key_and_without_sound_ends_where_it_began(tmp_path: Path) -> None:
    tape = [entry for entry in CALL if entry[1] != "dtmf"] + CLEARED + ENDED
    record = read(*write(tmp_path, tape, track(4.0), track(4.0)))
    [found] = record.interruptions()
    assert (found.key_s, found.begin_s, found.clear_s) == (None, 2.51, 2.51)
    assert found.silent_s == pytest.approx(2.51)


def test_an_interruption_by_speech_ends_with_the_last_sound_before_the_clear(
    tmp_path: Path,
) -> None:
    """As the bridge sends nothing more as soon as somebody speaks, and clears later."""
    bot = track(tone(1.9), 2.1)
    tape: list[Entry] = [(2.9, "clear", {"marks": [], "sample": 19200})]
    log = [{"at_s": 2.9, "kind": "interrupted", "detail": {"at_s": 2.89, "speech_at_s": 2.2}}]
    record = read(*write(tmp_path, tape + ENDED, track(4.0), bot, log=log))
    [found] = record.interruptions()
    assert (found.key_s, found.speech_s, found.begin_s, found.clear_s) == (None, 2.2, 2.2, 2.9)
    assert found.silent_s == pytest.approx(0.5 + 1.9, abs=0.002)
    between_words = read(*write(tmp_path, tape + ENDED, track(4.0), track(tone(1.6), 2.4), log=log))
    assert between_words.interruptions()[0].silent_s == pytest.approx(2.2)


def test_a_key_long_before_a_clear_is_not_its_cause(tmp_path: Path) -> None:
    late: list[Entry] = [(3.2, "clear", {"sample": 21600})]
    record = read(*write(tmp_path, CALL + late + ENDED, track(4.0), track(4.0)))
    assert record.interruptions()[0].key_s is None


@pytest.mark.parametrize(
    ("direction", "source", "who"),
    [
        ("incoming", "caller", "the caller"),
        ("incoming", "callee", "the bot"),
        ("outgoing", "caller", "the bot"),
        ("outgoing", "callee", "the caller"),
        ("incoming", "unknown", "the network"),
        ("incoming", None, "the network"),
    ],
)
def test_who_hung_up(tmp_path: Path, direction: str, source: str | None, who: str) -> None:
    paths = write(
        tmp_path, ENDED, track(1.0), track(1.0), direction=direction, hangup_source=source
    )
    assert read(*paths).facts.hung_up_by == who


def test_a_conference_that_is_over_hangs_up_its_calls(tmp_path: Path) -> None:
    late = (4.6, "webhook delivery", {"event_type": "conference.ended", "delivered": True})
    with_it: list[Entry] = [webhook(4.5, "conference.ended"), *ENDED, late]
    paths = write(tmp_path, with_it, track(1.0), track(1.0), hangup_source="callee")
    assert read(*paths).facts.hung_up_by == "the conference"
    before_it = [webhook(3.0, "conference.ended"), *ENDED]
    paths = write(tmp_path, before_it, track(1.0), track(1.0), hangup_source="callee")
    assert read(*paths).facts.hung_up_by == "the bot"
    paths = write(tmp_path, with_it, track(1.0), track(1.0), hangup_source="caller")
    assert read(*paths).facts.hung_up_by == "the caller"


def test_a_call_ends_with_the_one_it_is_bridged_with(tmp_path: Path) -> None:
    joined: list[Entry] = [(2.0, "bridged", {"leg": "v3:y"}), *ENDED]
    paths = write(tmp_path, joined, track(1.0), track(1.0), hangup_source="callee")
    assert read(*paths).facts.hung_up_by == "the other call"
    parted: list[Entry] = [joined[0], (3.0, "unbridged", {"parked": True}), *ENDED]
    paths = write(tmp_path, parted, track(1.0), track(1.0), hangup_source="callee")
    assert read(*paths).facts.hung_up_by == "the bot"


def test_files_that_are_no_record_are_refused_in_a_sentence(tmp_path: Path) -> None:
    report, wav = write(tmp_path, CALL, track(1.0), track(1.0))
    for bad in (tmp_path / "missing", report):
        with pytest.raises(CallbridgeError, match="no record of a call"):
            read(report, bad)
    with pytest.raises(CallbridgeError, match="no record of a call"):
        read(wav, wav)
