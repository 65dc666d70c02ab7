"""What a bot's own sentence asks for, by the tables of a `Language`: "What's your PIN?", digits."""

import re
from collections.abc import Iterator
from dataclasses import replace

from callbridge.speech.digits import number_at_the_end
from callbridge.speech.expecting import ANYTHING, AskedFor, Expecting
from callbridge.speech.language import DEFAULT, Language
from callbridge.speech.phrases import PhraseTable, phrases
from callbridge.speech.scripts import has_words, plain, runs
from callbridge.speech.sentences import split

LOOK_BACK = 3  # sentences: "What is your number? It is on your card. Take your time."
LONGEST = 30  # digits that anybody asks for

_QUESTION_MARK = re.compile(r"[?？؟⁇⁈⁉፧꘏\u037e]\W*$")
_COMMAS = re.compile(r"[,،、，]")


def guess(text: str, language: Language = DEFAULT) -> Expecting:
    """By the last sentence of `text` that asks for anything."""
    sentences = [sentence for sentence in split(text) if has_words(sentence)]
    for sentence in reversed(sentences[-LOOK_BACK:]):
        asked = _asked_by(sentence, language)
        if asked is not None:
            return replace(asked, guessed=True)
    return replace(ANYTHING, guessed=True)


def _asked_by(sentence: str, language: Language) -> Expecting | None:
    """None for one that asks for nothing, as far as the tables tell."""
    words = runs(plain(sentence))
    yes_no = phrases(language.asks_yes_no)
    begins, ends = yes_no.begin(words), yes_no.end(words)
    question = _QUESTION_MARK.search(sentence) is not None or ends
    request = phrases(language.asks).found_in(words)
    if not (question or request):
        return None
    if phrases(language.asks_spelling).found_in(words):
        return Expecting(AskedFor.SPELLING)
    if all(phrases(table).found_in(words) for table in (language.yes, language.no)):
        return Expecting(AskedFor.YES_NO)  # "yes or no?", "right or wrong?"
    if question and not request and (options := _options(sentence, language)):
        return Expecting(AskedFor.CHOICE, options=options)
    if question and not request and (begins or ends):
        return Expecting(AskedFor.YES_NO)
    if phrases(language.asks_number).found_in(words):
        return _digits(sentence, language)
    if phrases(language.asks_name).found_in(words):
        return Expecting(AskedFor.NAME)
    if not question:
        return None
    if ends or not (request or phrases(language.question_words).found_in(words)):
        return Expecting(AskedFor.YES_NO)
    return ANYTHING


def _options(sentence: str, language: Language) -> tuple[str, ...]:
    """ "Tea, coffee or cold water?": tea, coffee, cold water. Of a longer one the last word."""
    *firsts, last = (runs(plain(part)) for part in _COMMAS.split(sentence))
    before, behind = _parted(last, phrases(language.either))
    if not behind:
        return ()
    options = [*(first[-1:] for first in firsts), before[-1:], behind]
    return tuple(" ".join(option) for option in options if option)


def _parted(words: list[str], either: PhraseTable) -> tuple[list[str], list[str]]:
    """What stands before an "or" and behind it; nothing behind where there is none."""
    for at, word in enumerate(words):
        if length := either.at(words, at):
            return words[:at], words[at + length :]
        for entry in either.unspaced:
            before, found, behind = word.partition(entry)
            if found and before and behind:
                return [*words[:at], before], [behind, *words[at + 1 :]]
    return words, []


def _digits(sentence: str, language: Language) -> Expecting:
    counts = list(_counts(runs(plain(sentence)), language))
    return Expecting(AskedFor.DIGITS, *counts[0]) if counts else Expecting(AskedFor.DIGITS)


def _counts(words: list[str], language: Language) -> Iterator[tuple[int, int]]:
    """How many there are to be, by the number before the word for digits: "eight digits", "4 to 6
    digits", "sechsstellig"."""
    table = phrases(language.digit_words)
    ends = (*table.suffixes, *(entry[0] for entry in table.entries if len(entry) == 1))
    for at, word in enumerate(words):
        for end in ends:
            if not (word.endswith(end) or (end in table.unspaced and end in word)):
                continue
            before = [*words[max(0, at - 3) : at], word[: word.index(end)]]
            most = number_at_the_end(" ".join(filter(None, before)), language)
            if most is None or most > LONGEST:
                continue
            least = number_at_the_end(words[at - 3], language) if at >= 3 else None
            yield (least if least is not None and least < most else most), most
