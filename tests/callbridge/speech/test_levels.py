"""Loudness and hums of real and of synthetic sounds, as a telephone line brings them."""

import numpy as np
import pytest

from callbridge.speech import espeak
from callbridge.speech.levels import LevelSettings, SpeechLevels, Stretch
from tests.callbridge.speech.acoustics import (
    RATE,
    Wave,
    at_level,
    hum,
    noise,
    over_the_wire,
    phrases,
)

WINDOW = 256
SETTINGS = LevelSettings()


def measured(wave: Wave, floor_dbfs: float = -65.0) -> Stretch:
    """A sound on a line, after a second of the line alone."""
    levels, stretch = SpeechLevels(RATE), Stretch(RATE)
    lead = np.zeros(RATE)
    line = np.concatenate((lead, wave))
    pcm = over_the_wire(line + noise(len(line) / RATE, floor_dbfs, pink=True)[: len(line)])
    for start in range(0, len(pcm) - WINDOW + 1, WINDOW):
        silent = start + WINDOW <= len(lead)
        sound = levels.measure(pcm[start : start + WINDOW], SETTINGS, silent=silent)
        if not silent:
            stretch.add(sound)
    return stretch


@pytest.mark.parametrize("dbfs", [-15.0, -25.0, -35.0, -45.0])
def test_the_level_of_a_person_is_measured_within_two_decibels(dbfs: float) -> None:
    for phrase in phrases()[:6]:
        assert measured(at_level(phrase, dbfs)).level == pytest.approx(dbfs, abs=2.0)


def test_the_noise_of_the_line_does_not_count() -> None:
    phrase = phrases()[0]
    quiet = measured(at_level(phrase, -32.0)).level
    noisy = measured(at_level(phrase, -32.0), floor_dbfs=-38.0).level
    assert noisy == pytest.approx(quiet, abs=1.5)


@pytest.mark.parametrize("floor_dbfs", [-65.0, -40.0])
@pytest.mark.parametrize("seconds", [0.25, 0.35, 0.45, 0.55])
def test_a_hum_is_said_with_closed_lips(seconds: float, floor_dbfs: float) -> None:
    stretch = measured(hum(seconds), floor_dbfs)
    assert stretch.articulated < 0.1 * RATE


@pytest.mark.parametrize(
    "word", ["stop", "wait", "no", "yes", "hello", "one", "home", "moment", "whoa", "man", "you"]
)
def test_a_word_is_not(word: str) -> None:
    pytest.importorskip("espeakng_loader")
    stretch = measured(at_level(espeak.speak(word, RATE).astype(np.float64), -20.0))
    assert stretch.articulated > 0.1 * RATE
    assert stretch.articulated > 0.35 * stretch.samples


def test_a_person_reads_with_open_lips() -> None:
    for phrase in phrases():
        stretch = measured(phrase)
        assert stretch.articulated > 0.3 * stretch.samples  # pauses among them


def test_only_what_was_said_of_late_counts() -> None:
    phrase = phrases()[0]
    both = np.concatenate((at_level(np.tile(phrase, 5), -40.0)[: 6 * RATE], at_level(phrase, -20)))
    assert measured(both).level > -26
