"""Numbers are taken out of a text, however they are spoken."""

import pytest

from callbridge.speech.numbers import without_numbers


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("It is 4111 1111, until 12/27.", "It is •••• ••••, until ••/••."),
        ("four one double one, oh seven", "• • • •, • •"),
        ("The PIN's forty-one eleven.", "The PIN's •-• •."),
        ("viertausendeinhundertelf, bitte", "•, bitte"),
        ("trente-deux", "•-•"),
        ("番号は四一一一です", "番号は••••です"),
        ("사일일일", "•"),
        ("أربعة وعشرون", "• •"),
        ("٤١١١", "••••"),
    ],
)
def test_digits_and_words_of_numbers_are_dots(text: str, shown: str) -> None:
    assert without_numbers(text) == shown


@pytest.mark.parametrize("text", ["My name is Ann.", "Someone phoned for the weekend.", "", "···"])
def test_everything_else_stays(text: str) -> None:
    assert without_numbers(text) == text
