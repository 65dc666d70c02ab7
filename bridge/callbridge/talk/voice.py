"""Speech that lasts as long as it would and makes no sound."""

import re
from collections.abc import Sequence

from callbridge.host.audiofile import Clip
from callbridge.speech.engines import Speech, Word
from callbridge.voice.relay_mouth import CHARACTERS_PER_S, spoken_s
from telecodecs import Pcm, silence

CALLER_RATE = 8000
WORD = re.compile(r"\s*\S+\s*")


class SilentVoice:
    """Each word takes the time that the bridge estimates for it, so that both agree on when a text
    has been heard."""

    def __init__(self, characters_per_s: float = CHARACTERS_PER_S) -> None:
        self._pace = characters_per_s

    def speak(self, text: str, sample_rate: int) -> Sequence[Word]:
        return [Word(word, self._silence(word, sample_rate)) for word in WORD.findall(text)]

    def clip(self, text: str) -> Clip:
        """The voice of those who live at a number."""
        return Clip(self._silence(text, CALLER_RATE), CALLER_RATE)

    def _silence(self, text: str, sample_rate: int) -> Pcm:
        return silence(round(spoken_s(text, self._pace) * sample_rate))


class NoDetector:
    """On this line nobody makes a sound."""

    window = 256

    def probability(self, pcm: Pcm) -> float:
        return 0.0


class NoRecogniser:
    """What is written needs none."""

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        return ""


def engines(voice: SilentVoice) -> Speech:
    """What a carrier asks of its engines when the caller writes."""
    return Speech(NoDetector, NoRecogniser(), voice)
