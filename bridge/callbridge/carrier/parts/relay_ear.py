"""What a Conversation Relay hears: when the caller speaks, and what is to be recognised of it.

Speech is what is loud: callers of this carrier speak into a quiet line, and the platform has taken
the echo out of it. So the same call is heard in the same way every time."""

from collections import deque
from collections.abc import Callable

import msgspec
import numpy as np

from callbridge.carrier.audio.playout import TICKS_PER_S
from telecodecs import Pcm, silence

LOUD = 1000  # a sample beyond this (-30 dBFS) begins speech; a breath stays below
SOFT = 400  # and one beyond this (-38 dBFS) goes on with it, as the ends of words are soft
# Speech begins with 100 ms of sound within 160 ms, and ends with 640 ms of silence.
LOUD_TICKS, OF_TICKS = 5, 8
QUIET_TICKS = 32
PRE_ROLL_TICKS = 15  # the beginning of a word is softer than what shows that it is one
LONGEST_TICKS = 25 * TICKS_PER_S  # longer speech is recognised in parts
INTERIM_TICKS = TICKS_PER_S  # recognised again after so much more of it


class HeardText(msgspec.Struct, frozen=True):
    """Interim until `last`."""

    text: str
    last: bool


class CarrierEar:
    """`recognise` has (n,) int16 recognised, one at a time: it is answered by `recognised`."""

    def __init__(
        self, sample_rate: int, recognise: Callable[[Pcm], None], *, interim: bool
    ) -> None:
        self._recognise, self._interim = recognise, interim
        self._silence = silence(sample_rate // TICKS_PER_S)
        self._before: deque[Pcm] = deque(maxlen=PRE_ROLL_TICKS + OF_TICKS)
        self._loud: deque[bool] = deque(maxlen=OF_TICKS)
        self._speech: list[Pcm] = []  # 20 ms each
        self._quiet = self._shown = 0  # ticks: of silence now, and of what was recognised so far
        self._finals: deque[Pcm] = deque()
        self._asked: bool | None = None  # what is being recognised: True for a final
        self._told = ""  # the interim text, of speech that is not over
        self.speaking = False

    @property
    def busy(self) -> bool:
        """Whether something is being said, or what was said is not yet known."""
        return self.speaking or self._asked is not None or bool(self._finals)

    def hear(self, pcm: Pcm | None) -> bool:
        """20 ms, None for silence. True when the caller begins to speak."""
        piece = self._silence if pcm is None else pcm
        level = SOFT if self.speaking else LOUD
        is_loud = pcm is not None and bool(pcm.max() > level or pcm.min() < -level)
        if not self.speaking:
            return self._wait_for_speech(piece, is_loud)
        self._speech.append(piece)
        self._quiet = 0 if is_loud else self._quiet + 1
        if self._quiet >= QUIET_TICKS:
            self.speaking = False
            self._loud.clear()
            self._before.clear()
        if not self.speaking or len(self._speech) >= LONGEST_TICKS:
            self._finals.append(np.concatenate(self._speech))
            self._speech, self._shown = [], 0
        elif self._interim and is_loud and len(self._speech) - self._shown >= INTERIM_TICKS:
            self._show()
        self._ask_next()
        return False

    def _wait_for_speech(self, piece: Pcm, is_loud: bool) -> bool:
        self._before.append(piece)
        self._loud.append(is_loud)
        if sum(self._loud) < LOUD_TICKS:
            return False
        self.speaking = True
        self._speech, self._quiet, self._shown = list(self._before), 0, 0
        return True

    def _show(self) -> None:
        """What has been said so far, if nothing else is being recognised."""
        if self._asked is None and not self._finals:
            self._shown = len(self._speech)
            self._asked = False
            self._recognise(np.concatenate(self._speech))

    def _ask_next(self) -> None:
        if self._asked is None and self._finals:
            self._asked = True
            self._recognise(self._finals.popleft())

    def recognised(self, text: str) -> HeardText | None:
        """None when there is nothing to tell: no words, or an interim text that is out of date."""
        last, self._asked = self._asked is True, None
        if last:  # what was begun is ended, even where the end is not understood
            text, self._told = text or self._told, ""
        elif self._finals or not self.speaking or text == self._told:
            text = ""
        else:
            self._told = text
        self._ask_next()
        return HeardText(text, last) if text else None
