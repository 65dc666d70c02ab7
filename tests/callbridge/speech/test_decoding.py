"""Decoding with a network that is a table: drafts only save looks, and given texts are scored."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from callbridge.speech import decoding
from callbridge.speech.decoding import WordTable
from callbridge.speech.moonshine_network import BEGIN, END, Decoder, EncodedSound, TokensSoFar

TOKENS = 12
SAYS = [5, 6, 7, 5, 8, 9]
HEARD = EncodedSound([])


class Table:
    """Says SAYS: what comes next depends on how many tokens came before."""

    def __init__(self) -> None:
        self.looks: list[int] = []

    def read(
        self,
        heard: EncodedSound,
        past: TokensSoFar,
        tokens: list[int],
        *,
        positions: list[int] | None = None,
        visible: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.float32], TokensSoFar]:
        self.looks.append(len(tokens))
        before = len(past)
        scores = np.zeros((len(tokens), TOKENS), np.float32)
        for n in range(len(tokens)):
            at = before + n if positions is None else positions[n]
            scores[n, [*SAYS, END][at] if at <= len(SAYS) else 3] = 5.0
        keys = np.zeros((1, 1, before + len(tokens)), np.float32)
        return scores, TokensSoFar([(keys, keys)])


def likeliest(limit: int = 20, draft: Sequence[int] = ()) -> tuple[list[int], list[int]]:
    table = Table()
    found = decoding.likeliest(cast("Decoder", table), HEARD, limit=limit, draft=draft)
    return found, table.looks


def test_without_a_draft_each_token_is_a_look() -> None:
    assert likeliest() == (SAYS, [1] * 7)


def test_a_draft_that_is_right_is_one_look() -> None:
    assert likeliest(draft=SAYS) == (SAYS, [7])
    assert likeliest(draft=SAYS[:4]) == (SAYS, [5, 1, 1])


def test_after_a_wrong_token_the_rest_of_the_draft_still_counts() -> None:
    other, missing, more = [5, 3, 7, 5, 8, 9], [5, 7, 5, 8, 9], [5, 3, 6, 7, 5, 8, 9]
    assert likeliest(draft=other) == (SAYS, [7, 1, 4])
    assert likeliest(draft=missing) == (SAYS, [6, 1, 4])
    assert likeliest(draft=more) == (SAYS, [8, 5])


@pytest.mark.parametrize("draft", [[3] * 30, SAYS * 3, [9, 8, 5, 7, 6, 5], [END, BEGIN]])
def test_no_draft_changes_the_text(draft: list[int]) -> None:
    assert likeliest(draft=draft)[0] == SAYS


@pytest.mark.parametrize("limit", [1, 3, 6])
def test_the_limit_holds_with_and_without_a_draft(limit: int) -> None:
    assert likeliest(limit)[0] == SAYS[:limit]
    assert likeliest(limit, SAYS)[0] == SAYS[:limit]
    assert likeliest(limit, [3, *SAYS])[0] == SAYS[:limit]


# ---- what was asked for --------------------------------------------------------------------------

COMMA = 10


def worded(*words: list[int], limit: int = 20) -> list[int]:
    table = WordTable(words, [COMMA])
    return decoding.likeliest_of(cast("Decoder", Table()), HEARD, table, limit=limit)


def test_of_given_words_the_likeliest_are_taken_one_behind_the_other() -> None:
    assert worded([5, 6], [7], [5, 8, 9]) == SAYS
    assert worded([5, 6], [5, 8], [7], [9]) == SAYS
    assert worded([5, 6, 7, 5, 8, 9, 11], [5], limit=7) == [*SAYS, 11]  # no half words


def test_one_word_at_least_is_made_of_anything() -> None:
    assert worded([4, 4, 4], limit=3) == [4, 4, 4]


def test_signs_stand_behind_words_and_alone() -> None:
    table = WordTable([[5, 6], [5]], [COMMA])
    first = table.after(table.begin)
    assert set(first) == {5}
    assert set(table.after(first[5])) == {5, 6, COMMA, END}
    assert set(table.after(table.after(first[5])[6])) == {5, COMMA, END}
    assert set(table.after(table.after(first[5])[COMMA])) == {5, END}


def test_texts_that_begin_alike_are_scored_as_they_are_alone() -> None:
    decoder = cast("Decoder", Table())
    texts = [SAYS, SAYS[:3], [5, 6, 3], [], [4]]
    together = decoding.scored(decoder, HEARD, texts)
    alone = [decoding.scored(decoder, HEARD, [text])[0] for text in texts]
    assert together == pytest.approx(alone)
    assert together[0] == max(together)
    # Each wrong token, an end too early as well, is as much less likely.
    assert together[1] - together[2] == pytest.approx(5.0)
