"""How much of a text was spoken, by what the platform says of it."""

import pytest

from callbridge.voice.spoken import spoken_part

TEXT = "Hello there, Mr. O'Brien. Your 3 tickets are booked; anything else?"


@pytest.mark.parametrize(
    ("utterance", "part"),
    [
        ("Hello there", "Hello there"),
        ("hello, there mr o’brien", "Hello there, Mr. O'Brien"),
        ("Hello there, Mr. O'Brien. Your 3 tick", "Hello there, Mr. O'Brien. Your 3 "),
        ("  HELLO  ", "Hello"),
        (TEXT, TEXT[:-1]),
        ("Your 3 tickets", "Hello there, Mr. O'Brien. Your 3 tickets"),
        ("", ""),
        ("...", ""),
    ],
)
def test_it_is_cut_at_the_last_whole_word(utterance: str, part: str) -> None:
    assert spoken_part(TEXT, utterance) == part


@pytest.mark.parametrize("utterance", ["Goodbye", "Hello Mr", "three tickets"])
def test_what_is_not_in_the_text_is_not_guessed(utterance: str) -> None:
    assert spoken_part(TEXT, utterance) is None


def test_the_beginning_goes_before_a_later_place() -> None:
    assert spoken_part("one two one two three", "one two") == "one two"
    assert spoken_part("zero one two one two three", "one two") == "zero one two one two"


@pytest.mark.parametrize(
    ("text", "utterance", "part"),
    [
        ("今日はいい天気ですね。", "今日はいい", "今日はいい"),
        ("नमस्ते, आप कैसे हैं?", "नमस्ते आप", "नमस्ते, आप"),
        ("Straße frei", "STRASSE", "Straße"),
        ("مرحبا بك", "مرحبا", "مرحبا"),
    ],
)
def test_every_script_has_words(text: str, utterance: str, part: str) -> None:
    assert spoken_part(text, utterance) == part
