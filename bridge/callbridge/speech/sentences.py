"""Where a text can be cut, to say its beginning while the rest is still being written."""

import re
from collections.abc import Iterator
from itertools import pairwise

# The end of a sentence: its marks, and the space that shows that it is one ("3.50" goes on).
SENTENCE_END = re.compile(r"[.!?…]+[\"')\]]*\s|\n")
LONG = 240  # characters without such an end: cut after a comma, a space, or anywhere


def split(text: str) -> list[str]:
    """Whole sentences, and the rest that may yet go on (perhaps empty). Together they are `text`,
    but for those of spaces alone."""
    ends = [0, *(match.end() for match in SENTENCE_END.finditer(text)), len(text)]
    parts = [part for start, end in pairwise(ends) for part in _in_breaths(text[start:end])]
    return [*(part for part in parts[:-1] if part.strip()), parts[-1]]


def _in_breaths(sentence: str) -> Iterator[str]:
    """In pieces of at most LONG characters: who reads a text without an end breathes, too."""
    while len(sentence) > LONG:
        comma = sentence.rfind(", ", 0, LONG - 1)
        cut = comma + 2 if comma > 0 else sentence.rfind(" ", 1, LONG) + 1 or LONG
        yield sentence[:cut]
        sentence = sentence[cut:]
    yield sentence
