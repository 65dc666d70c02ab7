"""Texts without the numbers that are in them: a • for each digit and each word of a number.

Rather one word too many than a digit of a card: the words of all languages count, also inside of a
longer one (viertausendeinhundert), and in scripts without spaces wherever they stand."""

import re
from functools import cache, lru_cache

from callbridge.speech.language import LANGUAGES
from callbridge.speech.scripts import UNSPACED, plain, runs

DOT = "•"
HANGUL = "\uac00-\ud7a3"

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_CLOSE = re.compile(f"[{UNSPACED}{HANGUL}]")  # words stand close to each other in it


def without_numbers(text: str) -> str:
    return _WORD.sub(lambda word: _hidden(word[0]), text)


@lru_cache(maxsize=1024)
def _hidden(word: str) -> str:
    numbers = _numbers()
    if numbers.spelled.fullmatch(plain(word)):
        return DOT
    if _CLOSE.search(word):
        word = numbers.close.sub(lambda found: DOT * len(found[0]), word)
    return "".join(DOT if character.isnumeric() else character for character in word)


class _NumberWords:
    """The words of all tables, as patterns."""

    def __init__(self) -> None:
        words, links = set[str](), set[str]()
        for language in LANGUAGES.values():
            for entry in language.numbers.split(","):
                phrase, _, value = entry.partition("=")
                (links if value.strip() == "+" else words).update(runs(plain(phrase)))
        longest_first = sorted(words - links, key=len, reverse=True)
        either = "|".join(map(re.escape, longest_first))
        link = f"(?:{'|'.join(map(re.escape, sorted(links, key=len, reverse=True)))})?"
        self.spelled = re.compile(rf"(?:{link}(?:{either}))+s?")
        close = [word for word in longest_first if _CLOSE.match(word)]
        self.close = re.compile("|".join(map(re.escape, close)))


@cache
def _numbers() -> _NumberWords:
    return _NumberWords()
