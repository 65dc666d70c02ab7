"""How long a silence must be, and what tells an end from a pause."""

import math

import numpy as np
import pytest

from callbridge.speech.ending import Evidence, PatienceSettings, TurnContext, patience
from callbridge.speech.expecting import digits, expecting
from telecodecs import silence

SETTINGS = PatienceSettings()
NO_SOUND = silence(1600)  # in which nothing can be heard: the words decide


def finished(text: str, context: TurnContext | None = None) -> float:
    return Evidence().probability(NO_SOUND, text, context or TurnContext())


def waits(probability: float, *pauses: float) -> float:
    return patience(probability, pauses, SETTINGS)


# ---- patience ------------------------------------------------------------------------------------


def test_patience_is_such_that_as_many_are_cut_into_as_was_accepted() -> None:
    probability = 0.6
    beyond = waits(probability) - SETTINGS.soonest
    go_on_yet = (1 - probability) * math.exp(-beyond / SETTINGS.pause)
    assert go_on_yet / (go_on_yet + probability) == pytest.approx(SETTINGS.cut_in)


def test_the_surer_the_sooner_and_never_beyond_the_bounds() -> None:
    all_of_them = [waits(each) for each in np.linspace(0, 1, 101)]
    assert all_of_them == sorted(all_of_them, reverse=True)
    assert all_of_them[0] == SETTINGS.latest
    assert all_of_them[-1] == SETTINGS.soonest


def test_who_pauses_for_long_is_waited_for_longer_and_who_is_quick_shorter() -> None:
    assert waits(0.5, 0.9, 0.8) > waits(0.5, 0.9) > waits(0.5)
    assert waits(0.5, 0.22, 0.25) < waits(0.5)


def test_who_wants_no_cuts_waits_longer() -> None:
    careful = PatienceSettings(cut_in=SETTINGS.cut_in / 4)
    assert patience(0.6, (), careful) > waits(0.6)


# ---- evidence ------------------------------------------------------------------------------------


def test_words_after_which_more_must_come_make_an_end_unlikely() -> None:
    assert finished("Press the.") < 0.1
    assert finished("I'd like to.") < 0.1
    assert finished("It is 5") < finished("It is noon.")
    assert finished("After the tone.") < finished("The tone.")
    assert finished("Tuesday morning.") > 0.5
    assert finished("Tuesday morning,") < finished("Tuesday morning.")


def test_nothing_at_all_raises_nothing() -> None:
    for audio in (silence(0), silence(10), np.full(9000, 32767, np.int16)):
        assert 0 <= Evidence().probability(audio, "", TurnContext()) <= 1


def test_who_was_asked_for_eight_digits_and_has_said_five_is_not_done() -> None:
    asked = TurnContext(expected=digits(8))
    assert finished("four four one two five", asked) < 0.05
    assert finished("four four one two five six seven eight", asked) > 0.95


def test_who_was_asked_yes_or_no_and_says_yes_is_done() -> None:
    asked = TurnContext(expected=expecting("yes_no"))
    assert finished("Yes.", asked) > 0.95 > finished("Yes.")
    assert finished("Yes, but the", asked) < 0.1


def test_what_counts_is_a_setting() -> None:
    deaf = Evidence(prior=0.0, sound=0.0, words={})
    assert deaf.probability(NO_SOUND, "Press the.", TurnContext()) == 0.5
