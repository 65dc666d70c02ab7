"""Words that are no turn, and words after which one is not over."""

import re

import pytest

from callbridge.speech.words import count_without_back_channels, hesitates

BACK_CHANNELS = """
mm-hm; mhm; Mmhmm; Uh-huh, uh huh.; hmm; um; Ah!; Aha; oh; erm; Yeah.; Okay, okay.; right; I see.
Got it; All right!; That’s right; of course; ...
"""
HESITATIONS = """
It is 5; 555-0199.; flight B12; four five; seventy; nineteen; a hundred; I want, um...; uh
It's, like,; tea and; but; I'd go because
"""


def texts(block: str) -> list[str]:
    return [text.strip() for text in re.split("[;\n]", block) if text]


@pytest.mark.parametrize("text", texts(BACK_CHANNELS))
def test_back_channels_ask_for_nothing(text: str) -> None:
    assert count_without_back_channels(text) == 0


@pytest.mark.parametrize(
    "text", ["Stop!", "no", "yes", "uh-huh, right, stop", "right now", "hummus"]
)
def test_other_words_do(text: str) -> None:
    assert count_without_back_channels(text) == 1


@pytest.mark.parametrize(
    ("text", "count"),
    [("Wait, wait.", 2), ("I seek help", 3), ("don't", 1), ("okay but no", 2), ("", 0)],
)
def test_other_words_count(text: str, count: int) -> None:
    assert count_without_back_channels(text) == count


@pytest.mark.parametrize("text", texts(HESITATIONS))
def test_more_is_to_come_after_digits_fillers_and_conjunctions(text: str) -> None:
    assert hesitates(text)


@pytest.mark.parametrize("text", ["", "Done.", "the end", "someone", "5 apples", "sand", "often"])
def test_other_words_are_the_end(text: str) -> None:
    assert not hesitates(text)
