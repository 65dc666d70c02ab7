"""Speech to text offline, by Moonshine's tiny English model: its weights are in the wheel.

Nothing is fetched and nothing leaves the machine. It takes about a tenth of the utterance's length
in CPU time, on up to two cores, and 200 MB. It is small: a clean telephone voice costs it a word in
thirty, a noisy one many more, and there are no times of words.

The model answers silence and noise with "You" or "Thank you for watching.", and repeats itself when
silence follows the speech. So the VAD looks first: what holds no speech is never recognised, and
silence around the speech is cut off.

Of the wheel only the library and the model are used. Its Python side imports a downloader and an
audio device's driver, and copies samples one by one, which would hold up the event loop.

Source: moonshine-ai/moonshine `core/moonshine-c-api.h` (code and English models: MIT)."""

import ctypes
import importlib.metadata
import importlib.util
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from callbridge.errors import CallbridgeError, SettingsError
from callbridge.speech.engines import Vad
from callbridge.speech.silero import SileroVad
from telecodecs import Pcm, resample

SAMPLE_RATE = 16_000  # what the model hears
VAD_RATE = 8_000

VOICED = 0.5  # a window with this probability is speech
SHORTEST_S = 0.1  # of speech; less is a click or a breath
# Silence left around the speech. Of 119 words that a person reads, 10 are wrong in two ways of
# cutting with 0.2 s, 22 with 0.1 s, and 55 with 0.6 s after it.
AROUND_S = 0.2
LONGEST_S = 30.0  # the model repeats itself after that, and its time grows with the square

RELEASE = "0.1.0"  # the last one that brings the weights; the structures below are its own
_INSTALL = f"install the extra callbridge[speech] (moonshine-voice {RELEASE})"
_LIBRARIES = ("libmoonshine.so", "libmoonshine.dylib")
_HEADER_VERSION = 30_000
_TINY = 0  # MOONSHINE_MODEL_ARCH_TINY
# Its own VAD cuts words off and takes the pre-roll for a word: "You It was the age of wisdom".
_OPTIONS = {"vad_threshold": "0", "return_audio_data": "false"}


class Moonshine:
    """The recogniser of a process, loaded when first used, or by `load`. Threads take turns."""

    def __init__(self, vad: Callable[[], Vad] = SileroVad) -> None:
        self._vad = vad
        self._one_at_a_time = threading.Lock()
        self._loaded: _Transcriber | None = None

    def load(self) -> None:
        """Load the model: 0.3 s. Raises SettingsError that says what to install."""
        with self._one_at_a_time:
            self._transcriber()

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        """The text of one utterance of up to 30 s; "" if nothing was said.

        Raises SettingsError without the library, CallbridgeError when it fails."""
        speech = trim(pcm, sample_rate, self._vad())[: round(LONGEST_S * sample_rate)]
        if len(speech) == 0:
            return ""
        samples = np.multiply(
            resample(speech, sample_rate, SAMPLE_RATE), np.float32(1 / 32768), dtype=np.float32
        )
        with self._one_at_a_time:
            return self._transcriber().transcribe(samples)

    def _transcriber(self) -> "_Transcriber":
        if self._loaded is None:
            self._loaded = _Transcriber(_package())
        return self._loaded


def trim(pcm: Pcm, sample_rate: int, vad: Vad) -> Pcm:
    """What is said in (n,) int16, with 0.2 s of its surroundings; (0,) when that is under 0.1 s."""
    heard = resample(pcm, sample_rate, VAD_RATE)
    windows = heard[: len(heard) - len(heard) % vad.window].reshape(-1, vad.window)
    voiced = [at for at, window in enumerate(windows) if vad.probability(window) >= VOICED]
    window_s = vad.window / VAD_RATE
    if len(voiced) * window_s < SHORTEST_S:
        return pcm[:0]
    begin = voiced[0] * window_s - AROUND_S
    end = (voiced[-1] + 1) * window_s + AROUND_S
    return pcm[max(0, round(begin * sample_rate)) : round(end * sample_rate)]


class _Option(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("value", ctypes.c_char_p))


class _Line(ctypes.Structure):
    """transcript_line_t; only its text is of use here."""

    _fields_ = (("text", ctypes.c_char_p), ("unused", ctypes.c_byte * 80))


class _Transcript(ctypes.Structure):
    _fields_ = (("lines", ctypes.POINTER(_Line)), ("line_count", ctypes.c_uint64))


class _Transcriber:
    """The library with its model. Not thread-safe: a transcript lives until the next one."""

    def __init__(self, package: Path) -> None:
        """Raises SettingsError."""
        path = next((package / name for name in _LIBRARIES if (package / name).exists()), package)
        model = package / "assets" / "tiny-en"
        try:
            self._library = ctypes.CDLL(str(path))
        except OSError as error:
            raise SettingsError(f"no recogniser: {_INSTALL}; {error}") from None
        self._library.moonshine_error_to_string.restype = ctypes.c_char_p
        options = [_Option(name.encode(), value.encode()) for name, value in _OPTIONS.items()]
        self._handle: int = self._library.moonshine_load_transcriber_from_files(
            str(model).encode(),
            ctypes.c_uint32(_TINY),
            (_Option * len(options))(*options),
            ctypes.c_uint64(len(options)),
            ctypes.c_int32(_HEADER_VERSION),
        )
        if self._handle < 0:
            raise SettingsError(f"no recogniser: {model}: {self._in_words(self._handle)}")

    def transcribe(self, samples: NDArray[np.float32]) -> str:
        """Of (n,) in ±1 at 16 kHz. Raises CallbridgeError."""
        transcript = ctypes.POINTER(_Transcript)()
        failure: int = self._library.moonshine_transcribe_without_streaming(
            ctypes.c_int32(self._handle),
            samples.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
            ctypes.c_uint64(len(samples)),
            ctypes.c_int32(SAMPLE_RATE),
            ctypes.c_uint32(0),
            ctypes.byref(transcript),
        )
        if failure < 0:
            raise CallbridgeError(f"moonshine-voice failed: {self._in_words(failure)}")
        found = transcript.contents
        texts = [found.lines[at].text for at in range(found.line_count)]
        return " ".join(text.decode(errors="replace").strip() for text in texts if text).strip()

    def _in_words(self, failure: int) -> str:
        text: bytes | None = self._library.moonshine_error_to_string(ctypes.c_int32(failure))
        return (text or b"unknown error").decode(errors="replace")


def _package() -> Path:
    """Where the wheel is. Raises SettingsError; another release could even crash the process."""
    spec = importlib.util.find_spec("moonshine_voice")
    if spec is None or spec.origin is None:
        raise SettingsError(f"no recogniser: {_INSTALL}")
    release = importlib.metadata.version("moonshine-voice")
    if release != RELEASE:
        raise SettingsError(f"no recogniser: {_INSTALL}, not {release}")
    return Path(spec.origin).parent
