"""The digits that a text says, whether they are written in figures, one by one or in groups.

"four four one two", "forty-four twelve", "4412" and "double four, 12" are 4412; "four hundred and
twelve" is 412. The words are in the tables of a `Language`. A new number begins where a word cannot
be a part of the one before."""

import unicodedata
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import NamedTuple

from callbridge.speech.language import DEFAULT, Language
from callbridge.speech.phrases import entries
from callbridge.speech.scripts import UNSPACED_RUN, plain, runs

MULTIPLIERS = (100, 1000, 10_000, 100_000)  # hundred, thousand, the 万 of Chinese, India's lakh


def digits_of(text: str, language: Language = DEFAULT) -> str:
    """All digits that `text` says, as 0 to 9: those of a code, say."""
    return "".join(digit_groups(text, language))


def digit_groups(text: str, language: Language = DEFAULT) -> list[str]:
    """The same, parted where other words stand between; fillers and murmurs part nothing.

    "It's 4, 4, um, 1, and my PIN is 33" has two groups."""
    groups: list[list[_SpokenNumber]] = [[]]
    for spoken in _numbers(language).spoken(runs(plain(text))):
        if spoken is None:
            groups.append([])
        else:
            groups[-1].append(spoken)
    return [digits for group in groups if (digits := _written(group))]


def number_at_the_end(text: str, language: Language = DEFAULT) -> int | None:
    """The number that `text` ends with, if it does, up to 99: of "exactly eight", 8."""
    words = runs(plain(text))
    if words and words[-1].isdecimal():
        return int(words[-1])
    known = _numbers(language).by_phrase
    ends = [tuple(words[-length:]) for length in (2, 1)]
    ends += [(words[-1][-length:],) for length in (3, 2, 1) if words]
    values = (known[end].value for end in ends if end in known)
    return next((value for value in values if 0 < value < 100), None)


class _SpokenNumber(NamedTuple):
    """A number, what joins two, or what doubles the next digit."""

    value: int = 0
    figures: str = ""  # as they were written, so that 007 stays it
    times: int = 0
    joins: bool = False
    doubtful: bool = False  # alone, it is rather another word: "oh", "ein"


class _Number:
    """A number that is being put together, and the digits before it."""

    def __init__(self) -> None:
        self.before = ""
        self._figures: str | None = None  # of the number, if it was written in figures
        self._thousands = self._rest = 0
        self._room = 0  # what is smaller can be added
        self._begun = False
        self._zeros = ""  # "one hundred oh five" is 105

    def add(self, spoken: _SpokenNumber) -> None:
        value = spoken.value
        if not spoken.figures and value in MULTIPLIERS and 0 < self._rest < value:
            self._multiply(value)
        elif self._begun and 0 < value < self._room and not spoken.figures:
            self._rest += value
            self._zeros = ""
            self._make_room(value)
        elif self._begun and value == 0 and self._room and not spoken.figures:
            self._zeros += "0"
        else:
            self.finish()
            self._begun, self._rest, self._figures = True, value, spoken.figures or None
            self._make_room(value)

    def finish(self) -> None:
        if self._begun:
            whole = self._thousands + self._rest
            self.before += (self._figures or str(whole)) + self._zeros
        self._figures, self._begun, self._zeros = None, False, ""
        self._thousands = self._rest = self._room = 0

    def _multiply(self, by: int) -> None:
        self._figures = None
        self._rest *= by
        self._make_room(self._rest)

    def _make_room(self, value: int) -> None:
        """Behind 500 there is room for what is below 100, behind 5000 for what is below 1000."""
        self._room = next((m for m in reversed(MULTIPLIERS) if value and value % m == 0), 0)
        if self._room >= 1000:
            self._thousands, self._rest = self._thousands + self._rest, 0


def _written(group: list[_SpokenNumber]) -> str:
    numbers = [spoken for spoken in group if not (spoken.joins or spoken.times)]
    if len(group) == 1 and group[0].doubtful:
        return ""
    number, times = _Number(), 1
    for spoken in group if numbers else ():
        if spoken.times:
            number.finish()
            times = spoken.times
        elif times > 1 and spoken.value < 10 and not spoken.joins:
            number.before += str(spoken.value) * times
            times = 1
        elif not spoken.joins:
            number.add(spoken)
            times = 1
    number.finish()
    return number.before


