"""Which words sound in which samples of a voice that comes in pieces.

What was heard of a text is cut at the word, so each word has to end with the sample that ends it. A
voice that says when its words end is followed (`timed`). One that does not is estimated
(`untimed`), rather late than early: nobody is said to have heard what they have not."""

import re
from collections.abc import Iterator, Sequence

from callbridge.speech.engines import Word
from callbridge.speech.scripts import UNSPACED
from telecodecs import Pcm

LETTERS_PER_S = 13.0  # slower than most voices; until the voice itself has shown its pace
LETTERS_PER_SIGN = 3  # of a script without spaces, in which a sign is a syllable or more
TAIL_S = 0.020  # of sound, kept back: the last words of a text end with it

_SIGN = re.compile(f"[{UNSPACED}]")
_WORD = re.compile(rf"\s*(?:[{UNSPACED}]|[^\s{UNSPACED}]+)\s*")


def words_of(text: str) -> list[str]:
    """All of a text, in words with the space around them; in signs where there are no spaces."""
    return _WORD.findall(text) or ([text] if text else [])


class Captions:
    """The texts that a voice was given, tied to its sound as that comes."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._tail = round(TAIL_S * sample_rate)
        self._words: list[str] = []  # given, and not sounded to their end
        self._held: Word | None = None  # the last sound
        self._late = ""  # text that had no sound of its own: it ends with the next one
        self._letters_per_s = LETTERS_PER_S
        self._spelt = 0  # letters of the first of the words that have sounded
        self._sounded = self._told = 0  # samples and letters of the text that is being estimated

    def give(self, text: str) -> None:
        self._words += words_of(text)

    def timed(self, pcm: Pcm, letters: Sequence[tuple[str, int]]) -> Iterator[Word]:
        """Sound in which letters of the text end, each behind so many samples. A word that goes on
        in the next sound ends there. Spaces do not count: a voice adds and drops some."""
        begin = 0
        for letter, end in letters:
            self._spelt += not letter.isspace()
            if self._words and self._spelt >= _spelling(self._words[0]):
                end = max(begin, min(end, len(pcm)))
                yield from self._sound(pcm[begin:end], self._words.pop(0))
                self._spelt, begin = 0, end
        yield from self._sound(pcm[begin:], "")

    def untimed(self, pcm: Pcm) -> Iterator[Word]:
        """Sound of which is not known which words end in it."""
        begin, before = 0, self._sounded
        self._sounded += len(pcm)
        while len(self._words) > 1:  # the last one ends with the text
            told = self._told + _letters(self._words[0])
            end = round(told / self._letters_per_s * self._rate) - before
            if end > len(pcm):
                break
            end, self._told = max(begin, end), told
            yield from self._sound(pcm[begin:end], self._words.pop(0))
            begin = end
        yield from self._sound(pcm[begin:], "")

    def end(self) -> Iterator[Word]:
        """All sound of what was given has come."""
        rest = "".join(self._words)
        self._told += _letters(rest)
        if self._sounded > self._rate:  # what is shorter is more pause than speech
            self._letters_per_s = self._told / self._sounded * self._rate
        self._words, self._spelt, self._sounded, self._told = [], 0, 0, 0
        held, self._held = self._held, None
        if held is not None:
            yield Word(held.text + rest, held.pcm)
        else:
            self._late += rest

    def _sound(self, pcm: Pcm, text: str) -> Iterator[Word]:
        """The sound, but for its tail, behind what was kept back before it."""
        held = self._held
        if not len(pcm):
            if held is not None:
                self._held = Word(held.text + text, held.pcm)
            else:
                self._late += text
            return
        if held is not None:
            yield held
        if len(pcm) > self._tail:
            yield Word("", pcm[: -self._tail])
        self._held, self._late = Word(self._late + text, pcm[-self._tail :]), ""


def _letters(text: str) -> int:
    return len(text) + (LETTERS_PER_SIGN - 1) * len(_SIGN.findall(text))


def _spelling(word: str) -> int:
    """Its characters without spaces."""
    return sum(not character.isspace() for character in word)
