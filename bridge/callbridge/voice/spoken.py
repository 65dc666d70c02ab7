"""How much of a text was spoken, by what the platform says of it.

`utteranceUntilInterrupt` is the platform's own text of what was spoken, with spaces, cases and
marks of its own. So the two are compared by their letters and digits alone."""

import re

from callbridge.speech.scripts import UNSPACED, is_letter

_UNSPACED = re.compile(f"[{UNSPACED}]")


def spoken_part(text: str, utterance: str) -> str | None:
    """`text` up to the last word that `utterance` has whole; None if it is not in there.

    It is looked for at the beginning of the text first, since what is reported begins with what was
    said first; then anywhere, at its last place."""
    wanted = "".join(letter for _, letter in _letters(utterance))
    if not wanted:
        return ""
    places = list(_letters(text))
    letters = "".join(letter for _, letter in places)
    start = 0 if letters.startswith(wanted) else letters.rfind(wanted)
    if start < 0:
        return None
    return _whole_words(text, places[start + len(wanted) - 1][0] + 1)


def _letters(text: str) -> list[tuple[int, str]]:
    """(place, letter) of all that is a letter or a digit; one may fold into several."""
    return [
        (place, folded)
        for place, character in enumerate(text)
        if is_letter(character)
        for folded in character.casefold()
    ]


def _whole_words(text: str, end: int) -> str:
    """Up to `end`, without a word that goes on behind it; scripts without spaces have none such."""
    while (
        0 < end < len(text)
        and is_letter(text[end])
        and is_letter(text[end - 1])
        and not _UNSPACED.match(text[end - 1])
    ):
        end -= 1
    return text[:end]
