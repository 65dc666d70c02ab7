"""What a listener murmurs, a speaker hesitates with and a bot asks for: tables for each language.

The tables hold the words that decide about turns, and no grammar. A word that stands in no table is
a word in every language. Where a language has one word for yes and listeners murmur it all the
time (`ja`, `да`, `はい`), it is a back-channel: said over the bot it interrupts nothing, said to a
bot that is silent it is a turn like any other.

The tables of a language are a file of `languages/`, read when it is first asked for."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from callbridge.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Language:
    """Words and phrases, parted by commas; case and width of the same letter are one.

    `Language(back_channels="roger, copy that")` is a language of your own;
    `LANGUAGES["en"] | Language(back_channels="roger")` adds to one, `dataclasses.replace` changes
    a table. In a script without spaces a run of back-channels is one (うんうん), and what is
    looked for at the end is also found at the end of a longer run (欲しいんですけど). Elsewhere an
    entry that begins with a hyphen is the end of a word: "-는데"."""

    back_channels: str = ""  # "I am listening", and no request; may be drawn out: "yeaah"
    fillers: str = ""  # at the end: more is to come
    conjunctions: str = ""  # likewise
    open_words: str = ""  # likewise: "the", "of", "my", "I'd like" need something behind them
    # At the beginning of the only clause, so that another follows: "if"; "when" may ask.
    subordinators: str = ""
    closed_phrases: str = ""  # nothing more is to come, though they end like it: "hold on"
    # Words of numbers, at the end of which more may come, as it may after figures: "niner=9". An
    # "x2" doubles the next digit, a "+" joins two numbers, and a word alone has no value.
    numbers: str = ""
    sounds: str = ""  # fillers, and back-channels when nothing else is said; may be drawn out
    # What a sentence of the bot is known by that asks for something; see `expecting`.
    yes: str = ""
    no: str = ""
    question_words: str = ""
    either: str = ""  # "or": between things to choose from
    asks: str = ""  # a request that is no question: "please tell me"
    asks_yes_no: str = ""  # at the beginning or the end of a question
    asks_number: str = ""
    asks_name: str = ""
    asks_spelling: str = ""
    digit_words: str = ""  # behind how many there are to be: "eight digits"

    def __or__(self, other: "Language") -> "Language":
        """Both tables in one."""

        def both(mine: str, theirs: str) -> str:
            return ", ".join(filter(None, (mine, theirs)))

        tables = (field.name for field in fields(self))
        return Language(
            **{name: both(getattr(self, name), getattr(other, name)) for name in tables}
        )


class _Languages(Mapping[str, Language]):
    """By ISO 639 code: one file each, read once."""

    def __init__(self) -> None:
        self._folder = Path(__file__).parent / "languages"
        names = (entry.name for entry in self._folder.iterdir())
        self._codes = sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))
        self._read: dict[str, Language] = {}

    def __getitem__(self, code: str) -> Language:
        if code not in self._read:
            if code not in self._codes:
                raise KeyError(code)
            self._read[code] = _language((self._folder / f"{code}.toml").read_text("utf-8"))
        return self._read[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._codes)

    def __len__(self) -> int:
        return len(self._codes)


def _language(toml: str) -> Language:
    table = tomllib.loads(toml)
    del table["name"]
    return Language(**{**table, "numbers": _numbers(table["numbers"])})


def _numbers(table: dict[str, Any]) -> str:
    """ "one=1, two=2, ..., double=x2, and=+", of a table of words by their value.

    `in_order` are the words of 0, 1, 2, ...; `compound` is how a ten and a unit are joined, for
    the numbers that have no entry of their own."""
    values: dict[int, list[str]] = {}
    for value, word in enumerate(_words(table.get("in_order", ""))):
        values[value] = [word]
    for key, words in table.items():
        if key.isdecimal():
            values.setdefault(int(key), []).extend(_words(words))
    values |= _compounds(_words(table.get("compound", "")), values)
    entries = [f"{word}={value}" for value, words in values.items() for word in words]
    for key, sign in (("double", "x2"), ("triple", "x3"), ("link", "+")):
        entries += [f"{word}={sign}" for word in _words(table.get(key, ""))]
    return ", ".join(entries)


def _compounds(patterns: list[str], values: dict[int, list[str]]) -> dict[int, list[str]]:
    """The numbers up to 99 that are still missing: "twenty one", "einundzwanzig"."""
    return {
        ten + unit: [
            pattern.format(ten=t, unit=u)
            for pattern in patterns
            for t in values[ten]
            for u in values[unit]
        ]
        for ten in range(10, 100, 10)
        for unit in range(1, 10)
        if patterns and ten in values and ten + unit not in values
    }


def _words(listed: str) -> list[str]:
    return [stripped for word in listed.split(",") if (stripped := word.strip())]


LANGUAGES: Mapping[str, Language] = _Languages()
"""By ISO 639 code. Every word that stands in no table is a word."""

# English, and a language of each script in which no English text is written. The others are chosen
# by name: "ja" is a murmur in German, and perhaps a name in English.
_BY_DEFAULT = "en ru uk ar hi bn te ta ja zh ko"
_ALIASES = {"cmn": "zh"}  # Mandarin by its code of ISO 639-3


def _together(codes: str) -> Language:
    together = Language()
    for code in codes.split():
        together |= LANGUAGES[code]
    return together


DEFAULT = _together(_BY_DEFAULT)


def base_of(name: str) -> str:
    """The language of "de-AT", "de_AT" or "DE", without where it is spoken: "de"."""
    code = name.replace("_", "-").partition("-")[0].lower()
    return _ALIASES.get(code, code)


def language_named(name: str) -> Language:
    """The tables of "de", "de-AT" or "DE". Raises SettingsError for a language without tables."""
    code = base_of(name)
    if code not in LANGUAGES:
        raise SettingsError(
            f"no tables for the language {name!r}: choose one of {', '.join(sorted(LANGUAGES))}, "
            'or pass your own: Language(back_channels="...", ...)'
        )
    return LANGUAGES[code]
