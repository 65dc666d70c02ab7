"""What engines return, held to their protocols.

Engines are foreign code. What is not what it should be is found here, in the worker and with the
engine's name, and not later in the pacer of a call or in its history."""

from collections.abc import Iterable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from callbridge.errors import SpeechFailed
from callbridge.speech.engines import Word
from telecodecs import Pcm

# Who speaks fast says 25 characters a second; so the first is far beyond all speech. The second
# leaves room for signs that are read as many words.
CHARACTERS = 1000  # and more ...
CHARACTERS_PER_S = 100  # ... for every second of audio
SPOKEN_S = 10.0  # and more ...
SPOKEN_S_PER_CHARACTER = 5.0


def probability(returned: float, whose: str) -> float:
    """0 to 1; any kind of number. Raises SpeechFailed."""
    value = float(returned)
    if not 0.0 <= value <= 1.0:  # nor is nan
        raise SpeechFailed(f"{whose} returned {value}, not a probability")
    return value


def transcript(returned: object, audio_s: float) -> str:
    """What a recogniser understood in so many seconds, without space around it.

    Raises SpeechFailed."""
    if not isinstance(returned, str):
        raise SpeechFailed(f"the recogniser returned {type(returned).__name__}, not text")
    if len(returned) > CHARACTERS + CHARACTERS_PER_S * audio_s:
        raise SpeechFailed(
            f"the recogniser returned {len(returned)} characters for {audio_s:.1f} s of audio"
        )
    return returned.strip()


def words(returned: Iterable[Word], sentence: str, sample_rate: int) -> tuple[Word, ...]:
    """What a synthesiser made of a sentence; any iterable. Raises SpeechFailed."""
    kept: list[Word] = []
    samples = 0
    for text, pcm in returned:
        kept.append(word(text, pcm))
        samples += len(pcm)
        duration(samples, sentence, sample_rate)
    if not samples and any(character.isalnum() for character in sentence):
        raise SpeechFailed(f"the synthesiser returned no sound for {sentence!r}")
    return tuple(kept)


def word(text: object, pcm: object) -> Word:
    """One word of a synthesiser's. Raises SpeechFailed."""
    if not isinstance(text, str):
        raise SpeechFailed(f"the synthesiser returned a {type(text).__name__} as a word's text")
    if (kind := _kind(pcm)) != "(n,) int16":
        raise SpeechFailed(f"the synthesiser returned {kind} as sound, not (n,) int16")
    return Word(text, cast("Pcm", pcm))


def duration(samples: int, text: str, sample_rate: int) -> None:
    """Of the sound that a synthesiser made of a text so far. Raises SpeechFailed."""
    longest_s = SPOKEN_S + SPOKEN_S_PER_CHARACTER * len(text)
    if samples > longest_s * sample_rate:
        raise SpeechFailed(f"the synthesiser returned over {longest_s:.0f} s for {text!r}")


def _kind(pcm: object) -> str:
    if not isinstance(pcm, np.ndarray):
        return type(pcm).__name__
    array = cast("NDArray[Any]", pcm)
    return f"{'(n,)' if array.ndim == 1 else array.shape} {array.dtype}"
