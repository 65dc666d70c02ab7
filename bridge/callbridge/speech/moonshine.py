"""Speech to text offline, by Moonshine's tiny English model: its weights are in the wheel.

Nothing is fetched and nothing leaves the machine. It takes about a twentieth of the utterance's
length in CPU time, on one core, and 150 MB. It is small: a clean telephone voice costs it a word in
thirty, a noisy one many more, and there are no times of words.

The model answers silence and noise with "You" or "Thank you for watching.", and repeats itself when
silence follows the speech. So the VAD looks first: what holds no speech is never recognised, and
silence around the speech is cut off.

Of the wheel only the model is used. Its library has no way to ask about a given text, and its
Python side imports a downloader and an audio device's driver.

Source: moonshine-ai/moonshine (code and English models: MIT)."""

import importlib.metadata
import importlib.util
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from callbridge.errors import SettingsError
from callbridge.speech import decoding, moonshine_network, vocabulary
from callbridge.speech.decoding import WordTable
from callbridge.speech.engines import Hints, Vad
from callbridge.speech.moonshine_network import SHORTEST, EncodedSound
from callbridge.speech.silero import Floats, SileroVad
from telecodecs import Pcm, resample

SAMPLE_RATE = 16_000  # what the model hears
VAD_RATE = 8_000

VOICED = 0.5  # a window with this probability is speech
SHORTEST_S = 0.1  # of speech; less is a click or a breath
# Silence left around the speech. Of 119 words that a person reads, 10 are wrong in two ways of
# cutting with 0.2 s, 22 with 0.1 s, and 55 with 0.6 s after it.
AROUND_S = 0.2
# Where there is less behind it, what there is comes again, backwards: of 125 words in noise, 51 are
# wrong with 0.1 s and its mirror image, 62 with 0.1 s alone, 49 with 0.2 s.
MIRRORED_S = 0.05
LONGEST_S = 30.0  # the model repeats itself after that, and its time grows with the square
TOKENS_PER_S = 6.5  # at most; the library has the same limit

# What was asked for may be so much less likely (a natural logarithm) than what the model would say.
# Of 42 words, half of them in noise, and 72 lines of numbers the right choice was at most 5.3
# behind; a wrong one was 6.8 behind at least, and 7.9 where no number was said.
MARGIN = 6.0
MOST_CHOICES = 24
ENDS = (".", ",", "")  # behind a choice
SIGNS = ",.-"  # behind words

RELEASE = "0.1.0"  # the last one that brings the weights; the network below is its own
_INSTALL = f"install the extra callbridge[speech] (moonshine-voice {RELEASE})"


LANGUAGES = frozenset({"en"})  # of the model in the wheel


class Moonshine:
    """The recogniser of a process, loaded when first used, or by `load`. Threads take turns."""

    languages = LANGUAGES

    def __init__(self, vad: Callable[[], Vad] = SileroVad) -> None:
        self._vad = vad
        self._one_at_a_time = threading.Lock()
        self._loaded: _Model | None = None

    def load(self) -> None:
        """Load the model: 0.3 s. Raises SettingsError that says what to install."""
        with self._one_at_a_time:
            self._model()

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        """The text of one utterance of up to 30 s; "" if nothing was said.

        Raises SettingsError without the model."""
        return self.transcribe_with(pcm, sample_rate, Hints())

    def transcribe_with(self, pcm: Pcm, sample_rate: int, hints: Hints) -> str:
        """The text of one utterance, as `transcribe`."""
        self.load()  # of silence as well: so that it can be done ahead
        speech = trim(pcm, sample_rate, self._vad())[: round(LONGEST_S * sample_rate)]
        if len(speech) == 0:
            return ""
        samples = np.multiply(
            resample(speech, sample_rate, SAMPLE_RATE), np.float32(1 / 32768), dtype=np.float32
        )
        with self._one_at_a_time:
            return self._model().transcribe(samples, hints)

    def _model(self) -> "_Model":
        if self._loaded is None:
            self._loaded = _Model(_package() / "assets" / "tiny-en")
        return self._loaded


