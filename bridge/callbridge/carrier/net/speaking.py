"""The carrier's voice: what the platform speaks, and what callers say whose scripts are text."""

from typing import Protocol

from callbridge.carrier.people.steps import CallerVoice
from callbridge.host.audiofile import Clip
from telecodecs import Pcm

CALLER_RATE = 16000  # the best that any leg carries


class CarrierVoice(Protocol):
    """Text to speech. Blocking; raises CallbridgeError."""

    def __call__(self, text: str, sample_rate: int, *, ssml: bool) -> Pcm: ...


def speaker(voice: CarrierVoice | None) -> CallerVoice | None:
    """The same voice as that of a caller; none without one."""
    if voice is None:
        return None
    return lambda text: Clip(voice(text, CALLER_RATE, ssml=False), CALLER_RATE)
