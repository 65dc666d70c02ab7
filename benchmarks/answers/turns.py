"""The turns of a measurement, as bots answer them."""

from collections.abc import Callable

from benchmarks.answers import material, recordings
from benchmarks.answers.calls import Ears, HeardCall, answers
from benchmarks.answers.figures import Measured
from benchmarks.answers.judging import (
    TurnJudged,
    begins_s,
    judge_turn,
    sounds,
    words_lost,
    words_of,
)
from benchmarks.answers.oracle import NoWords, Oracle
from benchmarks.answers.peers import PipecatBot
from benchmarks.answers.spoken import BEFORE_S, SpokenTurn, on_line, spoken
from tests.callbridge.speech.acoustics import RATE, Wave, over_the_wire

from callbridge.speech.turns import TurnSettings


class Turns:
    """The turns on their lines, each in a quiet and in a noisy one.

    `ears` are those of the bots of ours. Of languages that the recogniser does not know there are
    `measured_by_oracle` and `measured_without_words`."""

    def __init__(self, *, final: bool, ears: Ears, language: str = "en") -> None:
        planned = material.choose(recordings.catalogue(language), final=final)
        self._lines: list[tuple[SpokenTurn, bool, Wave]] = [
            (turn, noisy, on_line(turn.wave, noisy=noisy, seed=seed))
            for seed, turn in enumerate(spoken(each, language) for each in planned)
            for noisy in (False, True)
        ]
        self._ears = ears
        self._language = language

    def measured(self, settings: TurnSettings | None = None) -> list[Measured]:
        """With these settings of the bot's, by default those that every bot has."""
        return [self._measured(*each, settings) for each in self._lines]

    def _measured(
        self, turn: SpokenTurn, noisy: bool, line: Wave, settings: TurnSettings | None
    ) -> Measured:
        call = answers(line, self._ears, settings)
        whole = self._ears.transcribe(over_the_wire(line), RATE)
        return Measured(
            turn.kind,
            noisy,
            judged(turn, call),
            len(turn.words),
            words_lost(turn.words, words_of(" ".join(call.texts))),
            words_lost(turn.words, words_of(whole)),
            turn.one_sentence,
        )

    def measured_by_oracle(self) -> list[Measured]:
        """With a recogniser that knows what is said."""
        oracle = Oracle()
        return self._of_language(Ears(oracle), attend=oracle.attend)

    def measured_without_words(self) -> list[Measured]:
        """With a recogniser that understands nothing, so that only silences count."""
        return self._of_language(Ears(NoWords()), attend=lambda turn, line: None)

    def _of_language(
        self, ears: Ears, attend: Callable[[SpokenTurn, Wave], None]
    ) -> list[Measured]:
        found: list[Measured] = []
        for turn, noisy, line in self._lines:
            attend(turn, line)
            call = answers(line, ears, language=self._language)
            found.append(Measured(turn.kind, noisy, judged(turn, call)))
        return found

    def measured_by(self, bot: PipecatBot) -> list[Measured]:
        """With a bot of another framework, which is told no words."""
        calls = bot.answers(line for _, _, line in self._lines)
        return [
            Measured(turn.kind, noisy, judged(turn, call))
            for (turn, noisy, _), call in zip(self._lines, calls, strict=True)
        ]


def judged(turn: SpokenTurn, call: HeardCall) -> TurnJudged:
    begins = begins_s(call.caller, call.rate) + BEFORE_S
    return judge_turn(begins, turn.ends_s, turn.pauses, sounds(call.bot, call.rate))
