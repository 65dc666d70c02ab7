"""What single words tell about a turn: is it one, and is it over?

A *back-channel* ("mm-hm", "right") says that one listens and asks for nothing. A *filler* ("um") or
a conjunction at the end says that more is to come, and so does a digit: numbers are spoken in
groups with pauses between them. Which words these are stands in the tables of a `Language`; any
other word, of any script, is a word."""

import re
from functools import lru_cache
from typing import NamedTuple

from callbridge.speech.language import DEFAULT, Language
from callbridge.speech.scripts import UNSPACED, count_words, plain, runs

_DRAWN_OUT = re.compile(r"(.)\1+")
_UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")


def count_without_back_channels(text: str, language: Language = DEFAULT) -> int:
    """How many words of `text` ask for something: "uh-huh, right, stop" has one."""
    tables = _tables(language)
    words = runs(plain(text))
    count = at = 0
    while at < len(words):
        murmured = tables.back_channel_at(words, at)
        if not murmured:
            count += count_words(words[at])
        at += murmured or 1
    return count


def hesitates(text: str, language: Language = DEFAULT) -> bool:
    """Whether `text` ends as if more were to come: with a digit, a filler or a conjunction."""
    words = runs(plain(text))
    return bool(words) and _tables(language).more_to_come_after(words)


class _Tables(NamedTuple):
    """The tables of a language, as they are looked up."""

    sounds: frozenset[str]
    back_channels: frozenset[tuple[str, ...]]
    more_to_come: frozenset[tuple[str, ...]]
    longest: int  # entry, in words
    murmurs: re.Pattern[str]  # a whole run of back-channels, in a script without spaces
    unfinished: tuple[str, ...]  # endings of such a run

    def back_channel_at(self, words: list[str], at: int) -> int:
        """How many words from there on are one back-channel."""
        for length in range(min(self.longest, len(words) - at), 0, -1):
            if tuple(words[at : at + length]) in self.back_channels:
                return length
        word = words[at]
        return int(self._is_sound(word) or self.murmurs.fullmatch(word) is not None)

    def more_to_come_after(self, words: list[str]) -> bool:
        last = words[-1]
        return (
            last[-1].isdecimal()
            or self._is_sound(last)
            or (_UNSPACED_RUN.fullmatch(last) is not None and last.endswith(self.unfinished))
            or any(tuple(words[-n:]) in self.more_to_come for n in range(1, self.longest + 1))
        )

    def _is_sound(self, word: str) -> bool:
        return _DRAWN_OUT.sub(r"\1", word) in self.sounds


@lru_cache(maxsize=64)
def _tables(language: Language) -> _Tables:
    back_channels = _entries(language.back_channels)
    continued = _entries(language.conjunctions) | _entries(language.numbers)
    more_to_come = continued | _entries(language.fillers)
    sounds = {_DRAWN_OUT.sub(r"\1", word) for (word,) in _entries(language.sounds)}
    murmurs = [re.escape(run) for run in (*_unspaced(back_channels), *sounds)]
    return _Tables(
        sounds=frozenset(sounds),
        back_channels=back_channels,
        more_to_come=more_to_come,
        longest=max(map(len, (*back_channels, *more_to_come)), default=0),
        murmurs=re.compile(f"(?:{'|'.join(murmurs)})+" if murmurs else r"(?!)"),
        unfinished=tuple(_unspaced(continued)),
    )


def _entries(table: str) -> frozenset[tuple[str, ...]]:
    """The phrases of a table, each as its words."""
    phrases = (tuple(runs(plain(phrase))) for phrase in table.split(","))
    return frozenset(phrase for phrase in phrases if phrase)


def _unspaced(entries: frozenset[tuple[str, ...]]) -> list[str]:
    return [entry[0] for entry in entries if _UNSPACED_RUN.fullmatch(entry[0])]
