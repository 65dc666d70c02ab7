"""What is said in a greeting, as text: all of it so far, again and again while it goes on."""

from collections.abc import Callable

import numpy as np

from callbridge.carrier.audio.playout import TICKS_PER_S
from callbridge.carrier.parts.phrases import Speaker, passes_on, who_says
from telecodecs import Pcm, silence

PRE_ROLL_TICKS = 15  # the beginning of a word is softer than what shows that it is one
FIRST_TICKS, NEXT_TICKS = 50, 40  # of sound, before a greeting that goes on is recognised (again)
PAUSE_TICKS = 15  # after which it is recognised at once
SHORTEST_TICKS = 5  # of sound; less is a click
LONGEST_TICKS = 8 * TICKS_PER_S  # of which no phrase is longer
PAD_S = 0.2  # of silence, which a recogniser wants behind the last word

RecogniseGreeting = Callable[[Pcm, int, Callable[[str | None], None]], None]
"""Of (n,) int16, their sample rate, and who is to be told the text."""


class GreetingEar:
    """It has one piece of sound recognised at a time; what is said is known later than it was."""

    def __init__(self, sample_rate: int, recognise: RecogniseGreeting) -> None:
        self._rate, self._recognise = sample_rate, recognise
        self._silence = silence(sample_rate // TICKS_PER_S)
        self._pad = silence(round(PAD_S * sample_rate))
        self._heard: list[Pcm] = []  # 20 ms each
        self._sound = 0  # ticks of it, all in all
        self._asked_sound = self._known_sound = 0  # how much of it was to be and is recognised
        self._quiet = 0  # ticks, now
        self._asking = False
        self._understands = True
        self.text = ""
        self.speaker: Speaker | None = None
        self.passes_on = False  # what a screening says that lets the caller wait

    @property
    def hears_no_words(self) -> bool:
        """Whether something sounds and none of what is known of it is speech."""
        return bool(self._known_sound) and self._understands and not self.text

    @property
    def knows_all(self) -> bool:
        """Whether `text` is all that has been said, but for sounds too short to be a word."""
        return self._sound - self._known_sound < SHORTEST_TICKS

    def hear(self, pcm: Pcm | None, *, loud: bool) -> None:
        """20 ms, None for silence."""
        self._heard.append(self._silence if pcm is None else pcm)
        if loud:
            self._sound, self._quiet = self._sound + 1, 0
        else:
            self._quiet += 1
        if not self._sound:
            del self._heard[:-PRE_ROLL_TICKS]
        del self._heard[:-LONGEST_TICKS]
        self._ask_in_time()

    def recognised(self, text: str | None) -> None:
        """None when the recogniser failed."""
        self._asking = False
        self._known_sound = self._asked_sound
        self._understands = text is not None
        self.text = text or ""
        self.speaker, self.passes_on = who_says(self.text), passes_on(self.text)
        self._ask_in_time()

    def ask(self) -> None:
        """Do not wait for more: it is time to know."""
        if not self._asking and self._sound > self._asked_sound:
            self._asking, self._asked_sound = True, self._sound
            pcm = np.concatenate([*self._heard, self._pad])
            self._recognise(pcm, self._rate, self.recognised)

    def _ask_in_time(self) -> None:
        new = self._sound - self._asked_sound
        enough = new >= (NEXT_TICKS if self._asked_sound else FIRST_TICKS)
        if enough or (new >= SHORTEST_TICKS and self._quiet >= PAUSE_TICKS):
            self.ask()
