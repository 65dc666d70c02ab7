"""What the carrier speaks and understands with: the voice of its `speak` command and of callers
whose scripts are text, and the engines of Conversation Relay."""

from collections.abc import Sequence
from typing import Protocol

from callbridge.carrier.people.steps import CallerVoice
from callbridge.host.audiofile import Clip
from telecodecs import Pcm

CALLER_RATE = 16000  # the best that any leg carries
CALLER_SPEAKS = "en-US"


class CarrierVoice(Protocol):
    """Text to speech; `language` is a tag such as en-GB. Blocking; raises CallbridgeError."""

    def __call__(
        self, text: str, sample_rate: int, *, ssml: bool, language: str, female: bool
    ) -> Pcm: ...


class RelaySynthesiser(Protocol):
    def speak(self, text: str, sample_rate: int) -> Sequence[tuple[str, Pcm]]:
        """Words and what sounds while each is said. Blocking; raises CallbridgeError."""
        ...


class RelayRecogniser(Protocol):
    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        """The text of one utterance, or of its beginning. Blocking; raises CallbridgeError."""
        ...


class RelayEngines(Protocol):
    """One pair of engines for all sessions."""

    @property
    def synthesiser(self) -> RelaySynthesiser: ...

    @property
    def recogniser(self) -> RelayRecogniser: ...


def speaker(voice: CarrierVoice | None) -> CallerVoice | None:
    """The same voice as that of a caller; none without one."""
    if voice is None:
        return None
    return lambda text: Clip(
        voice(text, CALLER_RATE, ssml=False, language=CALLER_SPEAKS, female=False), CALLER_RATE
    )
