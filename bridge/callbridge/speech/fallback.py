"""An engine and the one that goes on where it fails.

    Speech(SileroVad, recogniser=..., synthesiser=FallbackSynthesiser(ElevenLabs..., Espeak()))

Whoever speaks or hears with one looks inside (`speaking`, `hearing`): what was said already is not
said again. As plain engines they try one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from callbridge.errors import SpeechFailed
from callbridge.speech.engines import Loads, Recogniser, Synthesiser, Word
from telecodecs import Pcm


@dataclass(frozen=True, slots=True)
class FallbackSynthesiser:
    first: Synthesiser
    then: Synthesiser

    def speak(self, text: str, sample_rate: int) -> Sequence[Word]:
        try:
            return self.first.speak(text, sample_rate)
        except SpeechFailed:
            return self.then.speak(text, sample_rate)


@dataclass(frozen=True, slots=True)
class FallbackRecogniser:
    first: Recogniser
    then: Recogniser

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        try:
            return self.first.transcribe(pcm, sample_rate)
        except SpeechFailed:
            return self.then.transcribe(pcm, sample_rate)

    def load(self) -> None:
        """So that the one that goes on can do so at once."""
        for ear in (self.first, self.then):
            if isinstance(ear, Loads):
                ear.load()
