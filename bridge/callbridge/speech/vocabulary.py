"""Moonshine's tokens: pieces of words, and the text that they make.

The file has a piece after the other, each behind its length, and no merges: of two neighbours that
are a piece together, those are joined first whose piece comes first, as in the tokeniser of Llama
whose pieces these are (32,000 of 32,768)."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

_SPACE = "▁"
_SPECIAL = 3  # unknown, begin, end
_NONE = 1 << 30


class Vocabulary:
    def __init__(self, data: bytes) -> None:
        """Raises ValueError for half a file."""
        self._pieces = list(_pieces(data))
        # A character is a piece twice, first as a mere octet.
        self._numbers = {piece: number for number, piece in enumerate(self._pieces) if piece}

    def __len__(self) -> int:
        return len(self._pieces)

    def text(self, tokens: Iterable[int]) -> str:
        data = b"".join(self._pieces[token] for token in tokens if token >= _SPECIAL)
        return data.decode(errors="replace").replace(_SPACE, " ").strip()

    def tokens(self, text: str) -> list[int]:
        """Those that make the text; what no piece has is left out."""
        if not text:
            return []
        pieces = [character.encode() for character in _SPACE + text.replace(" ", _SPACE)]
        while True:
            ranks = [self._rank(pair) for pair in pairwise(pieces)]
            first = min(ranks, default=_NONE)
            if first == _NONE:
                return [self._numbers[piece] for piece in pieces if piece in self._numbers]
            at = ranks.index(first)
            pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]

    def _rank(self, pair: tuple[bytes, bytes]) -> int:
        return self._numbers.get(pair[0] + pair[1], _NONE)


def _pieces(data: bytes) -> Iterable[bytes]:
    at = 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 0x80:
            if at == len(data):
                raise ValueError("no vocabulary: it ends too early")
            length += (data[at] - 1) * 0x80
            at += 1
        if at + length > len(data):
            raise ValueError("no vocabulary: it ends too early")
        yield data[at : at + length]
        at += length


def read(folder: Path) -> Vocabulary:
    """Raises OSError and ValueError."""
    return Vocabulary((folder / "tokenizer.bin").read_bytes())
