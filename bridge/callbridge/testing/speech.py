"""Speech engines for tests: a voice that hums words, and an ear that knows words by their pitch.

They stand on the same plug points as real engines and always give the same result, so that turns,
interruptions and history can be tested to the word in virtual time."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from callbridge.speech.engines import Speech, Word
from callbridge.testing.callers import tone
from telecodecs import Pcm

LOUD = 500.0  # RMS; the tones of `callers.tone` have 5657
SPOKEN_HERTZ = 200.0
CHARACTER_S = 0.05


class LoudnessVad:
    """Speech is what is loud."""

    window = 256

    def probability(self, pcm: Pcm) -> float:
        return float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2)) > LOUD)


class PitchRecogniser:
    """Knows texts by the pitch (Hz) of the tone that stands for them; several follow each other."""

    def __init__(self, texts: Mapping[float, str]) -> None:
        self._texts = texts

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        heard: list[str] = []
        step = sample_rate // 10
        for start in range(0, len(pcm) - step + 1, step):
            piece = pcm[start : start + step].astype(np.float64)
            if np.sqrt(np.mean(piece**2)) < LOUD:
                continue
            spectrum = np.abs(np.fft.rfft(piece * np.hanning(step), 8 * step))
            hertz = float(np.argmax(spectrum)) * sample_rate / (8 * step)
            nearest = min(self._texts, key=lambda pitch: abs(pitch - hertz))
            text = self._texts[nearest] if abs(nearest - hertz) < 20 else ""
            if text and (not heard or heard[-1] != text):
                heard.append(text)
        return " ".join(heard)


class HummingSynthesiser:
    """Every character sounds for 50 ms, at 200 Hz."""

    def speak(self, text: str, sample_rate: int) -> Sequence[Word]:
        words = re.findall(r"\s*\S+\s*", text)
        return [Word(w, tone(CHARACTER_S * len(w), SPOKEN_HERTZ, sample_rate)) for w in words]


def pitched(texts: Mapping[float, str]) -> Speech:
    """Engines for a caller who says `tone(1.0, 440)` for `{440: "hello"}`."""
    return Speech(LoudnessVad, PitchRecogniser(texts), HummingSynthesiser())
