"""The entries of a table of a `Language`, as they are looked for in the words of a text.

Words are those of `scripts.runs`, in their `plain` spelling. In a script without spaces an entry is
looked for inside of what stands between two signs; elsewhere "-nummer" is the end of a word."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from callbridge.speech.scripts import UNSPACED_RUN, plain, runs


class PhraseTable(NamedTuple):
    """One table."""

    entries: frozenset[tuple[str, ...]]
    longest: int  # in words
    suffixes: tuple[str, ...]
    unspaced: tuple[str, ...]  # those entries that are written without spaces
    several: re.Pattern[str]  # of them, one behind the other

    def at(self, words: list[str], at: int) -> int:
        """How many words from there on are one entry, or a run of them in such a script."""
        for length in range(min(self.longest, len(words) - at), 0, -1):
            if tuple(words[at : at + length]) in self.entries:
                return length
        return int(self.several.fullmatch(words[at]) is not None)

    def begin(self, words: list[str]) -> bool:
        return bool(words) and (self.at(words, 0) > 0 or words[0].startswith(self.unspaced))

    def end(self, words: list[str]) -> bool:
        lengths = range(1, min(self.longest, len(words)) + 1)
        return bool(words) and (
            words[-1].endswith((*self.suffixes, *self.unspaced))
            or any(tuple(words[-length:]) in self.entries for length in lengths)
        )

    def found_in(self, words: list[str]) -> bool:
        return any(
            self.at(words, at)
            or word.endswith(self.suffixes)
            or any(entry in word for entry in self.unspaced)
            for at, word in enumerate(words)
        )


@lru_cache(maxsize=1024)
def phrases(table: str) -> PhraseTable:
    """`table` is entries with commas between them."""
    known = entries(table)
    unspaced = tuple(unspaced_of(known))
    either = "|".join(map(re.escape, unspaced))
    return PhraseTable(
        known,
        max(map(len, known), default=0),
        tuple(suffixes(table)),
        unspaced,
        re.compile(f"(?:{either})+" if either else r"(?!)"),
    )


@lru_cache(maxsize=512)
def entries(table: str) -> frozenset[tuple[str, ...]]:
    """Each as its words; without those that are the end of a word."""
    whole = (tuple(runs(plain(entry))) for entry in table.split(",") if not _is_suffix(entry))
    return frozenset(entry for entry in whole if entry)


def suffixes(table: str) -> list[str]:
    return ["".join(runs(plain(entry))) for entry in table.split(",") if _is_suffix(entry)]


def unspaced_of(known: Iterable[tuple[str, ...]]) -> list[str]:
    return [entry[0] for entry in known if UNSPACED_RUN.fullmatch(entry[0])]


def _is_suffix(entry: str) -> bool:
    return entry.strip().startswith("-")
