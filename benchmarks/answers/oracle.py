"""Recognisers for languages that no engine here knows: one that knows what is said, and one that
understands nothing. The first is what a recogniser of the language would do that never errs."""

import numpy as np
from benchmarks.answers.spoken import BEFORE_S, SpokenTurn
from tests.callbridge.speech.acoustics import RATE, Wave, over_the_wire

from telecodecs import Pcm

LOOKED_FOR = RATE // 20


class Oracle:
    """Tells the words that a turn has up to where a piece of its line ends. It finds the piece by
    its samples: what the bot hears is what was put on the line."""

    def __init__(self) -> None:
        self._turn: SpokenTurn | None = None
        self._line: Pcm = np.zeros(0, np.int16)

    def attend(self, turn: SpokenTurn, line: Wave) -> None:
        """From now on what is heard is of this line."""
        self._turn, self._line = turn, over_the_wire(line)

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        assert self._turn is not None, "a line is attended to"
        assert sample_rate == RATE, "the line's samples are looked for"
        begins = where(pcm[:LOOKED_FOR], self._line) / RATE - BEFORE_S
        first, last = (self._turn.words_by(at) for at in (begins, begins + len(pcm) / RATE))
        return " ".join(self._turn.words[first:last])


def where(piece: Pcm, line: Pcm) -> int:
    """The sample of the line where these begin."""
    for at in np.flatnonzero(line == piece[0]):
        if np.array_equal(line[at : at + len(piece)], piece):
            return int(at)
    raise ValueError("this was not on the line")


class NoWords:
    """Hears that somebody speaks, and tells a word that stands in no table of any language."""

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        return "xxx"
