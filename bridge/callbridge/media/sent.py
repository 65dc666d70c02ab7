"""What was sent of late: so much of it as the caller has not heard can be taken back.

Pure state, in samples at the rate of the stream's codec."""

from collections import deque

import numpy as np

from callbridge.media.utterance import Utterance
from telecodecs import Pcm, silence

STEP_S = 0.010
QUIET_S = 0.030  # so long a silence is a gap between two words, or before a stop consonant


class SentSpeech:
    """The last `memory` samples of speech that were sent, without a background."""

    __slots__ = ("_held", "_memory", "_pieces")

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._pieces: deque[tuple[Utterance, Pcm]] = deque()
        self._held = 0

    def add(self, utterance: Utterance, pcm: Pcm) -> None:
        self._pieces.append((utterance, pcm))
        self._held += len(pcm)
        while self._held - len(self._pieces[0][1]) >= self._memory:
            self._held -= len(self._pieces.popleft()[1])

    def forget(self) -> None:
        """It was heard, or never will be."""
        self._pieces.clear()
        self._held = 0

    def take_back(self, samples: int) -> None:
        """The last `samples` go back to the utterances that they were taken from."""
        while samples > 0 and self._pieces:
            utterance, pcm = self._pieces.pop()
            self._held -= len(pcm)
            if len(pcm) > samples:
                self.add(utterance, pcm[:-samples])
                pcm = pcm[-samples:]
            samples -= len(pcm)
            if not utterance.ending:
                utterance.take_back(pcm)

    def to_word_start(self, utterance: Utterance, longest: int, sample_rate: int) -> None:
        """Take back where the last word of it began, at most `longest` samples, if that is known;
        else the part behind the quietest place."""
        at = utterance.sent
        word = next((span for span in utterance.spans if span.start < at < span.end), None)
        if word is None:
            return
        before = self._last_of(utterance, longest)
        begun = at - word.start
        self.take_back(begun if begun <= len(before) else _after_quiet(before, sample_rate))

    def _last_of(self, utterance: Utterance, samples: int) -> Pcm:
        """The last `samples`, or fewer, if they are of this utterance."""
        parts: deque[Pcm] = deque()
        for owner, pcm in reversed(self._pieces):
            if owner is not utterance or samples <= 0:
                break
            parts.appendleft(pcm[-samples:])
            samples -= len(pcm)
        return np.concatenate(parts) if parts else silence(0)


def _after_quiet(before: Pcm, sample_rate: int) -> int:
    """How far from its end the quietest place of all is."""
    step = round(STEP_S * sample_rate)
    whole = len(before) // step
    width = round(QUIET_S / STEP_S)
    if whole <= width:
        return 0
    steps = before[len(before) - whole * step :].astype(np.float64).reshape(whole, step)
    loudness = np.convolve((steps**2).mean(axis=1), np.ones(width), "valid")
    middle = int(loudness.argmin()) + width // 2
    return (whole - middle) * step
