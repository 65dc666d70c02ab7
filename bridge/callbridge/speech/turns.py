"""Turn-taking: when the caller starts, interrupts, pauses and has finished.

Pure state: no I/O, no clock. A turn is what the caller says until the bot may answer. Speech over
the bot is at first only a reason to withhold playout; it becomes a turn when it lasts, when its
words ask for something (`speech.overlap` judges that), or when the bot has nothing more to say.

    onset while the bot is silent               SpeechStarted -> TurnEnded
    onset over the bot                          Withhold
      0.5 s of speech, or two words               Interrupt -> TurnEnded
      the bot has ended meanwhile                 Resume, SpeechStarted -> TurnEnded
      silence                                     Resume: a cough, "mm-hm"
        its text turns out to be "stop"             Interrupt -> TurnEnded

Durations of speech count samples. Durations of silence count samples or the clock, whichever is
further: a caller whose frames stop coming is silent."""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from callbridge.speech.ending import PatienceSettings, patience
from callbridge.speech.language import DEFAULT, Language
from callbridge.speech.levels import SpeechLevels, WindowSound
from callbridge.speech.overlap import Overlap, OverlapMove, OverlapSettings
from callbridge.speech.words import TextEnding, count_without_back_channels, ending_of
from telecodecs import Pcm, silence

NEVER = float("inf")
QUIET_S = 0.100  # a pause between words is about as long
STEP_S = 0.010
WINDOWS_BEFORE = 8  # of speech: a voice detector may be late
PAUSES = 12  # of a caller, that are remembered


@dataclass(frozen=True)
class TurnSettings(PatienceSettings, OverlapSettings):
    """Probabilities, seconds, and counts where it says so; those of when a turn is over, and those
    for speech over the bot."""

    voiced: float = 0.50  # a window's probability from here on is speech
    silent: float = 0.35  # and below this is silence; between them it stays what it was
    onset_windows: int = 4  # speech starts when of so many windows ...
    onset_voiced: int = 3  # ... so many are speech
    pre_roll: float = 0.300  # before the first of them: soft beginnings of words
    tail: float = 0.200  # after the last voiced sample: soft endings
    longest: float = 20.0  # a longer turn is cut at its quietest point
    draft_after: float = 0.100  # of silence: transcribe, so that at the pause little is left to do
    speculate_after: float = 0.200  # of silence: transcribe, it may be the end
    language: Language = DEFAULT  # its back-channels, and what sounds like more to come


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """A turn is in progress; the bot is silent or must not be interrupted."""

    started_at: float  # when its first voiced window began
    at: float  # when that was clear


