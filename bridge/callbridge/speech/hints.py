"""What the bot has asked for, as a recogniser can use it."""

from functools import lru_cache

from callbridge.speech.engines import Hints
from callbridge.speech.expecting import AskedFor, Expecting
from callbridge.speech.language import Language

COMMON = 6  # words for yes, and for no; the tables begin with those that are said most


@lru_cache(maxsize=256)
def hints_of(expected: Expecting, language: Language) -> Hints:
    """Only of what was given: a guess may be wrong, and an answer to it misheard as a "no"."""
    if expected.guessed:
        return Hints()
    match expected.asked:
        case AskedFor.CHOICE:
            return Hints(choices=expected.options)
        case AskedFor.YES_NO:
            yes, no = _words(language.yes), _words(language.no)
            return Hints(choices=(*yes[:COMMON], *no[:COMMON]))
        case AskedFor.DIGITS:
            return Hints(words=_digits(language))
        case _:
            return Hints()


def _digits(language: Language) -> tuple[str, ...]:
    """The words of 0 to 9, and what doubles one. Longer numbers are left to the recogniser."""
    entries = [entry.rpartition("=") for entry in _words(language.numbers)]
    return tuple(
        word
        for word, _, value in entries
        if (len(value) == 1 and value.isdecimal()) or value[:1] == "x"
    )


def _words(table: str) -> tuple[str, ...]:
    return tuple(stripped for word in table.split(",") if (stripped := word.strip()))
