"""Has the caller finished, or only paused? By evidence instead of a stopwatch.

Three things tell: the sound of the last word, the words so far, and what the bot has asked for.
Each adds to the odds that the turn is over. How long a silence must be then follows from these
odds, and from how often the bot may cut in:

    of callers who will go on, a share of exp(-t / pause) has not done so after a silence of t;
    answer when what is left of the odds for them is `cut_in`

so patience is a straight line in the log-odds: sure of an end, the bot answers soon; sure of a
pause, late; and a caller who pauses for long is waited for longer.

Pure: no I/O, no clock."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from callbridge.speech import prosody
from callbridge.speech.expecting import ANYTHING, Expecting, is_complete
from callbridge.speech.language import DEFAULT, Language
from callbridge.speech.words import TextEnding, ending_of
from telecodecs import Pcm

SURE = 1e-4  # nothing is surer


@dataclass(frozen=True, slots=True)
class TurnContext:
    """What is known of a turn besides its sound and its words."""

    language: Language = DEFAULT
    expected: Expecting = ANYTHING  # what the bot has asked for


class EndOfTurn(Protocol):
    """Tells an end from a pause. One per process, for all calls; asked at each pause, in the worker
    that has recognised the words."""

    def probability(self, audio: Pcm, text: str, context: TurnContext) -> float:
        """That the caller has finished: 0 to 1, a half where nothing tells.

        `audio` is the turn so far, (n,) int16 at 8 kHz, with some silence behind its last sound;
        `text` is what was said in it, "" if no words were found."""
        ...


@dataclass(frozen=True)
class PatienceSettings:
    """Seconds, and probabilities where it says so."""

    cut_in: float = 0.05  # the probability of cutting in at which the bot answers: fewer, later
    pause: float = 0.30  # how long callers' pauses are beyond `soonest`: their mean
    soonest: float = 0.20  # a shorter silence ends no turn: stops within words are as long
    latest: float = 1.80  # a longer one ends every turn
    unjudged: float = 0.64  # ends a turn that nobody has judged yet: recognition is late, or busy


def patience(probability: float, pauses: Sequence[float], settings: PatienceSettings) -> float:
    """Seconds of silence that end a turn which is over with this probability. `pauses` are those
    that this caller has made so far."""
    needed = -_log_odds(settings.cut_in) - _log_odds(probability)
    wait = settings.soonest + mean_pause(pauses, settings) * needed
    return min(max(wait, settings.soonest), settings.latest)


KNOWN_PAUSES = 8  # what is known of all callers counts as so many pauses of this one


def mean_pause(pauses: Sequence[float], settings: PatienceSettings) -> float:
    """Of this caller: from what all callers do to what this one does."""
    beyond = sum(pause - settings.soonest for pause in pauses)
    return (KNOWN_PAUSES * settings.pause + beyond) / (KNOWN_PAUSES + len(pauses))


# Log-odds of an end, by how the text ends: what is missing here says nothing.
WORDS: Mapping[TextEnding, float] = {
    TextEnding.CLAUSE: -0.6,  # in the recordings of docs/speech.md 23 of 41 commas are ends,
    TextEnding.DEPENDENT: -1.2,  # such as answer a question are whole: "When I am back."
    TextEnding.OPEN: -4.0,  # none of 18 such words,
    TextEnding.NUMBER: -1.5,  # and nothing tells: a second of silence is for the next group
    TextEnding.LETTERS: -1.5,
}
SOUNDLESS = (TextEnding.NUMBER, TextEnding.LETTERS)  # said one by one, each as if it were the last


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sound, the words and what was asked for, as log-odds that add up.

    They fit the recordings that are for tuning; `python -m benchmarks.answers` judges them."""

    prior: float = 1.8  # most pauses of 0.2 s are ends: callers' turns are short
    sound: float = (
        0.5  # what the log-odds of the sound count: at people's own pauses it is too sure
    )
    sound_least: float = -1.1  # so that no tone of voice makes the bot wait for longer than 0.8 s
    words: Mapping[TextEnding, float] = field(default_factory=lambda: WORDS)
    complete: float = 4.0  # all that was asked for has been said
    incomplete: float = -4.0  # or it has not, however it sounds

    def probability(self, audio: Pcm, text: str, context: TurnContext) -> float:
        match is_complete(text, context.expected, context.language):
            case True:
                odds = self.complete
            case False:
                odds = self.incomplete
            case None:
                odds = self.prior + self._said_and_heard(audio, text, context.language)
        return 1 / (1 + math.exp(-odds))

    def _said_and_heard(self, audio: Pcm, text: str, language: Language) -> float:
        ending = ending_of(text, language)
        said = self.words.get(ending, 0.0)
        if ending in SOUNDLESS:
            return said
        return said + max(self.sound_least, self.sound * _log_odds(prosody.finished(audio)))


def _log_odds(probability: float) -> float:
    sure = min(max(probability, SURE), 1 - SURE)
    return math.log(sure / (1 - sure))
