"""The studio of a process: the engines that all its calls hear and speak with, and their counts."""

from collections import deque
from dataclasses import dataclass, field

from callbridge.speech import turns
from callbridge.speech.echo import EchoSettings
from callbridge.speech.engines import Loads, Speech
from callbridge.speech.pool import SpeechPool
from callbridge.tape.waterfall import STEPS, Waterfall
from callbridge.timing.histogram import Histogram


@dataclass(slots=True)
class SpeechCounts:
    """Counted over the life of the process."""

    turns: int = 0
    empty_turns: int = 0  # speech in which no words were found
    failed_turns: int = 0
    interruptions: int = 0
    withheld: int = 0  # onsets while the bot spoke
    echoes: int = 0  # windows that were the bot itself
    fallbacks: int = 0  # an engine failed in the middle of its work, and another went on
    deaf_windows: int = 0  # in which the voice detector failed
    stuck: int = 0  # tasks of bots that were left behind, as they did not end when cancelled
    waterfalls: deque[dict[str, float]] = field(default_factory=lambda: deque(maxlen=1000))
    steps: dict[str, Histogram] = field(
        default_factory=lambda: {name: Histogram() for name in STEPS}
    )

    def answered(self, waterfall: Waterfall) -> dict[str, float]:
        """Returns its steps."""
        steps = waterfall.after_s()
        self.waterfalls.append(steps)
        for step, seconds in steps.items():
            self.steps[step].add(seconds)
        return steps


@dataclass(frozen=True, slots=True)
class Studio:
    """The engines of a process and the pools that they work in."""

    speech: Speech
    hearing: SpeechPool
    speaking: SpeechPool
    turns: turns.TurnSettings
    echo: EchoSettings
    counts: SpeechCounts

    async def load(self) -> None:
        """Load the recogniser, so that the first turn does not wait for it. Raises SpeechFailed."""
        recogniser = self.speech.recogniser
        if isinstance(recogniser, Loads):
            await self.hearing.run(recogniser.load)
