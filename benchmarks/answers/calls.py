"""Calls of callers with recorded voices to bots with the offline engines, in virtual time.

The engines really work, and the loop's clock is moved by what their work was declared to take: a
recognition that takes longer because the machine is busy would make every figure that machine's,
and of that minute. What Moonshine takes is what docs/speech.md has for it: to hear, by the length
of the sound, and to write, by the words that a draft has not said yet."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple, TypeVar

import numpy as np
from tests.callbridge.speech.acoustics import BOT_SAYS, RATE, Wave, at_level

from callbridge import App, Call, Turn
from callbridge.carrier.people.echo import EchoPath
from callbridge.speech import espeak
from callbridge.speech.engines import Hints, Recogniser, Speech, Word
from callbridge.speech.moonshine import Moonshine
from callbridge.speech.silero import SileroVad
from callbridge.speech.turns import TurnSettings
from callbridge.testing.callers import caller, says, tone
from callbridge.testing.loop import run
from callbridge.testing.pair import Pair
from callbridge.testing.words import Conversation
from telecodecs import Pcm, resample

RECOGNISING_S, HEARING_PER_S, WRITING_PER_WORD_S = 0.025, 0.012, 0.011
SPEAKING_S = 0.001
ANSWER_S = 1.5  # the bot's answer: a tone
SAYS_DBFS = -20.0

T = TypeVar("T")


class Ears:
    """A recogniser that remembers what it heard: sound that comes again is not recognised again,
    but takes its time again."""

    def __init__(
        self, recogniser: Recogniser | None = None, known: dict[str, str] | None = None
    ) -> None:
        self.takes_s = 0.0  # of the work that was done since this was last set to zero
        self.known: dict[str, str] = known or {}  # a sound's hash → its text
        self._recogniser = recogniser or Moonshine()

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        return self.transcribe_with(pcm, sample_rate, Hints())

    def transcribe_with(self, pcm: Pcm, sample_rate: int, hints: Hints) -> str:
        key = hashlib.sha256(pcm.tobytes()).hexdigest()
        if key not in self.known:
            self.known[key] = self._recogniser.transcribe(pcm, sample_rate)
        text = self.known[key]
        new = max(0, len(text.split()) - len(hints.so_far.split()))
        seconds = len(pcm) / sample_rate
        self.takes_s += RECOGNISING_S + HEARING_PER_S * seconds + WRITING_PER_WORD_S * new
        return text


class DeclaredJobs:
    """Work that is done at once, and then takes as long as its engine declares."""

    def __init__(self, ears: Ears) -> None:
        self._ears = ears

    async def run(self, work: Callable[[], T], *, takes: float = 0.0) -> T:
        self._ears.takes_s = 0.0
        result = work()
        await asyncio.sleep(takes + (self._ears.takes_s or SPEAKING_S))
        return result


class ToneMouth:
    """Every answer is one tone, whose first sample is loud."""

    def speak(self, text: str, sample_rate: int) -> Sequence[Word]:
        return [Word(text, tone(ANSWER_S, 440.0, sample_rate))]


def greeting(sample_rate: int) -> Pcm:
    """What a bot says that is spoken over, by the offline voice at the callers' level."""
    return resample(np.concatenate([_spoken(text) for text in BOT_SAYS * 2]), RATE, sample_rate)


class LevelMouth:
    """The offline voice at the callers' level, which says a text alike each time. The engine does
    not: how it says one depends on what it said before."""

    def speak(self, text: str, sample_rate: int) -> Sequence[Word]:
        return [Word(text, resample(_spoken(text.strip()), RATE, sample_rate))]


@cache
def _spoken(text: str) -> Pcm:
    return _pcm(at_level(espeak.speak(text, RATE).astype(np.float64), SAYS_DBFS))


class HeardCall(NamedTuple):
    """The tracks of a call, and what the bot was told that the caller said."""

    caller: Pcm
    bot: Pcm
    rate: int
    texts: tuple[str, ...]


def answers(
    line: Wave, ears: Ears, settings: TurnSettings | None = None, language: str | None = None
) -> HeardCall:
    """A caller sounds like this, and the bot answers each turn at once."""
    app = App(speech=Speech(SileroVad, ears, ToneMouth()), turns=settings, language=language)
    app.reply(answer)
    return _call(app, ears, line, None)


def over_the_bot(line: Wave, ears: Ears, echo: EchoPath | None = None) -> HeardCall:
    """A caller sounds like this while the bot speaks, which says nothing to what it hears."""
    app = App(speech=Speech(SileroVad, ears, LevelMouth()))
    app.reply(greeting=" ".join(BOT_SAYS * 2))(say_nothing)
    return _call(app, ears, line, echo)


def answer(call: Call, turn: Turn) -> str:
    return "Yes."


def say_nothing(call: Call, turn: Turn) -> None:
    return None


def _call(app: App, ears: Ears, line: Wave, echo: EchoPath | None) -> HeardCall:
    found: Conversation = run(_converse(app, ears, line, echo))
    texts = tuple(turn.text for turn in found.heard)
    return HeardCall(found.caller, found.bot, found.sample_rate, texts)


async def _converse(app: App, ears: Ears, line: Wave, echo: EchoPath | None) -> Conversation:
    pair = Pair(app, jobs=DeclaredJobs(ears))
    try:
        return await pair.call(caller(says(_pcm(line), RATE), echo=echo))
    finally:
        await pair.close()


def _pcm(wave: Wave) -> Pcm:
    return np.clip(wave, -32768, 32767).astype(np.int16)
