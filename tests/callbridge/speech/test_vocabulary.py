"""Moonshine's tokens: a text and back, by the pieces that the tokeniser would choose."""

import pytest

from callbridge.speech.vocabulary import Vocabulary

PIECES = ["", "", "", "a", "b", "▁", "a", "b", "ab", "▁a", "▁ab", "▁" * 70]
# 210 octets: a length of seven bits and what is above them.
LONG = bytes([210 & 0x7F | 0x80, 210 >> 7]) + PIECES[11].encode()
FILE = b"".join(bytes([len(piece.encode())]) + piece.encode() for piece in PIECES[:11]) + LONG


def test_a_text_becomes_the_pieces_that_are_joined_first() -> None:
    words = Vocabulary(FILE)
    # "ab" comes before "▁a", so it is joined first.
    assert words.tokens("ab") == [10]
    assert words.tokens("aab") == [9, 8]
    assert words.tokens("ba") == [5, 7, 6]
    assert words.tokens("a b") == [9, 5, 7]


def test_tokens_become_their_text() -> None:
    words = Vocabulary(FILE)
    assert words.text([1, 9, 5, 7, 2]) == "a b"
    assert words.text([3, 4]) == "ab"
    assert len(words) == 12


def test_what_has_no_piece_is_left_out() -> None:
    assert Vocabulary(FILE).tokens("a日b") == [9, 7]
    assert Vocabulary(FILE).tokens("") == []


@pytest.mark.parametrize("cut", [len(FILE) - 1, len(FILE) - 210, len(FILE) - 211])
def test_half_a_file_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="ends too early"):
        Vocabulary(FILE[:cut])
