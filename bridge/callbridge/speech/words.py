"""What single words tell about a turn: is it one, and is it over?

A *back-channel* ("mm-hm", "right") says that one listens and asks for nothing. A *filler* ("um"), a
conjunction or an *open word* ("the", "of", "I'd like") at the end says that more is to come, and so
does a digit: numbers are spoken in groups with pauses between them. Which words these are stands in
the tables of a `Language`; any other word, of any script, is a word."""

import re
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from callbridge.speech.language import DEFAULT, Language
from callbridge.speech.phrases import entries, phrases, suffixes, unspaced_of
from callbridge.speech.scripts import count_words, plain, runs
from callbridge.speech.sentences import ends_sentence

_DRAWN_OUT = re.compile(r"(.)\1+")
_TRAILS_OFF = re.compile(r"(?:\.\.+|[…‥⋯])\W*$")
_BREAKS_OFF = re.compile(r"[\-–—]\s*$")  # a dash, or the hyphen of half a word
_CLAUSE_OVER = re.compile(r"[,،、，;；:：؛՝፣၊]\s*$")
_SENTENCE_OVER = re.compile(r"[.!?…]\s+")
_QUESTION_MARKS = ("?", "？", "؟", "՞")
_CLAUSE_INSIDE = re.compile(r"[,;:–—]")


class TextEnding(Enum):
    """How a text ends."""

    PLAIN = auto()  # with a word that says nothing about it
    FINISHED = auto()  # so, and with a full stop: the recogniser puts one behind nearly everything
    CLAUSE = auto()  # so, and with a comma, which recognisers put at ends as well
    DEPENDENT = auto()  # its only clause begins with "if" or "after": another follows, mostly
    OPEN = auto()  # filler, conjunction, open word, half a word, dash, ellipsis
    NUMBER = auto()  # figures, or a word of a number
    LETTERS = auto()  # a single letter: something is being spelled
    MURMUR = auto()  # nothing but back-channels
    NOTHING = auto()  # no word at all


HESITATIONS = {
    TextEnding.CLAUSE,
    TextEnding.DEPENDENT,
    TextEnding.OPEN,
    TextEnding.NUMBER,
    TextEnding.LETTERS,
}


def ending_of(text: str, language: Language = DEFAULT) -> TextEnding:
    """What the last words say of whether more is to come; signs count where the words say nothing.

    So "Press the." is open: the full stop is the recogniser's habit."""
    words = runs(plain(text))
    if not words:
        return TextEnding.NOTHING
    tables = _tables(language)
    if tables.murmured(words):
        return TextEnding.MURMUR
    if ending := tables.ending_of(words):
        return ending
    if _TRAILS_OFF.search(text) or _BREAKS_OFF.search(text):
        return TextEnding.OPEN
    if _only_clause_depends(text, language):
        return TextEnding.DEPENDENT
    if ends_sentence(text):
        return TextEnding.FINISHED
    return TextEnding.CLAUSE if _CLAUSE_OVER.search(text) else TextEnding.PLAIN


def _only_clause_depends(text: str, language: Language) -> bool:
    """Of the last sentence; one of two words is an answer: "after lunch"."""
    if text.rstrip().endswith(_QUESTION_MARKS):
        return False
    *_, last = _SENTENCE_OVER.split(text.strip().rstrip(".,;:!?…"))
    words = runs(plain(last))
    is_one_clause = len(words) > 2 and not _CLAUSE_INSIDE.search(last)
    return is_one_clause and phrases(language.subordinators).at(words, 0) > 0


def hesitates(text: str, language: Language = DEFAULT) -> bool:
    """Whether `text` ends as if more were to come."""
    return ending_of(text, language) in HESITATIONS


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


class _Tables(NamedTuple):
    """The tables of a language, as they are looked up."""

    sounds: frozenset[str]
    back_channels: frozenset[tuple[str, ...]]
    longest: int  # back-channel, in words
    murmurs: re.Pattern[str]  # a whole run of back-channels, in a script without spaces
    endings: dict[tuple[str, ...], TextEnding]  # PLAIN: of closed phrases
    longest_ending: int
    word_ends: dict[str, TextEnding]  # of such a run, or of a word
    lengths: tuple[int, ...]  # the longest first

    def back_channel_at(self, words: list[str], at: int) -> int:
        """How many words from there on are one back-channel."""
        for length in range(min(self.longest, len(words) - at), 0, -1):
            if tuple(map(_short, words[at : at + length])) in self.back_channels:
                return length
        word = words[at]
        return int(_short(word) in self.sounds or self.murmurs.fullmatch(word) is not None)

    def murmured(self, words: list[str]) -> bool:
        """Back-channels alone, and no hesitation at the end: "yeah", but not "yeah, um"."""
        at = last = 0
        while at < len(words):
            last = at
            murmured = self.back_channel_at(words, at)
            if not murmured:
                return False
            at += murmured
        return last < len(words) - 1 or _short(words[last]) not in self.sounds

    def ending_of(self, words: list[str]) -> TextEnding | None:
        """By the longest entry at the end; None if there is none."""
        for length in range(min(self.longest_ending, len(words)), 0, -1):
            if ending := self.endings.get(tuple(words[-length:])):
                return None if ending is TextEnding.PLAIN else ending
        last = words[-1]
        if last[-1].isdecimal():
            return TextEnding.NUMBER
        if _short(last) in self.sounds:
            return TextEnding.OPEN
        if len(last) == 1 and last.upper() != last:
            return TextEnding.LETTERS
        for length in self.lengths:
            if ending := self.word_ends.get(last[-length:]):
                return None if ending is TextEnding.PLAIN else ending
        return None


def _short(word: str) -> str:
    """Not drawn out: "hmmm" is "hm"."""
    return _DRAWN_OUT.sub(r"\1", word)


@lru_cache(maxsize=64)
def _tables(language: Language) -> _Tables:
    back_channels = {tuple(map(_short, entry)) for entry in entries(language.back_channels)}
    sounds = {_short(word) for (word,) in entries(language.sounds)}
    murmurs = [re.escape(run) for run in (*unspaced_of(back_channels), *sounds)]
    by_end = (  # what is in two of them is what the later one says
        (_number_words(language.numbers), TextEnding.NUMBER),
        (language.conjunctions, TextEnding.OPEN),
        (language.open_words, TextEnding.OPEN),
        (language.closed_phrases, TextEnding.PLAIN),
    )
    word_ends = {end: ending for table, ending in by_end for end in _ends(table)}
    by_phrase = (*by_end[:1], (language.fillers, TextEnding.OPEN), *by_end[1:])
    endings = {entry: ending for table, ending in by_phrase for entry in entries(table)}
    return _Tables(
        sounds=frozenset(sounds),
        back_channels=frozenset(back_channels),
        longest=max(map(len, back_channels), default=0),
        murmurs=re.compile(f"(?:{'|'.join(murmurs)})+" if murmurs else r"(?!)"),
        endings=endings,
        longest_ending=max(map(len, endings), default=0),
        word_ends=word_ends,
        lengths=tuple(sorted({len(end) for end in word_ends}, reverse=True)),
    )


def _number_words(table: str) -> str:
    """Without their values, and without what only joins two numbers."""
    words = (word.partition("=") for word in table.split(","))
    return ",".join(word for word, _, value in words if value.strip() != "+")


def _ends(table: str) -> list[str]:
    """What is also looked for at the end of longer words, and of texts without spaces."""
    return [*suffixes(table), *unspaced_of(entries(table))]
