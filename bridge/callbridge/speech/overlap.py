"""Speech over the bot: does the caller interrupt it, or not?

Pure state: no I/O, no clock. An `Overlap` is of one stretch of the caller's speech. It judges by
how loud the stretch is (`speech.levels`), how long, and what its words ask for; `speech.turns`
tells it and makes turns of the interruptions.

    much quieter than this caller     nothing: somebody in the background
    loud enough                       WITHHOLD
      words, for `interrupt_after`      INTERRUPT
      a hum, for `hum_after`            INTERRUPT
      a pause, and words in it          INTERRUPT, unless all of it was a hum
      a pause                           RESUME
    about at the border               WITHHOLD; INTERRUPT or RESUME when that is clear"""

from dataclasses import dataclass
from enum import Enum, auto

from callbridge.speech.levels import LevelSettings, SpeechLevels, Stretch, WindowSound


@dataclass(frozen=True)
class OverlapSettings(LevelSettings):
    """Seconds, and counts of words."""

    # Of speech over the bot. The bot is silent meanwhile, so that this can be longer than "okay"
    # and "I see" are; infinity leaves it to the words.
    interrupt_after: float = 0.700
    hum_after: float = 2.000  # of a sound with closed lips; "mm-hm" may be drawn out
    background_after: float = 0.800  # the bot goes on over what is quieter than the border ...
    unclear_after: float = 3.000  # ... by `unclear`, and by less and less until so long after
    quiet_after: float = 5.000  # of background, which then is somebody who speaks softly
    interrupt_words: int = 2  # or so many words that are no back-channels
    interrupt_words_after: int = 1  # and so many when a pause follows: "stop"
    articulated: float = 0.100  # with open lips: at least so much of any word is, and ...
    articulated_share: float = 0.2  # ... such a share; "one" and "nine" have 0.45
    resume_after: float = 0.300  # of silence, if it was no interruption
    text_within: float = 0.600  # of silence: as long the text is waited for before that
    late_text: float = 2.0  # how long after it the text of a word over the bot still counts


class OverlapMove(Enum):
    """What the bot should do."""

    WITHHOLD = auto()
    RESUME = auto()
    INTERRUPT = auto()


class _Stance(Enum):
    """How the speech stands to what the bot says."""

    NONE = auto()
    WITHHELD = auto()
    RESUMED = auto()
    INTERRUPTED = auto()


class Overlap:
    """One stretch of speech, as far as it is over the bot."""

    def __init__(self, levels: SpeechLevels, sample_rate: int) -> None:
        self.stretch = Stretch(sample_rate)
        self._levels = levels
        self._rate = sample_rate
        self._stance = _Stance.NONE
        self._withheld_for = 0  # samples of speech since playout was withheld
        self._over_bot = 0  # and all of it, while the bot was speaking
        self._is_background = False

    @property
    def withheld(self) -> bool:
        return self._stance is _Stance.WITHHELD

    def add(self, sound: WindowSound) -> None:
        """The speech went on for a window."""
        self.stretch.add(sound)
        self._over_bot += sound.samples
        if self.withheld:
            self._withheld_for += sound.samples

    def hear(self, onset: int, settings: OverlapSettings) -> list[OverlapMove]:
        """A window over a bot that may be interrupted. `onset`: with it speech starts or goes on,
        and so many samples of the last windows are voiced; 0 if it does not."""
        if self._stance is _Stance.INTERRUPTED:
            return []
        moves: list[OverlapMove] = []
        if onset and not self.withheld and self._above(settings) >= self._least(settings):
            self._stance = _Stance.WITHHELD
            self._withheld_for = onset
            moves.append(OverlapMove.WITHHOLD)
        if self.withheld:
            return moves + self._by_duration(settings)
        patience = max(settings.quiet_after, settings.interrupt_after)
        return [self.interrupt()] if self._over_bot >= patience * self._rate else []

    def _least(self, settings: OverlapSettings) -> float:
        """Decibels over the border, to withhold. What was taken for background must be louder."""
        return 0.0 if self._is_background else -settings.unclear

    def _by_duration(self, settings: OverlapSettings) -> list[OverlapMove]:
        above, seconds = self._above(settings), self._withheld_for / self._rate
        unclear = settings.unclear * max(0.0, 1 - seconds / settings.unclear_after)
        if above < -unclear and seconds >= settings.background_after:
            return self._resume(background=True)
        after = settings.hum_after if self._hums(settings) else settings.interrupt_after
        return [self.interrupt()] if seconds >= after and above >= unclear else []

    def read(self, words: int, settings: OverlapSettings, *, pause: bool) -> list[OverlapMove]:
        """So many words ask for something. What a recogniser makes of a hum or of somebody in the
        background does not count."""
        if self._stance not in (_Stance.WITHHELD, _Stance.RESUMED):
            return []
        wanted = settings.interrupt_words_after if pause else settings.interrupt_words
        return [self.interrupt()] if words >= wanted and self.speaks(settings) else []

    def speaks(self, settings: OverlapSettings) -> bool:
        """Whether it is the caller, and more than a hum."""
        return not self._hums(settings) and self._above(settings) >= 0

    def _hums(self, settings: OverlapSettings) -> bool:
        stretch = self.stretch
        share = settings.articulated_share * stretch.samples
        return stretch.articulated < max(settings.articulated * self._rate, share)

    def pause(self) -> list[OverlapMove]:
        """Silence, long enough for the bot to go on."""
        return self._resume() if self.withheld else []

    def leave(self) -> list[OverlapMove]:
        """The bot is silent, or must not be interrupted."""
        moves = self._resume() if self.withheld else []
        self._stance = _Stance.NONE
        self._over_bot = 0
        return moves

    def interrupt(self) -> OverlapMove:
        self._stance = _Stance.INTERRUPTED
        return OverlapMove.INTERRUPT

    def _resume(self, *, background: bool = False) -> list[OverlapMove]:
        self._stance = _Stance.RESUMED
        self._is_background = background
        return [OverlapMove.RESUME]

    def _above(self, settings: OverlapSettings) -> float:
        """Decibels over the border of what is background."""
        return self.stretch.level - self._levels.border(settings)
