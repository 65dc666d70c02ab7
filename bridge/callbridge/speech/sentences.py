"""Where a text can be cut, to say its beginning while the rest is still being written.

Behind a sentence, as a voice needs a whole one for its melody; only the opening of an answer, which
the caller waits for, is cut behind its first clause."""

import re
from collections.abc import Iterator

from callbridge.speech.scripts import (
    GREEK,
    HAN,
    KANA,
    LAO,
    THAI,
    count_words,
    has_words,
    is_mark,
    plain,
    runs,
)

_CLOSING = r"\"'’”»›«‹“)\]}」』）〉》】〕］｝〗〙〞〟﹂﹄"  # « and “ close in German
_CLOSED = rf"(?:[{_CLOSING}]|[\s\u00a0\u202f]»)*"

# Signs that end a sentence and do nothing else, so that no space is needed behind: full stops of
# Chinese and Japanese, Devanagari, Urdu, Armenian, Ethiopic, Burmese, Khmer, Tibetan, ...
_ENDS = r"។。｡︒！？︕︖⁇⁈⁉‼‽।॥؟۔։።፧፨။៕།༎᠃᠉߹꓿꘎꘏꛳꛷"
# Signs that also stand inside of what goes on ("3.50", "Yahoo!"): the space shows that they end it.
_PERHAPS = r".!?…‥⋯．"

SENTENCE_END = re.compile(
    rf"""
    [{_PERHAPS}]* [{_ENDS}] [{_PERHAPS}{_ENDS}]* {_CLOSED} \s*
    | [{_PERHAPS}]+ {_CLOSED} \s
    | (?<=[{HAN}{KANA}]) [{_PERHAPS}]+ {_CLOSED} (?=[{HAN}{KANA}])   # no spaces there to show it
    | (?: (?<=[{GREEK}]) ; | \u037e ) {_CLOSED} \s                   # the question mark of Greek
    | (?<=[{THAI}{LAO}]) [ ]+ (?=[{THAI}{LAO}]) (?![ๆໆฯຯ])           # Thai and Lao end with a space
    | [\n\u2028\u2029]
    """,
    re.VERBOSE,
)
# What a full stop shortens, so that it ends no sentence: titles and their like before a name,
# initials ("J. Smith", but not "So do I."), and letters with stops between ("e.g.", "z. B.").
# "No." is an answer more often than a number. Whoever is held back wrongly waits one sentence.
_SHORTENED = re.compile(
    r"""
    (?: (?<!\w) (?: Mr | Mrs | Ms | Mx | Messrs | Dr | Prof | Rev | Hon | St | Sgt | Capt | Lt
        | Gen | vs | approx | Hr | Fr | Frl | Nr | bzw | ca | Mme | Mlle | Sr | Sra | Srta | Dña
        | Dott | Sig | Ing | dhr | mevr | pani? )
      | (?<! \w ) [a-zA-HJ-ZÄÖÜÅØÉ]
      | (?<= \w\. ) [a-zA-Z]
    ) \.
    """,
    re.VERBOSE,
)
_BRACKETS = {"「": "」", "『": "』", "（": "）", "《": "》", "【": "】", "“": "”", "«": "»"}

# The space behind a comma shows that it parts no number: "1,000", "10:30". Behind a digit more of
# the number may come all the same ("10, 20"), and a full stop before it is an abbreviation's.
CLAUSE_END = re.compile(
    rf"""
    (?<![\d.\s])
    (?: [,;:،؛՝፣፤፥፦၊᠂] {_CLOSED} \s
      | [、，；：､] {_CLOSED}
      | \s [-–—] \s
      | [—―] (?=\w)
    )
    """,
    re.VERBOSE,
)

FEW = 3  # words that can be said alone: fewer sound cut off, and are over before more is written
LONG = 240  # characters without such an end: cut after a clause, a space, or anywhere


def split(text: str, *, opening: bool = False) -> list[str]:
    """Whole sentences, and the rest that may yet go on (perhaps empty). Together they are `text`,
    but for those of spaces alone.

    Of an `opening`, which somebody waits for, the first clause is enough."""
    parts = [part for sentence in _sentences(text) for part in _in_breaths(sentence)]
    whole = [part for part in parts[:-1] if part.strip()]
    if opening and not whole and (cut := _first_clause(parts[-1])):
        return [parts[-1][:cut], parts[-1][cut:]]
    return [*whole, parts[-1]]


def ends_sentence(text: str) -> bool:
    """Whether the last sign ends a sentence, or a quotation of one."""
    padded = f"{text.rstrip()} "
    return any(match.end() == len(padded) for match in SENTENCE_END.finditer(padded))


def _first_clause(text: str) -> int:
    """Where the first clause of a FEW words ends, or 0."""
    ends = (match.end() for match in CLAUSE_END.finditer(text))
    return next((end for end in ends if _words(text[:end]) >= FEW), 0)


def _words(text: str) -> int:
    return sum(map(count_words, runs(plain(text))))


def _sentences(text: str) -> Iterator[str]:
    """Cut behind every end. Signs that no word stands before belong to the sentence behind them."""
    start = 0
    for end in _ends(text):
        if has_words(text[start:end]) or text[start:end].isspace():
            yield text[start:end]
            start = end
    yield text[start:]


def _ends(text: str) -> Iterator[int]:
    start = 0
    shortened = {match.end() - 1 for match in _SHORTENED.finditer(text)}
    for match in SENTENCE_END.finditer(text):
        if match.start() in shortened:
            continue
        if match.end() < len(text) or not _may_go_on(text[start:]):
            yield match.end()
        start = match.end()


def _may_go_on(sentence: str) -> bool:
    """Whether the closing sign of a quotation that is open is probably still to come."""
    if sentence[-1].isspace():
        return False
    return any(sentence.count(o) > sentence.count(c) for o, c in _BRACKETS.items())


def _in_breaths(sentence: str) -> Iterator[str]:
    """In pieces of at most LONG characters: who reads a text without an end breathes, too."""
    while len(sentence) > LONG:
        yield sentence[: (cut := _breath(sentence[: LONG + 1]))]
        sentence = sentence[cut:]
    yield sentence


def _breath(text: str) -> int:
    """Behind the last clause, else the last space, else the last letter with its marks."""
    clauses = [match.end() for match in CLAUSE_END.finditer(text, 0, LONG)]
    space = text.rfind(" ", 1, LONG) + 1
    if clauses or space:
        return clauses[-1] if clauses else space
    cut = LONG
    while cut > 1 and is_mark(text[cut]):
        cut -= 1
    return cut
