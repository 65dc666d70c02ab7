"""What the bot has asked for, and whether it has been said.

A caller who was asked for eight digits and has said five is not done, however long they pause; one
who was asked yes or no and says "yes" is. What is asked for is given by who writes the bot
(`call.listen(expect=digits(8))`), or guessed from the bot's own sentence, by the tables of a
`Language`: a guess that is wrong says "unknown" of nearly everything, and never ends a turn."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from callbridge.speech.digits import digit_groups
from callbridge.speech.language import DEFAULT, Language
from callbridge.speech.phrases import phrases
from callbridge.speech.scripts import has_words, plain, runs


class AskedFor(Enum):
    """For what."""

    ANYTHING = "anything"
    YES_NO = "yes_no"
    DIGITS = "digits"
    NAME = "name"
    SPELLING = "spelling"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Expecting:
    """What the caller is about to say, as far as one knows. `most` is 0 where nobody knows."""

    asked: AskedFor = AskedFor.ANYTHING
    least: int = 0  # digits
    most: int = 0
    options: tuple[str, ...] = ()
    guessed: bool = False


Expect = Expecting | Literal["anything", "yes_no", "digits", "name", "spelling"]
"""As a bot writes it: "yes_no", "digits", digits(8), digits(4, 6), choice("tea", "coffee")."""

ANYTHING = Expecting()


def digits(least: int, most: int | None = None) -> Expecting:
    """So many digits, or from `least` to `most`. Raises ValueError."""
    most = least if most is None else most
    if not 1 <= least <= most:
        raise ValueError(f"digits({least}, {most}): from one digit on, and the fewer first")
    return Expecting(AskedFor.DIGITS, least, most)


def choice(*options: str) -> Expecting:
    """One of these words or phrases. Raises ValueError."""
    if len(options) < 2 or not all(map(has_words, options)):
        raise ValueError(f"choice{options}: two things or more, in words")
    return Expecting(AskedFor.CHOICE, options=options)


def expecting(expect: Expect) -> Expecting:
    """Raises ValueError for a word that is none."""
    if isinstance(expect, Expecting):
        return expect
    known = [asked.value for asked in AskedFor if asked is not AskedFor.CHOICE]
    if expect not in known:
        raise ValueError(
            f"expect is {expect!r}: it is one of {', '.join(known)}, or digits(8), digits(4, 6), "
            'choice("tea", "coffee")'
        )
    return Expecting(AskedFor(expect))


# ---- is it complete? ----------------------------------------------------------------------------


def is_complete(text: str, expected: Expecting, language: Language = DEFAULT) -> bool | None:
    """Whether `text` is all that was asked for; None where nobody can tell."""
    match expected.asked:
        case AskedFor.DIGITS:
            return _all_digits(text, expected, language)
        case AskedFor.YES_NO:
            return True if _yes_or_no(text, language) else None
        case AskedFor.CHOICE:
            said = runs(plain(text))
            found = any(phrases(option).found_in(said) for option in expected.options)
            return True if found else None
        case _:
            return None


def _all_digits(text: str, expected: Expecting, language: Language) -> bool | None:
    groups = [len(group) for group in digit_groups(text, language)]
    if not groups or not expected.most:
        return None
    if max(groups) >= expected.most or sum(groups) == expected.most:
        return True
    return False if max(groups) < expected.least else None


def _yes_or_no(text: str, language: Language) -> bool:
    """An answer, and nothing else: "no, no thanks", but not "yes, but"."""
    answers = phrases(f"{language.yes}, {language.no}, {language.back_channels}")
    before = phrases(f"{language.sounds}, {language.fillers}")
    words, at, answered = runs(plain(text)), 0, False
    while at < len(words):
        answer = answers.at(words, at)
        answered = bool(answer)
        at += answer or before.at(words, at) or len(words)
    return answered and at == len(words)