@dataclass(frozen=True, slots=True)
class Withhold:
    """Speech over the bot: be silent, but forget nothing. Resume or Interrupt follows."""

    at: float


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on where playout was withheld."""

    at: float


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Barge-in: a turn is in progress, drop what the bot had yet to say."""

    started_at: float
    at: float


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A gap between words, or the beginning of a pause: its text helps with what follows."""

    audio: Pcm
    voiced: int  # samples of it, to the last voiced one; fewer than a tail follow if frames stop
    at: float


@dataclass(frozen=True, slots=True, eq=False)
class Speculate:
    """A pause: transcribe this now, and hand its text to `partial`."""

    audio: Pcm
    voiced: int
    at: float


@dataclass(frozen=True, slots=True, eq=False)
class TurnEnded:
    """The caller has finished, or spoke so long that the turn was cut.

    `audio` is from the pre-roll to shortly after the last voiced sample, without gaps. Unless it
    was cut, the last Speculate had exactly this audio: its text is the final one."""

    audio: Pcm
    voiced: int
    started_at: float
    last_voiced_at: float
    ended_at: float
    cut: bool = False  # the caller speaks on; SpeechStarted follows


TurnEvent = SpeechStarted | Withhold | Resume | Interrupt | Draft | Speculate | TurnEnded


class _Window(NamedTuple):
    voiced: bool
    sound: WindowSound


@dataclass(slots=True)
class _Speech:
    """Speech in progress. Positions count samples since the call began."""

    started_at: float
    start: int  # with the pre-roll
    last_voiced: int
    last_voiced_at: float
    overlap: Overlap
    is_turn: bool = False
    sustained: bool = True
    text: str = ""
    drafted: bool = False  # since the last voiced sample
    speculation: Pcm | None = None  # what was transcribed of it, if nothing voiced came since
    finished: float | None = None  # how probable that is of what was transcribed; None: not known
    is_read: bool = False  # the text is that of the speculation

    @property
    def voiced(self) -> int:
        """Samples to the last voiced one."""
        return self.last_voiced - self.start


class TurnTaker:
    """Takes one call's VAD windows, transcripts and time; returns what follows from them."""

    def __init__(self, settings: TurnSettings | None = None, sample_rate: int = 8000) -> None:
        self.settings = settings or TurnSettings()
        self._rate = sample_rate
        self._tape = _Tape(sample_rate)
        self._levels = SpeechLevels(sample_rate)
        self._recent: deque[_Window] = deque(maxlen=self.settings.onset_windows)
        self._before: deque[WindowSound] = deque(maxlen=WINDOWS_BEFORE)  # earlier, no echoes
        self._heard_at = -NEVER
        self._taken = 0  # samples before this position belong to earlier turns
        self._interruptible_now = False
        self._pauses: deque[float] = deque(maxlen=PAUSES)  # of this caller, within turns
        self._speech: _Speech | None = None
        self._aside: _Speech | None = None  # said over the bot, over, and no turn unless by words

    def hear(
        self,
        pcm: Pcm,
        probability: float,
        now: float,
        *,
        speaking: bool,
        interruptible: bool = True,
        echo: bool = False,
    ) -> list[TurnEvent]:
        """One VAD window, (n,) int16, whose last sample came at `now`; it is kept, not copied.

        `speaking`: the caller has something of the bot yet to hear. `echo`: this is the bot."""
        duration = len(pcm) / self._rate
        events = self.tick(now - duration)
        if now - duration - self._heard_at > self.settings.onset_windows * duration:
            self._recent.clear()  # no frames is silence
        self._heard_at = now
        self._interruptible_now = speaking and interruptible
        self._tape.append(pcm)
        if echo:
            probability = 0.0
        voiced = probability >= self.settings.voiced
        sound = self._sound(pcm, silent=probability < self.settings.silent, echo=echo)
        if len(self._recent) == self._recent.maxlen and not echo:
            self._before.append(self._recent[0].sound)
        self._recent.append(_Window(voiced, sound))
        onset = sum(window.voiced for window in self._recent) >= self.settings.onset_voiced
        speech = self._speech
        if speech is None:
            if not onset:
                self._tape.forget(self._pre_roll())
                return events
            speech = self._speech = self._begin(now)
        else:
            self._extend(speech, probability, sound, now)
        events += self._over_bot(speech, onset, now)
        events += self._cut_if_long(speech, now)
        return events + self.tick(now)

    def _sound(self, pcm: Pcm, *, silent: bool, echo: bool) -> WindowSound:
        """How it sounds: of a line on which nobody speaks, that is of no interest."""
        if silent and not self._interruptible_now:
            return WindowSound(0.0, False, len(pcm))
        return self._levels.measure(pcm, self.settings, silent=silent and not echo)

    def partial(self, text: str, now: float, finished: float | None = None) -> list[TurnEvent]:
        """The text of the speech in progress so far, or of the last Speculate; of nothing older.
        `finished`: how probable it is that a turn with this text is over."""
        events = self.tick(now)
        if self._speech is not None:
            self._speech.text = text
            if self._speech.speculation is not None:  # else the caller has gone on
                self._speech.finished, self._speech.is_read = finished, True
            events += self._by_words(self._speech, now)
            return events + self.tick(now)  # its end may be due now
        aside, settings = self._aside, self.settings
        late = aside is None or now > aside.last_voiced_at + settings.late_text
        if aside is None or late or not self._words(text) or not aside.overlap.speaks(settings):
            return events
        self._aside = None
        return [*events, *self._claim(aside, now), self._ended(aside, now)]

    def tick(self, now: float) -> list[TurnEvent]:
        """What the silence until `now` means."""
        speech = self._speech
        if speech is None:
            return []
        events: list[TurnEvent] = []
        if speech.speculation is None and self._silent(speech, self._pause, now):
            speech.drafted, speech.speculation = True, self._audio(speech)
            events.append(Speculate(speech.speculation, speech.voiced, now))
        elif not speech.drafted and self._silent(speech, self.settings.draft_after, now):
            speech.drafted = True
            events.append(Draft(self._audio(speech), speech.voiced, now))
        if self._silent(speech, self._resume_after(speech), now):
            events += self._by_words(speech, now)
            events += self._follow(speech.overlap.pause(), speech, now)
        if self._silent(speech, self._patience(speech), now):
            self._speech = None
            if speech.is_turn:
                events.append(self._ended(speech, now))
            else:
                self._aside = speech
        return events

    @property
    def in_turn(self) -> bool:
        """Whether a turn is being spoken; not so a cough over the bot, as far as one knows."""
        return self._speech is not None and self._speech.is_turn

    @property
    def speaking(self) -> bool:
        """Whether there is a voice now, since the last Speculate."""
        return self._speech is not None and self._speech.speculation is None

    @property
    def pausing(self) -> bool:
        """Whether a turn pauses, and may be over."""
        return self.in_turn and not self.speaking

    def deadline(self) -> float:
        """When `tick` next has work; infinity for never."""
        speech = self._speech
        if speech is None:
            return NEVER
        after = self._patience(speech)
        if speech.speculation is None:
            after = min(after, self._pause if speech.drafted else self.settings.draft_after)
        if speech.overlap.withheld:
            after = min(after, self._resume_after(speech))
        return speech.last_voiced_at + after

    # ---- speech and silence -----------------------------------------------------------------

    @property
    def _pause(self) -> float:
        return min(self.settings.speculate_after, self.settings.soonest)

    def _patience(self, speech: _Speech) -> float:
        settings = self.settings
        # The bot goes on before speech ends that was no turn.
        least = 0.0 if speech.is_turn else self._resume_after(speech)
        if speech.finished is None:
            return max(least, settings.unjudged)
        return max(least, patience(speech.finished, self._pauses, settings))

    def _resume_after(self, speech: _Speech) -> float:
        """How much silence lets the bot go on. What its words ask for is worth waiting for."""
        settings = self.settings
        if speech.is_read or not speech.overlap.withheld:
            return settings.resume_after
        return max(settings.resume_after, settings.text_within)

    def _silent(self, speech: _Speech, after: float, now: float) -> bool:
        samples = self._tape.end - speech.last_voiced
        return samples >= after * self._rate or now >= speech.last_voiced_at + after

    def _onset_samples(self) -> int:
        """Since the first voiced one of the recent windows began; all of them if none is."""
        windows = list(self._recent)
        first = next((i for i, window in enumerate(windows) if window.voiced), 0)
        return sum(window.sound.samples for window in windows[first:])

    def _pre_roll(self) -> int:
        """Where a turn begins whose onset is in the recent windows."""
        before = self._onset_samples() + round(self.settings.pre_roll * self._rate)
        return max(self._taken, self._tape.end - before)

    def _begin(self, now: float) -> _Speech:
        self._aside = None
        started_at = now - self._onset_samples() / self._rate
        overlap = Overlap(self._levels, self._rate)
        for window in self._recent:
            if window.voiced:
                overlap.add(window.sound)
        overlap.stretch.add_before(self._before)
        self._before.clear()
        return _Speech(started_at, self._pre_roll(), self._tape.end, now, overlap)

    def _extend(self, speech: _Speech, probability: float, sound: WindowSound, now: float) -> None:
        threshold = self.settings.silent if speech.sustained else self.settings.voiced
        speech.sustained = probability >= threshold
        if not speech.sustained:
            return
        if speech.speculation is not None:
            self._pauses.append(now - sound.samples / self._rate - speech.last_voiced_at)
        speech.last_voiced, speech.last_voiced_at = self._tape.end, now
        speech.drafted = False
        speech.speculation = speech.finished = None
        speech.is_read = False
        if probability >= self.settings.voiced:
            speech.overlap.add(sound)

    def _words(self, text: str) -> int:
        """How many of its words ask for something. One that leads on to others ("so", "but") does
        not yet, and those that follow will."""
        language = self.settings.language
        count = count_without_back_channels(text, language)
        leads_on = ending_of(text.strip(" ,.-"), language) is TextEnding.OPEN
        return 0 if count == 1 and leads_on else count

    # ---- over the bot -----------------------------------------------------------------------

    def _over_bot(self, speech: _Speech, onset: bool, now: float) -> list[TurnEvent]:
        if not self._interruptible_now:
            left = self._follow(speech.overlap.leave(), speech, now)
            return left + self._claim(speech, now)
        voiced = sum(each.sound.samples for each in self._recent if each.voiced) if onset else 0
        return self._follow(speech.overlap.hear(voiced, self.settings), speech, now)

    def _by_words(self, speech: _Speech, now: float) -> list[TurnEvent]:
        if not self._interruptible_now:
            return []
        pause = speech.speculation is not None
        moves = speech.overlap.read(self._words(speech.text), self.settings, pause=pause)
        return self._follow(moves, speech, now)

    def _follow(self, moves: list[OverlapMove], speech: _Speech, now: float) -> list[TurnEvent]:
        return [self._as_event(move, speech, now) for move in moves]

    def _as_event(self, move: OverlapMove, speech: _Speech, now: float) -> TurnEvent:
        if move is OverlapMove.INTERRUPT:
            speech.is_turn = True
            return Interrupt(speech.started_at, now)
        return Withhold(now) if move is OverlapMove.WITHHOLD else Resume(now)

    def _claim(self, speech: _Speech, now: float) -> list[TurnEvent]:
        """It is a turn, whatever else it may be."""
        if speech.is_turn:
            return []
        if self._interruptible_now:
            return self._follow([speech.overlap.interrupt()], speech, now)
        speech.is_turn = True
        return [SpeechStarted(speech.started_at, now)]

    # ---- endings ----------------------------------------------------------------------------

    def _audio(self, speech: _Speech) -> Pcm:
        tail = round(self.settings.tail * self._rate)
        return self._tape.cut(speech.start, min(speech.last_voiced + tail, self._tape.end))

    def _ended(self, speech: _Speech, now: float) -> TurnEnded:
        audio = speech.speculation
        assert audio is not None, "the silence that ends a turn is longer than a pause"
        self._levels.learn(speech.overlap.stretch, self.settings)
        self._taken = max(self._taken, speech.start + len(audio))
        return TurnEnded(audio, speech.voiced, speech.started_at, speech.last_voiced_at, now)

    def _cut_if_long(self, speech: _Speech, now: float) -> list[TurnEvent]:
        """End a turn that is too long at the quietest point of its second half, and go on."""
        longest = round(self.settings.longest * self._rate)
        if speech.last_voiced - speech.start < longest:
            return []
        # The last half second stays, so that what goes on is more than the end of a word.
        cut = self._tape.quietest(speech.start + longest // 2, self._tape.end - self._rate // 2)
        cut_at = now - (self._tape.end - cut) / self._rate
        audio = self._tape.cut(speech.start, cut)
        ended = TurnEnded(audio, len(audio), speech.started_at, cut_at, now, cut=True)
        speech.start = self._taken = cut
        speech.started_at = cut_at
        speech.speculation = None
        speech.text = ""
        self._tape.forget(cut)
        return [*self._claim(speech, now), ended, SpeechStarted(cut_at, now)]


class _Tape:
    """The last samples of a call; positions count from the first one of all."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._windows: deque[Pcm] = deque()
        self._start = 0
        self.end = 0

    def append(self, pcm: Pcm) -> None:
        self._windows.append(pcm)
        self.end += len(pcm)

    def forget(self, before: int) -> None:
        """Drop the windows that end at or before this position."""
        while self._windows and self._start + len(self._windows[0]) <= before:
            self._start += len(self._windows.popleft())

    def cut(self, start: int, end: int) -> Pcm:
        """A copy of samples [start, end), which must not have been forgotten."""
        whole = np.concatenate((silence(0), *self._windows))
        return whole[start - self._start : end - self._start].copy()

    def quietest(self, start: int, end: int) -> int:
        """The middle of the quietest 100 ms in [start, end)."""
        step = round(STEP_S * self._rate)
        steps = self.cut(start, end).astype(np.float64)
        steps = steps[: len(steps) - len(steps) % step].reshape(-1, step)
        width = round(QUIET_S / STEP_S)
        loudness = np.convolve((steps**2).mean(axis=1), np.ones(width), "valid")
        return start + (int(loudness.argmin()) + width // 2) * step
