"""What a recogniser is told of what was asked."""

from dataclasses import replace

from callbridge.speech.engines import Hints
from callbridge.speech.expecting import ANYTHING, choice, digits, expecting
from callbridge.speech.hints import hints_of
from callbridge.speech.language import DEFAULT, LANGUAGES


def test_a_choice_is_its_options() -> None:
    assert hints_of(choice("tea", "coffee"), DEFAULT) == Hints(choices=("tea", "coffee"))


def test_yes_or_no_is_the_words_of_the_language() -> None:
    asked = expecting("yes_no")
    assert {"yes", "no", "nope"} <= set(hints_of(asked, DEFAULT).choices)
    assert {"ja", "nein"} <= set(hints_of(asked, LANGUAGES["de"]).choices)


def test_digits_are_single_ones_and_what_doubles_them() -> None:
    words = hints_of(digits(8), DEFAULT).words
    assert {"zero", "oh", "nine", "double", "triple"} <= set(words)
    assert not {"ten", "twenty", "hundred", "and", ""} & set(words)
    assert {"null", "zwei", "zwo"} <= set(hints_of(digits(8), LANGUAGES["de"]).words)


def test_anything_and_what_was_only_guessed_is_no_hint() -> None:
    assert hints_of(ANYTHING, DEFAULT) == Hints()
    assert hints_of(replace(expecting("yes_no"), guessed=True), DEFAULT) == Hints()
    assert hints_of(expecting("name"), DEFAULT) == Hints()
