"""What a speech engine is: three protocols.

An engine of one's own needs no base class: whatever has these methods is one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from callbridge.errors import VoiceCannot
from callbridge.speech.language import base_of
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


Engine = TypeVar("Engine")


@dataclass(frozen=True, slots=True)
class Speech:
    """The engines of one process. A factory of VADs, as each call has its own.

    `recognisers` and `synthesisers` are those of other languages, by code ("de", "pt-BR"): what
    `call.language` changes to."""

    vad: Callable[[], Vad]
    recogniser: Recogniser
    synthesiser: Synthesiser
    recognisers: Mapping[str, Recogniser] = field(default_factory=dict[str, Recogniser])
    synthesisers: Mapping[str, Synthesiser] = field(default_factory=dict[str, Synthesiser])


def of_language(engines: Mapping[str, Engine], code: str, what: str) -> Engine:
    """The one for "de-AT", else for "de". Raises VoiceCannot."""
    engine = engines.get(code) or engines.get(base_of(code))
    if engine is None:
        known = ", ".join(sorted(engines)) or "none"
        raise VoiceCannot(
            f"no engine for the language {code!r}, known are: {known}; "
            f"pass one in App(speech=Speech(..., {what}={{{code!r}: ...}}))"
        )
    return engine
