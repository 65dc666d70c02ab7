"""Text to speech offline, by espeak-ng: robotic, quick, and always there.

An optional extra: `pip install callbridge[voice]` brings the library and its voices as the wheel
espeakng-loader. The library is GPL-3: a product that ships it together with this file has to
respect that; Callbridge itself never needs it.

Source: espeak-ng/espeak-ng `src/include/espeak-ng/speak_lib.h`."""

import ctypes
import functools
import importlib
import re
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from callbridge.errors import SettingsError
from callbridge.speech.engines import Word
from telecodecs import Pcm, resample, silence

_SYNCHRONOUS = 2
_RATE = 1  # espeakRATE, words per minute
_UTF8, _SSML = 1, 0x10
_END_OF_EVENTS, _WORD = 0, 1
OTHER_TAGS = {"arb": "ar"}  # that the engine calls otherwise
_INSTALL = "install the extra callbridge[voice] (espeak-ng, GPL-3)"

# Control characters begin commands of the engine's own, for example to speak ten times as fast.
_PLAIN = {code: " " for code in range(32) if chr(code) not in "\t\n\r"}


class _Event(ctypes.Structure):
    """espeak_EVENT: at `sample` of the speech, the `text_position`-th character begins (from 1)."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


class _Voice(ctypes.Structure):
    """espeak_VOICE; `identifier` is the path of its file, such as gmw/en-US."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)

# The library is one synthesiser per process, with its voice and speed as global state.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Espeak:
    """espeak-ng as a synthesiser. `voice` as `en-us` or `de`, `rate` in words per minute."""

    voice: str = "en-us"
    rate: int = 165

    def speak(self, text: str, sample_rate: int) -> Sequence[Word]:
        """Speak a plain text, a Word for each piece between spaces that sounds; blocks as `speak`.

        A piece without a sound of its own (a dash) is part of the word before. A text that is not
        empty has at least one Word. Raises SettingsError."""
        if not text:
            return ()
        spoken = _synthesise(text, self.voice, self.rate, ssml=False)
        pcm = resample(spoken.pcm, spoken.sample_rate, sample_rate)
        cuts = _cuts(text, spoken.marks)
        starts = [round(cut.sample * sample_rate / spoken.sample_rate) for cut in cuts]
        ends = [*cuts[1:], _Mark(len(text), 0)]
        return tuple(
            Word(text[cut.character : end.character], pcm[begin:finish])
            for cut, end, begin, finish in zip(
                cuts, ends, starts, [*starts[1:], len(pcm)], strict=True
            )
        )


def available() -> bool:
    """Whether the library is installed."""
    try:
        speak("", 8000)
    except SettingsError:
        return False
    return True


def speak(
    text: str,
    sample_rate: int,
    *,
    language: str = "en-US",
    female: bool = False,
    voice: str = "",
    rate: int = 165,
    ssml: bool = False,
) -> Pcm:
    """Speak a text in a language by its tag, such as pt-BR: in the nearest one that there is, and
    in English where there is none. A `voice` by the engine's own name takes the place of both.
    `rate` is in words per minute. Blocks for about 2 ms per second of speech.

    Returns (n,) int16. Raises SettingsError without the library or for an unknown voice."""
    named = voice or voice_for(language) + ("+f2" if female else "")
    spoken = _synthesise(text, named, rate, ssml=ssml)
    return resample(spoken.pcm, spoken.sample_rate, sample_rate)


@functools.cache
def voice_for(language: str) -> str:
    """What the engine calls the voice of a language. Raises SettingsError without the library."""
    with _one_at_a_time:
        names = {name.lower(): name for name in _voices(_library()[0])}
    tag = language.lower()
    return names.get(tag) or names.get(OTHER_TAGS.get(tag, tag).partition("-")[0], "en-us")


class _Mark(NamedTuple):
    """At this sample the engine begins to say this character of the text, counted from 0."""

    character: int
    sample: int


class _Spoken(NamedTuple):
    pcm: Pcm
    sample_rate: int
    marks: list[_Mark]


def _synthesise(text: str, voice: str, rate: int, *, ssml: bool) -> _Spoken:
    pieces: list[Pcm] = []
    marks: list[_Mark] = []

    def keep(samples: Any, count: int, events: Any) -> int:
        if samples and count:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).astype(np.int16))
        at = 0
        while (event := events[at]).type != _END_OF_EVENTS:
            if event.type == _WORD:
                marks.append(_Mark(event.text_position - 1, event.sample))
            at += 1
        return 0  # go on

    # One character for one, so that the engine's positions are the text's.
    data = text.translate(_PLAIN).encode(errors="replace") + b"\0"
    callback = _Callback(keep)
    with _one_at_a_time:
        library, sample_rate = _library()
        if library.espeak_SetVoiceByName(voice.encode(errors="replace")) != 0:
            known = ", ".join(_voices(library))
            raise SettingsError(f"espeak-ng has no voice {voice!r}; it has {known}")
        library.espeak_SetParameter(_RATE, rate, 0)
        library.espeak_SetSynthCallback(callback)
        flags = _UTF8 | (_SSML if ssml else 0)
        library.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, 0, 0, flags, None, None)
    return _Spoken(np.concatenate(pieces) if pieces else silence(0), sample_rate, marks)


def _cuts(text: str, marks: Sequence[_Mark]) -> list[_Mark]:
    """Where text and speech are cut: both rise, and the first cut is at the beginning of both.

    Numbers and signs have several marks, some of them a character or two off; so a piece of the
    text between spaces begins with its first mark, and is not divided."""
    pieces = [match.start() for match in re.finditer(r"\S+", text)]
    first: dict[int, int] = {}
    for at, sample in marks:
        in_a_gap = at >= len(text) or text[at].isspace()  # before the piece that is meant
        piece = bisect_left(pieces, at) if in_a_gap else bisect_right(pieces, at) - 1
        first.setdefault(piece, sample)
    cuts = [_Mark(0, 0)]
    for piece, sample in sorted(first.items()):
        if 0 < piece < len(pieces):
            cuts.append(_Mark(pieces[piece], max(sample, cuts[-1].sample)))
    return cuts


def _voices(library: ctypes.CDLL) -> list[str]:
    """The names that every voice answers to: those of their files."""
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
    voices: Any = library.espeak_ListVoices(None)
    names: list[str] = []
    while voices[len(names)]:
        identifier: bytes = voices[len(names)].contents.identifier
        names.append(identifier.decode().rpartition("/")[2])
    return sorted(names, key=str.lower)


@functools.cache
def _library() -> tuple[ctypes.CDLL, int]:
    """The initialised library and the sample rate of its voices."""
    try:
        loader: Any = importlib.import_module("espeakng_loader")
        library = ctypes.CDLL(str(loader.get_library_path()))
        data: bytes = str(loader.get_data_path()).encode()
    except (ImportError, OSError, RuntimeError) as error:
        raise SettingsError(f"no voice: {_INSTALL}; {error}") from None
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, data, 0)
    if rate <= 0:
        raise SettingsError(f"espeak-ng did not start with the voices in {data.decode()}")
    return library, rate
