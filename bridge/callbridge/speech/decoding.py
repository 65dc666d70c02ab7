"""From what was heard to a text: the likeliest next token, again and again.

A draft, the text so far of a turn that goes on, is looked at as a whole: where the network would
have said the same, its tokens cost a sixth of what they cost one by one. The result is that of no
draft at all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from callbridge.speech.moonshine_network import BEGIN, END, NOTHING, Decoder, EncodedSound

NEAR = 2  # tokens of a draft that another token may stand for


def likeliest(
    decoder: Decoder, heard: EncodedSound, *, limit: int, draft: Sequence[int] = ()
) -> list[int]:
    """At most `limit` tokens, each the likeliest one after those before it."""
    past, last, found = NOTHING, BEGIN, list[int]()
    rest, tried, strays = list(draft), list(draft)[:limit], 0
    while len(found) < limit:
        scores, past = decoder.read(heard, past, [last, *tried])
        best: list[int] = scores.argmax(axis=1).tolist()
        right = next((n for n, token in enumerate(tried) if token != best[n]), len(tried))
        past = past.until(len(past) - len(tried) + right)
        found += tried[:right]
        last = best[right]
        if last == END or len(found) == limit:
            break
        found.append(last)
        rest = rest[right:] if tried else rest
        near = rest[: NEAR + strays]
        if last in near:
            rest, strays = rest[near.index(last) + 1 :], 0
            tried = rest[: limit - len(found)]
        else:
            tried, strays = [], strays + 1
    return found


@dataclass
class WordPlace:
    """Within a word: the tokens that go on from here, each with where it leads."""

    follows: "dict[int, WordPlace]" = field(default_factory=dict[int, "WordPlace"])
    is_word: bool = False  # so far


class WordTable:
    """Texts that are made of given words alone, with signs behind some."""

    def __init__(self, words: Iterable[Sequence[int]], signs: Iterable[int]) -> None:
        self.begin = WordPlace()
        for word in words:
            place = self.begin
            for token in word:
                place = place.follows.setdefault(token, WordPlace())
            place.is_word = True
        end = {END: WordPlace()}
        signed = WordPlace(self.begin.follows | end)
        self._behind = self.begin.follows | end | dict.fromkeys(signs, signed)

    def after(self, place: WordPlace) -> dict[int, WordPlace]:
        """What may follow, and where it leads; a word that goes on comes before a new one."""
        return self._behind | place.follows if place.is_word else place.follows


def likeliest_of(
    decoder: Decoder, heard: EncodedSound, words: WordTable, *, limit: int
) -> list[int]:
    """At most `limit` tokens that make nothing but these words, each the likeliest allowed one."""
    past, last, found, place = NOTHING, BEGIN, list[int](), words.begin
    while len(found) < limit:
        scores, past = decoder.read(heard, past, [last])
        after = words.after(place)
        allowed = list(after)
        last = allowed[int(scores[0, allowed].argmax())]
        if last == END:
            break
        found.append(last)
        place = after[last]
    return found


def scored(decoder: Decoder, heard: EncodedSound, texts: Sequence[Sequence[int]]) -> list[float]:
    """The logarithm of the probability of each text, with its end: by one look at all of them.

    Beginnings that texts share are looked at once: a token sees those on its own way alone."""
    tokens, positions, ways = [BEGIN], [0], [[0]]
    known: dict[tuple[int, int], int] = {}
    ends: list[int] = []
    for text in texts:
        at = 0
        for token in text:
            if (at, token) not in known:
                known[at, token] = len(tokens)
                positions.append(positions[at] + 1)
                ways.append([*ways[at], len(tokens)])
                tokens.append(token)
            at = known[at, token]
        ends.append(at)
    visible = np.zeros((len(tokens), len(tokens)), np.bool_)
    for at, way in enumerate(ways):
        visible[at, way] = True
    scores, _ = decoder.read(heard, NOTHING, tokens, positions=positions, visible=visible)
    highest = scores.max(axis=1, keepdims=True)
    scores = scores - highest - np.log(np.exp(scores - highest).sum(axis=1, keepdims=True))
    return [
        float(scores[ways[end], [*text, END]].sum()) for text, end in zip(texts, ends, strict=True)
    ]