def trim(pcm: Pcm, sample_rate: int, vad: Vad) -> Pcm:
    """What is said in (n,) int16, with 0.2 s around it; (0,) when that is under 0.1 s."""
    heard = resample(pcm, sample_rate, VAD_RATE)
    windows = heard[: len(heard) - len(heard) % vad.window].reshape(-1, vad.window)
    voiced = [at for at, window in enumerate(windows) if vad.probability(window) >= VOICED]
    window_s = vad.window / VAD_RATE
    if len(voiced) * window_s < SHORTEST_S:
        return pcm[:0]
    begin = max(0, round((voiced[0] * window_s - AROUND_S) * sample_rate))
    end = round((voiced[-1] + 1) * window_s * sample_rate)
    around = round(AROUND_S * sample_rate)
    behind = pcm[end : end + around]
    if len(behind) >= MIRRORED_S * sample_rate:
        behind = np.pad(behind, (0, around - len(behind)), "symmetric")
    return np.concatenate((pcm[begin:end], behind))


class _Model:
    """The network and its words."""

    def __init__(self, folder: Path) -> None:
        """Raises SettingsError."""
        try:
            self._encoder, self._decoder = moonshine_network.read(folder)
            self._vocabulary = vocabulary.read(folder)
        except (OSError, KeyError, ValueError) as error:
            raise SettingsError(f"no recogniser: {_INSTALL}; {error}") from None

    def transcribe(self, samples: Floats, hints: Hints) -> str:
        """Of (n,) in ±1 at 16 kHz."""
        if len(samples) < SHORTEST:
            return ""
        heard = self._decoder.hear(self._encoder.encode(samples))
        limit = 1 + int(TOKENS_PER_S * len(samples) / SAMPLE_RATE)
        draft = self._tokens(hints.so_far)
        found = decoding.likeliest(self._decoder, heard, limit=limit, draft=draft)
        text = self._vocabulary.text(found)
        if hints.choices:
            return self._chosen(heard, found, hints.choices[:MOST_CHOICES]) or text
        if hints.words and not set(said(text)) <= set(said(" ".join(hints.words))):
            return self._worded(heard, found, hints.words, limit) or text
        return text

    def _chosen(
        self, heard: EncodedSound, found: Sequence[int], choices: Sequence[str]
    ) -> str | None:
        """The choice that was said, if it is not much less likely than what was found."""
        words = said(self._vocabulary.text(found))
        if same := next((choice for choice in choices if said(choice) == words), None):
            return same
        spelled = [
            self._tokens(choice[:1].upper() + choice[1:] + end)
            for choice in choices
            for end in ENDS
        ]
        free, *each = decoding.scored(self._decoder, heard, [found, *spelled])
        scores = np.logaddexp.reduce(np.reshape(each, (len(choices), len(ENDS))), axis=1)
        best = int(scores.argmax())
        return choices[best] if scores[best] >= free - MARGIN else None

    def _worded(
        self, heard: EncodedSound, found: Sequence[int], words: Sequence[str], limit: int
    ) -> str | None:
        """What was said of these words, if it is not much less likely than what was found."""
        spelled = [self._tokens(word) for each in words for word in (each, each.capitalize())]
        table = WordTable(spelled, [self._tokens(f"a{sign}")[-1] for sign in SIGNS])
        worded = decoding.likeliest_of(self._decoder, heard, table, limit=limit)
        free, score = decoding.scored(self._decoder, heard, [found, worded])
        return self._vocabulary.text(worded) if score >= free - MARGIN else None

    def _tokens(self, text: str) -> list[int]:
        return self._vocabulary.tokens(text)


def said(text: str) -> list[str]:
    """Its words, without case and signs."""
    return re.findall(r"[\w']+", text.lower())


def _package() -> Path:
    """Where the wheel is. Raises SettingsError; another release has no weights."""
    spec = importlib.util.find_spec("moonshine_voice")
    if spec is None or spec.origin is None:
        raise SettingsError(f"no recogniser: {_INSTALL}")
    release = importlib.metadata.version("moonshine-voice")
    if release != RELEASE:
        raise SettingsError(f"no recogniser: {_INSTALL}, not {release}")
    return Path(spec.origin).parent
