"""Where a text can be cut, to say its beginning while the rest is still being written."""

import re
from collections.abc import Iterator

from callbridge.speech.scripts import GREEK, HAN, KANA, LAO, THAI, has_words, is_mark

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
_BRACKETS = {"「": "」", "『": "』", "（": "）", "《": "》", "【": "】", "“": "”", "«": "»"}

LONG = 240  # characters without such an end: cut after a comma, a space, or anywhere
_COMMA = re.compile(r"(?:[,;:،؛፣፤၊،] |[、，；：､])")


def split(text: str) -> list[str]:
    """Whole sentences, and the rest that may yet go on (perhaps empty). Together they are `text`,
    but for those of spaces alone."""
    parts = [part for sentence in _sentences(text) for part in _in_breaths(sentence)]
    return [*(part for part in parts[:-1] if part.strip()), parts[-1]]


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
    for match in SENTENCE_END.finditer(text):
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
    """Behind the last comma, else the last space, else the last letter with its marks."""
    commas = [match.end() for match in _COMMA.finditer(text, 0, LONG)]
    space = text.rfind(" ", 1, LONG) + 1
    if commas or space:
        return commas[-1] if commas else space
    cut = LONG
    while cut > 1 and is_mark(text[cut]):
        cut -= 1
    return cut
