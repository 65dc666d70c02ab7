"""Turn-taking: when the caller starts, interrupts, pauses and has finished.

Pure state: no I/O, no clock. A turn is what the caller says until the bot may answer. Speech over
the bot is at first only a reason to withhold playout; it becomes a turn when it lasts, when its
words ask for something, or when the bot has nothing more to say.

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
from enum import Enum, auto

import numpy as np

from callbridge.speech.language import DEFAULT, Language
from callbridge.speech.words import count_without_back_channels, hesitates
from telecodecs import Pcm, silence

NEVER = float("inf")
QUIET_S = 0.100  # a pause between words is about as long
STEP_S = 0.010


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """Probabilities, seconds, and counts where it says so."""

    voiced: float = 0.50  # a window's probability from here on is speech
    silent: float = 0.35  # and below this is silence; between them it stays what it was
    onset_windows: int = 4  # speech starts when of so many windows ...
    onset_voiced: int = 3  # ... so many are speech
    pre_roll: float = 0.300  # before the first of them: soft beginnings of words
    tail: float = 0.200  # after the last voiced sample: soft endings
    end: float = 0.640  # of silence ends the turn
    end_after_hesitation: float = 1.200  # after a digit, a filler or a conjunction
    longest: float = 20.0  # a longer turn is cut at its quietest point
    interrupt_after: float = 0.500  # of speech over the bot
    interrupt_words: int = 2  # or so many words that are no back-channels
    resume_after: float = 0.300  # of silence, if it was no interruption
    speculate_after: float = 0.300  # of silence: transcribe, it may be the end
    late_text: float = 2.0  # how long after it the text of a word over the bot still counts
    language: Language = DEFAULT  # its back-channels, and what sounds like more to come


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """A turn is in progress; the bot is silent or must not be interrupted."""

    started_at: float  # when its first voiced window began
    at: float  # when that was clear


@dataclass(frozen=True, slots=True)
class Withhold:
    """Speech over the bot: send no more audio, but clear nothing. Resume or Interrupt follows."""

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
class Speculate:
    """A pause: transcribe this now, and hand its text to `partial`."""

    audio: Pcm
    at: float


@dataclass(frozen=True, slots=True, eq=False)
class TurnEnded:
    """The caller has finished, or spoke so long that the turn was cut.

    `audio` is from the pre-roll to shortly after the last voiced sample, without gaps. Unless it
    was cut, the last Speculate had exactly this audio: its text is the final one."""

    audio: Pcm
    started_at: float
    last_voiced_at: float
    ended_at: float
    cut: bool = False  # the caller speaks on; SpeechStarted follows


TurnEvent = SpeechStarted | Withhold | Resume | Interrupt | Speculate | TurnEnded


class _Overlap(Enum):
    """How the speech in progress stands to what the bot says."""

    NONE = auto()
    WITHHELD = auto()
    RESUMED = auto()
    INTERRUPTED = auto()


@dataclass(slots=True)
class _Speech:
    """Speech in progress. Positions count samples since the call began."""

    started_at: float
    start: int  # with the pre-roll
    last_voiced: int
    last_voiced_at: float
    is_turn: bool = False
    overlap: _Overlap = _Overlap.NONE
    over_bot: int = 0  # voiced samples since playout was withheld
    sustained: bool = True
    text: str = ""
    speculation: Pcm | None = None  # what was transcribed of it, if nothing voiced came since


class TurnTaker:
    """Takes one call's VAD windows, transcripts and time; returns what follows from them."""

    def __init__(self, settings: TurnSettings | None = None, sample_rate: int = 8000) -> None:
        self.settings = settings or TurnSettings()
        self._rate = sample_rate
        self._tape = _Tape(sample_rate)
        self._recent: deque[tuple[bool, int]] = deque(maxlen=self.settings.onset_windows)
        self._heard_at = -NEVER
        self._taken = 0  # samples before this position belong to earlier turns
        self._interruptible_now = False
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
        self._recent.append((voiced, len(pcm)))
        onset = sum(voiced for voiced, _ in self._recent) >= self.settings.onset_voiced
        speech = self._speech
        if speech is None:
            if not onset:
                self._tape.forget(self._pre_roll())
                return events
            speech = self._speech = self._begin(now)
        else:
            self._extend(speech, probability, len(pcm), now)
        events += self._over_bot(speech, onset, now)
        events += self._cut_if_long(speech, now)
        return events + self.tick(now)

    def partial(self, text: str, now: float) -> list[TurnEvent]:
        """The text of the speech in progress so far, or of the last Speculate; of nothing older."""
        events = self.tick(now)
        if self._speech is not None:
            self._speech.text = text
            events += self._by_words(self._speech, now)
            return events + self.tick(now)  # its end may be due now
        aside = self._aside
        late = aside is None or now > aside.last_voiced_at + self.settings.late_text
        if aside is None or late or not self._words(text):
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
            speech.speculation = self._audio(speech)
            events.append(Speculate(speech.speculation, now))
        if self._silent(speech, self.settings.resume_after, now):
            events += self._by_words(speech, now)
            if speech.overlap is _Overlap.WITHHELD:
                speech.overlap = _Overlap.RESUMED
                events.append(Resume(now))
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

    def deadline(self) -> float:
        """When `tick` next has work; infinity for never."""
        speech = self._speech
        if speech is None:
            return NEVER
        after = self._patience(speech)
        if speech.speculation is None:
            after = min(after, self._pause)
        if speech.overlap is _Overlap.WITHHELD:
            after = min(after, self.settings.resume_after)
        return speech.last_voiced_at + after

    # ---- speech and silence -----------------------------------------------------------------

    @property
    def _pause(self) -> float:
        return min(self.settings.speculate_after, self.settings.end)

    def _patience(self, speech: _Speech) -> float:
        if hesitates(speech.text, self.settings.language):
            return self.settings.end_after_hesitation
        return self.settings.end

    def _silent(self, speech: _Speech, after: float, now: float) -> bool:
        samples = self._tape.end - speech.last_voiced
        return samples >= after * self._rate or now >= speech.last_voiced_at + after

    def _onset_samples(self) -> int:
        """Since the first voiced one of the recent windows began; all of them if none is."""
        lengths = [length for _, length in self._recent]
        first = next((i for i, (voiced, _) in enumerate(self._recent) if voiced), 0)
        return sum(lengths[first:])

    def _pre_roll(self) -> int:
        """Where a turn begins whose onset is in the recent windows."""
        before = self._onset_samples() + round(self.settings.pre_roll * self._rate)
        return max(self._taken, self._tape.end - before)

    def _begin(self, now: float) -> _Speech:
        self._aside = None
        started_at = now - self._onset_samples() / self._rate
        return _Speech(started_at, self._pre_roll(), self._tape.end, now)

    def _extend(self, speech: _Speech, probability: float, samples: int, now: float) -> None:
        threshold = self.settings.silent if speech.sustained else self.settings.voiced
        speech.sustained = probability >= threshold
        if not speech.sustained:
            return
        speech.last_voiced, speech.last_voiced_at = self._tape.end, now
        speech.speculation = None
        if speech.overlap is _Overlap.WITHHELD:
            speech.over_bot += samples

    def _words(self, text: str) -> int:
        return count_without_back_channels(text, self.settings.language)

    # ---- over the bot -----------------------------------------------------------------------

    def _over_bot(self, speech: _Speech, onset: bool, now: float) -> list[TurnEvent]:
        events: list[TurnEvent] = []
        if not self._interruptible_now:
            if speech.overlap is _Overlap.WITHHELD:
                events.append(Resume(now))
            speech.overlap = _Overlap.NONE
            return events + self._claim(speech, now)
        if onset and speech.overlap in (_Overlap.NONE, _Overlap.RESUMED):
            speech.overlap = _Overlap.WITHHELD
            speech.over_bot = sum(length for voiced, length in self._recent if voiced)
            events.append(Withhold(now))
        if (
            speech.overlap is _Overlap.WITHHELD
            and speech.over_bot >= self.settings.interrupt_after * self._rate
        ):
            events.append(self._interrupt(speech, now))
        return events

    def _by_words(self, speech: _Speech, now: float) -> list[TurnEvent]:
        """Two words are an interruption at once, a single one if silence follows it: "stop"."""
        if speech.overlap not in (_Overlap.WITHHELD, _Overlap.RESUMED):
            return []
        done = self._silent(speech, self.settings.resume_after, now)
        wanted = 1 if done else self.settings.interrupt_words
        if self._words(speech.text) < wanted or not self._interruptible_now:
            return []
        return [self._interrupt(speech, now)]

    def _interrupt(self, speech: _Speech, now: float) -> Interrupt:
        speech.is_turn = True
        speech.overlap = _Overlap.INTERRUPTED
        return Interrupt(speech.started_at, now)

    def _claim(self, speech: _Speech, now: float) -> list[TurnEvent]:
        """It is a turn, whatever else it may be."""
        if speech.is_turn:
            return []
        if self._interruptible_now:
            return [self._interrupt(speech, now)]
        speech.is_turn = True
        return [SpeechStarted(speech.started_at, now)]

    # ---- endings ----------------------------------------------------------------------------

    def _audio(self, speech: _Speech) -> Pcm:
        tail = round(self.settings.tail * self._rate)
        return self._tape.cut(speech.start, min(speech.last_voiced + tail, self._tape.end))

    def _ended(self, speech: _Speech, now: float) -> TurnEnded:
        audio = speech.speculation
        assert audio is not None, "the silence that ends a turn is longer than a pause"
        self._taken = max(self._taken, speech.start + len(audio))
        return TurnEnded(audio, speech.started_at, speech.last_voiced_at, now)

    def _cut_if_long(self, speech: _Speech, now: float) -> list[TurnEvent]:
        """End a turn that is too long at the quietest point of its second half, and go on."""
        longest = round(self.settings.longest * self._rate)
        if speech.last_voiced - speech.start < longest:
            return []
        # The last half second stays, so that what goes on is more than the end of a word.
        cut = self._tape.quietest(speech.start + longest // 2, self._tape.end - self._rate // 2)
        cut_at = now - (self._tape.end - cut) / self._rate
        audio = self._tape.cut(speech.start, cut)
        ended = TurnEnded(audio, speech.started_at, cut_at, now, cut=True)
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
