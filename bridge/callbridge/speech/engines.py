"""What a speech engine is: a protocol for each of the three kinds, and more for engines that work
elsewhere: those run on the event loop, as a worker would only wait for their answers.

An engine of one's own needs no base class: whatever has these methods is one."""

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

from callbridge.errors import SettingsError, VoiceCannot
from callbridge.speech.ending import EndOfTurn, Evidence
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


@runtime_checkable
class Loads(Protocol):
    """An engine that takes a while to load, and can do it before it is needed."""

    def load(self) -> None: ...


@runtime_checkable
class RemoteRecogniser(Recogniser, Protocol):
    """One that is a service: it runs on the event loop, an utterance at a time."""

    async def recognise(self, pcm: Pcm, sample_rate: int) -> str:
        """As `transcribe`. Raises SpeechFailed."""
        ...


class HeardWord(NamedTuple):
    """A word with its punctuation; seconds since its stream began."""

    text: str
    start: float
    end: float


class HeardSoFar(NamedTuple):
    """What a stream has understood behind its last final words: a guess, until it is `final`.

    `until`: the second up to which everything has been heard."""

    words: tuple[HeardWord, ...]
    final: bool
    until: float


class HearingStream(Protocol):
    """One connection to a recogniser; iterated over, it gives what is heard, until it ends."""

    async def send(self, pcm: Pcm) -> None: ...

    async def finish(self) -> None:
        """Final words for all that was sent are wanted now; more sound may follow."""
        ...

    def __aiter__(self) -> AsyncIterator[HeardSoFar]: ...


@runtime_checkable
class StreamingRecogniser(RemoteRecogniser, Protocol):
    """One that hears while the caller speaks."""

    def listen(self, sample_rate: int) -> AbstractAsyncContextManager[HearingStream]:
        """A stream for one call. All of it raises SpeechFailed."""
        ...


@runtime_checkable
class KnowsLanguages(Protocol):
    """An engine that says which languages it is made for, by code. Of others it is believed that
    they are those of the application."""

    @property
    def languages(self) -> Collection[str]: ...


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known of an utterance before it is recognised. All of it may be wrong."""

    so_far: str = ""  # the text of its beginning
    choices: tuple[str, ...] = ()  # it may be one of these words or phrases, and nothing else
    words: tuple[str, ...] = ()  # or some of these in any order, as digits are


@runtime_checkable
class TakesHints(Protocol):
    """A recogniser that is faster or surer when it knows more; `transcribe` is needed as well."""

    def transcribe_with(self, pcm: Pcm, sample_rate: int, hints: Hints) -> str:
        """As `transcribe`. Wrong hints make it no worse than none."""
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


@runtime_checkable
class StreamingSynthesiser(Synthesiser, Protocol):
    """One that sounds while its text is still being written: a voice that is a service."""

    def stream(self, texts: AsyncIterable[str], sample_rate: int) -> AsyncGenerator[Word, None]:
        """The speech of texts that come one by one: clauses, sentences.

        What it is given it speaks without waiting for more. A Word may have sound alone: then its
        text comes with a later one, so that each text ends where it was said. Closing it ends the
        stream. Raises SpeechFailed."""
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
    ending: EndOfTurn = field(default_factory=Evidence)


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


def in_language(speech: Speech, code: str) -> Speech:
    """The engines of an application whose callers speak this language.

    Raises SettingsError where an engine says that it is made for others."""
    base = base_of(code)
    recogniser = _made_for(code, speech.recogniser, speech.recognisers, "recognisers")
    synthesiser = _made_for(code, speech.synthesiser, speech.synthesisers, "synthesisers")
    return replace(
        speech,
        recogniser=recogniser,
        synthesiser=synthesiser,
        recognisers={base: recogniser, **speech.recognisers},
        synthesisers={base: synthesiser, **speech.synthesisers},
    )


def _made_for(code: str, engine: Engine, others: Mapping[str, Engine], what: str) -> Engine:
    other = others.get(code) or others.get(base_of(code))
    if other is not None:
        return other
    known = engine.languages if isinstance(engine, KnowsLanguages) else ()
    if known and base_of(code) not in known:
        raise SettingsError(
            f"the {what.removesuffix('s')} is made for {', '.join(sorted(known))}, "
            f"and callers speak {code!r}: pass an engine in "
            f"App(speech=Speech(..., {what}={{{code!r}: ...}})), or "
            'let the platform hear and speak: voice="relay"'
        )
    return engine