class _Numbers(NamedTuple):
    """The words of a language's numbers, as they are looked up."""

    by_phrase: dict[tuple[str, ...], _SpokenNumber]
    parts_nothing: Collection[tuple[str, ...]]
    closed: Collection[tuple[str, ...]]
    longest: int

    def spoken(self, words: list[str]) -> Iterator[_SpokenNumber | None]:
        """None where a word is none of a number."""
        at = 0
        while at < len(words):
            if length := self._phrase_at(words, at, self.by_phrase):
                known = self.by_phrase[tuple(words[at : at + length])]
                yield None if self._ends_closed(words[: at + length], length) else known
            elif figures := _figures(words[at]):
                yield _SpokenNumber(int(figures), figures)
            elif UNSPACED_RUN.fullmatch(words[at]):
                yield from self._in_run(words[at])
            elif glued := self._glued(words[at]):
                yield from glued
            elif not (length := self._phrase_at(words, at, self.parts_nothing)):
                yield None
            at += length or 1

    def _phrase_at(self, words: list[str], at: int, phrases: Collection[tuple[str, ...]]) -> int:
        lengths = range(min(self.longest, len(words) - at), 0, -1)
        return next((n for n in lengths if tuple(words[at : at + n]) in phrases), 0)

    def _ends_closed(self, words: list[str], length: int) -> bool:
        """Whether a number ends a longer phrase that is none: "that one"."""
        return any(
            tuple(words[-n:]) in self.closed
            for n in range(length + 1, min(self.longest, len(words)) + 1)
        )

    def _in_run(self, run: str) -> Iterator[_SpokenNumber | None]:
        """Of a script without spaces: two characters or more, as 一 is a part of many words."""
        at = 0
        while at < len(run):
            end = at
            found: list[_SpokenNumber] = []
            while length := self._prefix(run[end:]):
                found.append(self.by_phrase[(run[end : end + length],)])
                end += length
            if end - at > 1:
                yield from found
            else:
                yield None
            at = max(end, at + 1)

    def _glued(self, word: str) -> list[_SpokenNumber]:
        """The numbers of one that is written as one word: viertausendeinhundert."""
        if not word:
            return []
        shortest = 1 if word[0].upper() == word[0] else 2  # a letter is a word in other scripts
        for length in range(len(word), shortest - 1, -1):
            first = self.by_phrase.get((word[:length],))
            if first is None or (first.joins and length == len(word)):
                continue
            rest = self._glued(word[length:])
            if rest or length == len(word):
                return [first, *rest]
        return []

    def _prefix(self, run: str) -> int:
        lengths = range(min(4, len(run)), 0, -1)
        return next((n for n in lengths if (run[:n],) in self.by_phrase), 0)


def _figures(word: str) -> str:
    """The digits of a word that is written with some: "12", "b12", "١٢"."""
    return "".join(str(unicodedata.decimal(c)) for c in word if c.isdecimal())


@lru_cache(maxsize=64)
def _numbers(language: Language) -> _Numbers:
    others = (language.back_channels, language.sounds, language.fillers, language.conjunctions)
    doubtful = {e for table in (*others, language.open_words, language.yes, language.no)
                for e in entries(table)}  # fmt: skip
    by_phrase: dict[tuple[str, ...], _SpokenNumber] = {}
    for entry in language.numbers.split(","):
        word, _, value = entry.partition("=")
        for phrase in entries(word):
            if spoken := _spoken(value.strip(), doubtful=phrase in doubtful):
                by_phrase.setdefault(phrase, spoken)
    parts_nothing = {e for table in others[:3] for e in entries(table)}
    closed = entries(language.closed_phrases)
    longest = max(map(len, (*by_phrase, *parts_nothing, *closed)), default=1)
    return _Numbers(by_phrase, parts_nothing, closed, longest)


def _spoken(value: str, *, doubtful: bool) -> _SpokenNumber | None:
    if value.isdecimal():
        return _SpokenNumber(int(value), doubtful=doubtful)
    if value.startswith("x") and value[1:].isdecimal():
        return _SpokenNumber(times=int(value[1:]))
    return _SpokenNumber(joins=True) if value == "+" else None
