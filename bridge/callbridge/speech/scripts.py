"""What Unicode says of a text's characters: which make words, and which scripts have no spaces.

The classes are the insides of a regular expression's brackets. Source: Unicode 15, `Blocks.txt`
and `PropList.txt`."""

import re
import unicodedata

HAN = "々〇〡-〩⺀-⿟㐀-䶿一-鿿\uf900-\ufaff\U00020000-\U000323af"
KANA = "ぁ-ヿㇰ-ㇿｦ-ﾟ"
THAI, LAO = "\u0e01-\u0e7f", "\u0e81-\u0eff"
BURMESE, KHMER = "\u1000-\u109f", "\u1780-\u17ff"
TAI = "\u1950-\u19df\u1a20-\u1aaf"
GREEK = "\u0370-\u03ff\u1f00-\u1fff"

UNSPACED = HAN + KANA + THAI + LAO + BURMESE + KHMER + TAI  # write words without spaces between

UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")

_JOINERS = "\u200c\u200d\u00ad"  # stand inside of words, in Persian and in Hindi for example


def is_letter(character: str) -> bool:
    """A letter, a digit, or a mark that belongs to one, such as a vowel sign of Devanagari."""
    return unicodedata.category(character)[0] in "LNM" or character in _JOINERS


def is_mark(character: str) -> bool:
    """Belongs to the letter before it, and is never parted from it."""
    return unicodedata.category(character)[0] == "M" or character in _JOINERS


def has_words(text: str) -> bool:
    return any(map(is_letter, text))


def plain(text: str) -> str:
    """One spelling of what is written in several: case, width, apostrophes, the points of Arabic.

    "ＳＴＯＰ" and "Stop" are "stop", "İki" is "iki"."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return folded.translate(_PLAIN)


_PLAIN: dict[int, str | None] = {
    ord("’"): "'",
    ord("ʼ"): "'",
    0x0307: None,  # the dot that casefold leaves of the Turkish İ
    0x0640: None,  # tatweel, which only lengthens a line
    **dict.fromkeys(range(0x064B, 0x0653)),  # vowel points: written for beginners, else left out
    **dict.fromkeys(map(ord, _JOINERS)),
}

_PIECES = re.compile(rf"(?P<unspaced>[{UNSPACED}]+)|(?:(?![{UNSPACED}])[^ ])+")


class _Spaces(dict[int, int]):
    """For `str.translate`: a space for all that is in no word. Each character is looked up once."""

    def __missing__(self, code: int) -> int:
        kept = is_letter(chr(code)) or chr(code) == "'"
        return self.setdefault(code, code if kept else ord(" "))


_SPACES = _Spaces()


def runs(text: str) -> list[str]:
    """The words of a `plain` text; of a script without spaces, what stands between two signs."""
    spaced = text.translate(_SPACES)
    found = (match[0].strip("'") for match in _PIECES.finditer(spaced))
    return [run for run in found if run]


_SIZES = (  # words per letter, roughly: 停止 is one word, and so are ストップ and หยุด
    (re.compile(f"[{HAN}]"), 1 / 2),
    (re.compile(f"[{KANA}{THAI}{LAO}{BURMESE}{KHMER}{TAI}]"), 1 / 4),
)


def count_words(run: str) -> int:
    """How many words a run is: one where words are spaced, else estimated from its letters."""
    letters = "".join(c for c in run if not is_mark(c))
    size = sum(share * len(pattern.findall(letters)) for pattern, share in _SIZES)
    return max(1, -int(-size // 1))
