"""Speech engines for tests: a voice that hums words, and an ear that understands tones.

    converse(app, caller(says("two tickets, please")), speech=scripted())

`scripted` is what an application without engines of its own gets in a test: it understands whatever
a caller says as a text. `pitched` knows a few texts, each by one long tone.

They stand on the same plug points as real engines and always give the same result, so that turns,
interruptions and history can be tested to the word in virtual time."""

import re
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from callbridge.carrier.people.checks import ScriptError, one_of
from callbridge.carrier.people.steps import CallerVoice
from callbridge.host.audiofile import Clip
from callbridge.speech import espeak
from callbridge.speech.engines import Recogniser, Speech, Word
from callbridge.testing.callers import tone
from telecodecs import Pcm

LOUD = 500.0  # RMS; the tones of `callers.tone` have 5657
SPOKEN_HERTZ = 200.0
CHARACTER_S = 0.05
TONE_RATE, VOICE_RATE = 8000, 16000

# A letter is two tones, one for each half of its octet, the second out of a higher set: so that a
# tone is never followed by itself, and an ear that comes late finds its way.
LETTER_TONE_S = 0.04
LOWEST_HERTZ, STEP_HERTZ = 500.0, 90.0
TONES = 32
AHEM_HERTZ, AHEM_S = 350.0, 0.12  # before and after a text, for a detector to notice the speech
EAR_STEP_S, EAR_WINDOW_S = 0.01, 0.02


class LoudnessVad:
    """Speech is what is loud."""

    window = 256

    def probability(self, pcm: Pcm) -> float:
        return float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2)) > LOUD)


class PitchRecogniser:
    """Knows texts by the pitch (Hz) of the tone that stands for them; several follow each other."""

    def __init__(self, texts: Mapping[float, str]) -> None:
        self._texts = texts

    def pronounce(self, text: str) -> Clip:
        """A second of its tone. Raises ScriptError for a text that has none."""
        one_of("to the engines of this test, the text", text, self._texts.values())
        hertz = next(hertz for hertz, known in self._texts.items() if known == text)
        return Clip(tone(1.0, hertz, TONE_RATE), TONE_RATE)

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


class SpellingRecogniser:
    """Understands every text to the letter, from a caller who spells it in tones."""

    def pronounce(self, text: str) -> Clip:
        """80 ms for each letter of ASCII, about as quick as speech."""
        ahem = tone(AHEM_S, AHEM_HERTZ, TONE_RATE)
        letters = [
            tone(LETTER_TONE_S, LOWEST_HERTZ + STEP_HERTZ * number, TONE_RATE)
            for octet in text.encode()
            for number in (octet >> 4, TONES // 2 + (octet & 15))
        ]
        return Clip(np.concatenate([ahem, *letters, ahem]), TONE_RATE)

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        octets = bytearray()
        first: int | None = None
        for number in _held(self._tones(pcm, sample_rate)):
            if number < TONES // 2:
                first = number
            elif first is not None:
                octets.append(first << 4 | number - TONES // 2)
                first = None
        return octets.decode(errors="ignore").strip()

    def _tones(self, pcm: Pcm, sample_rate: int) -> list[int]:
        """The number of the tone in each 10 ms; -1 where there is none."""
        step, window = (round(each * sample_rate) for each in (EAR_STEP_S, EAR_WINDOW_S))
        if len(pcm) < window:
            return []
        pieces = np.lib.stride_tricks.sliding_window_view(pcm, window)[::step].astype(np.float64)
        size = sample_rate // 10  # zeros behind a piece: a line every 10 Hz
        spectra = np.abs(np.fft.rfft(pieces * np.hanning(window), size))
        hertz = spectra.argmax(axis=1) * sample_rate / size
        numbers = np.rint((hertz - LOWEST_HERTZ) / STEP_HERTZ).astype(int)
        loud = np.sqrt(np.mean(pieces**2, axis=1)) > LOUD
        there = loud & (numbers >= 0) & (numbers < TONES)
        return [int(number) for number in np.where(there, numbers, -1)]


def _held(numbers: Sequence[int]) -> list[int]:
    """The tones that last for two steps and more, each once."""
    held: list[int] = []
    before = last = -1
    for number in numbers:
        if number == before and number != last:
            held.append(number)
            last = number
        before = number
    return [number for number in held if number >= 0]


class HummingSynthesiser:
    """Every character sounds for 50 ms, at 200 Hz."""

    def speak(self, text: str, sample_rate: int) -> Sequence[Word]:
        words = re.findall(r"\s*\S+\s*", text)
        return [Word(w, tone(CHARACTER_S * len(w), SPOKEN_HERTZ, sample_rate)) for w in words]


def pitched(texts: Mapping[float, str]) -> Speech:
    """Engines for a caller who says `tone(1.0, 440)` for `{440: "hello"}`."""
    return Speech(LoudnessVad, PitchRecogniser(texts), HummingSynthesiser())


def scripted() -> Speech:
    """Engines for a caller who says texts: `says("hello")`."""
    return Speech(LoudnessVad, SpellingRecogniser(), HummingSynthesiser())


@runtime_checkable
class Pronounces(Protocol):
    """A recogniser that knows how a text has to sound for it to understand it."""

    def pronounce(self, text: str) -> Clip: ...


def voice_for(recogniser: Recogniser | None) -> CallerVoice:
    """The voice of a caller whom this recogniser understands; None is an offline one."""
    return recogniser.pronounce if isinstance(recogniser, Pronounces) else _speak


def _speak(text: str) -> Clip:
    if not espeak.available():
        raise ScriptError(
            f"the test has no voice to say {text!r} with: leave the application's speech to the "
            "test (speech=scripted()), or install the extra callbridge[voice]"
        )
    return Clip(espeak.speak(text, VOICE_RATE), VOICE_RATE)
