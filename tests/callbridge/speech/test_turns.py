"""Every number of turn-taking, with probabilities made by hand: no audio, no clock."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pytest

from callbridge.speech.turns import (
    NEVER,
    Draft,
    Interrupt,
    Resume,
    Speculate,
    SpeechStarted,
    TurnEnded,
    TurnEvent,
    TurnSettings,
    TurnTaker,
    Withhold,
)
from telecodecs import Pcm

RATE = 8000
WINDOW = 256
WINDOW_S = WINDOW / RATE
VOICE, SILENCE = 0.9, 0.1
QUIETEST = 700  # -33 dBFS

E = TypeVar("E", bound=TurnEvent)


def numbered(position: int) -> Pcm:
    """A window that tells its position: sample n has the value n modulo 32,000, and a little more,
    with its sign changed at each of them. That is loud, and no hum."""
    n = np.arange(position, position + WINDOW)
    return ((QUIETEST + n % 32000) * np.where(n % 2, -1, 1)).astype(np.int16)


@dataclass
class Line:
    """A caller by numbers."""

    turns: TurnTaker = field(default_factory=TurnTaker)
    speaking: bool = False
    interruptible: bool = True
    echo: bool = False
    position: int = 0
    now: float = 0.0
    events: list[TurnEvent] = field(default_factory=list[TurnEvent])

    def hears(self, *probabilities: float) -> list[TurnEvent]:
        """One window each; returns what they caused."""
        before = len(self.events)
        for probability in probabilities:
            pcm = numbered(self.position)
            self.position += WINDOW
            self.now = self.position / RATE
            self.events += self.turns.hear(
                pcm,
                probability,
                self.now,
                speaking=self.speaking,
                interruptible=self.interruptible,
                echo=self.echo,
            )
        return self.events[before:]

    def voice(self, windows: int) -> list[TurnEvent]:
        return self.hears(*[VOICE] * windows)

    def silence(self, windows: int) -> list[TurnEvent]:
        return self.hears(*[SILENCE] * windows)

    def text(self, text: str) -> list[TurnEvent]:
        events = self.turns.partial(text, self.now)
        self.events += events
        return events

    def judged(self, text: str, finished: float) -> list[TurnEvent]:
        events = self.turns.partial(text, self.now, finished)
        self.events += events
        return events

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


def kinds(events: Iterable[TurnEvent]) -> list[type[TurnEvent]]:
    """Drafts decide nothing, and have a test of their own."""
    return [type(event) for event in events if not isinstance(event, Draft)]


def over_the_bot(line: Line | None = None) -> Line:
    """A second of silence while the bot speaks."""
    line = line or Line()
    line.speaking = True
    line.silence(30)
    return line


def positions(audio: Pcm) -> tuple[int, int]:
    """First sample and end of audio that must have no gap."""
    numbers = np.abs(audio.astype(int)) - QUIETEST
    assert (np.diff(numbers) % 32000 == 1).all()
    return int(numbers[0]), int(numbers[0]) + len(audio)


# ---- start of speech -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("probabilities", "starts"),
    [
        ((0.5, 0.5, 0.5), True),
        ((0.9, 0.1, 0.9, 0.9), True),
        ((0.9, 0.9, 0.1, 0.9), True),
        ((0.9, 0.9), False),
        ((0.9, 0.1, 0.9, 0.1, 0.9, 0.1), False),
        ((0.49, 0.49, 0.49, 0.49, 0.49), False),
    ],
)
def test_speech_starts_with_three_of_four_windows_at_half(
    probabilities: tuple[float, ...], starts: bool
) -> None:
    line = Line()
    line.silence(10)
    assert kinds(line.hears(*probabilities)) == [SpeechStarted] * starts


def test_started_at_is_the_beginning_of_the_first_voiced_window() -> None:
    line = Line()
    line.silence(10)
    line.hears(VOICE, SILENCE, VOICE, VOICE)
    (started,) = line.all(SpeechStarted)
    assert started.started_at == pytest.approx(10 * WINDOW_S)
    assert started.at == pytest.approx(14 * WINDOW_S)


def test_between_the_thresholds_it_stays_what_it_was() -> None:
    line = Line()
    line.voice(3)
    line.hears(*[0.36] * 40)
    assert not line.all(TurnEnded)
    line.hears(0.34)
    line.hears(*[0.49] * 19)
    (turn,) = line.all(TurnEnded)
    assert turn.last_voiced_at == pytest.approx(43 * WINDOW_S)


def test_silence_is_never_due() -> None:
    line = Line()
    line.silence(10)
    assert line.turns.deadline() == NEVER
    assert line.turns.tick(1e9) == []
    assert line.text("hello there") == []


# ---- the audio of a turn -------------------------------------------------------------------------


def test_audio_is_exact_from_the_pre_roll_to_the_tail() -> None:
    line = Line()
    line.silence(50)
    line.voice(10)
    line.silence(20)
    (turn,) = line.all(TurnEnded)
    first, end = positions(turn.audio)
    assert first == 50 * WINDOW - round(0.300 * RATE)
    assert end == 60 * WINDOW + round(0.200 * RATE)


def test_a_call_that_begins_with_speech_has_no_pre_roll() -> None:
    line = Line()
    line.voice(10)
    line.silence(20)
    assert positions(line.all(TurnEnded)[0].audio)[0] == 0


def test_no_sample_belongs_to_two_turns() -> None:
    line = Line()
    line.voice(10)
    line.now += 2.0
    line.events += line.turns.tick(line.now)  # without a frame, the pre-roll is in the first turn
    base, rest = line.now, 10
    for n in range(rest):
        pcm = np.full(WINDOW, n, np.int16)
        line.events += line.turns.hear(pcm, VOICE, base + (n + 1) * WINDOW_S, speaking=False)
    line.events += line.turns.tick(base + 100)
    first, second = line.all(TurnEnded)
    assert len(first.audio) == 10 * WINDOW
    assert len(second.audio) == 10 * WINDOW


def test_windows_of_any_length() -> None:
    turns = TurnTaker(sample_rate=16000)
    events: list[TurnEvent] = []
    for n in range(40):
        pcm = np.zeros(512, np.int16)
        events += turns.hear(pcm, VOICE if n < 10 else SILENCE, n * 0.032, speaking=False)
    (turn,) = [event for event in events if isinstance(event, TurnEnded)]
    assert len(turn.audio) == 10 * 512 + round(0.200 * 16000)


# ---- end of a turn -------------------------------------------------------------------------------


def test_a_turn_that_nobody_judges_ends_640_ms_after_the_last_voiced_sample() -> None:
    line = Line()
    line.voice(10)
    assert TurnEnded not in kinds(line.silence(19))
    assert kinds(line.silence(1)) == [TurnEnded]
    (turn,) = line.all(TurnEnded)
    assert turn.last_voiced_at == pytest.approx(10 * WINDOW_S)
    assert turn.ended_at == pytest.approx(30 * WINDOW_S)
    assert line.turns.deadline() == NEVER


def test_no_frames_is_silence() -> None:
    line = Line()
    line.voice(10)
    ends = line.now + 0.640
    line.turns.tick(line.now + 0.3)
    assert line.turns.deadline() == ends
    assert line.turns.tick(ends - 1e-6) == []
    assert kinds(line.turns.tick(ends)) == [TurnEnded]


def test_frames_that_come_late_and_at_once_are_as_long_as_they_are() -> None:
    turns = TurnTaker()
    pcm = np.zeros(WINDOW, np.int16)
    events = [e for _ in range(10) for e in turns.hear(pcm, VOICE, 1.0, speaking=False)]
    events += [e for _ in range(20) for e in turns.hear(pcm, SILENCE, 1.0, speaking=False)]
    assert kinds(events) == [SpeechStarted, Speculate, TurnEnded]


def test_speech_after_a_gap_in_the_frames_is_a_turn_of_its_own() -> None:
    line = Line()
    line.voice(10)
    line.position += RATE  # a second that nobody sent
    events = line.voice(3)
    assert kinds(events) == [Speculate, TurnEnded, SpeechStarted]


def test_voiced_windows_on_both_sides_of_a_gap_are_no_onset() -> None:
    line = Line()
    line.silence(3)
    line.voice(2)
    line.position += RATE
    assert line.voice(2) == []


@pytest.mark.parametrize(
    ("finished", "windows"),
    [(0.95, 7), (0.8, 21), (0.5, 34), (0.2, 47), (0.0, 57)],  # of 32 ms; 0.2 s and 1.8 s at least
)
def test_a_turn_ends_the_sooner_the_surer_its_end(finished: float, windows: int) -> None:
    line = Line()
    line.voice(10)
    line.silence(7)
    events = line.judged("tea and coffee", finished) + line.silence(windows - 8)
    if windows > 7:
        assert TurnEnded not in kinds(events)
        events = line.silence(1)
    assert kinds(events) == [TurnEnded]


def test_what_was_judged_of_a_pause_says_nothing_of_the_next_one() -> None:
    line = Line()
    line.voice(10)
    line.silence(10)
    line.judged("tea and", 0.01)
    line.voice(10)
    assert TurnEnded not in kinds(line.silence(19))
    assert kinds(line.silence(1)) == [TurnEnded]


def test_a_judgement_that_comes_when_the_caller_has_gone_on_is_of_no_use() -> None:
    line = Line()
    line.voice(10)
    line.silence(10)
    line.voice(5)
    line.judged("tea", 0.99)
    assert TurnEnded not in kinds(line.silence(19))


def test_a_caller_who_pauses_for_long_is_waited_for_longer() -> None:
    line = Line()
    waits: list[float] = []
    for _ in range(3):
        line.voice(10)
        line.silence(10)
        line.judged("tea", 0.5)
        waits.append(line.turns.deadline() - 10 * WINDOW_S)
        line.silence(20)
    assert waits == sorted(waits)
    assert len(line.all(TurnEnded)) == 0


def test_a_pause_of_200_ms_is_worth_a_speculation_with_the_final_audio() -> None:
    line = Line()
    line.voice(10)
    assert kinds(line.silence(6)) == []
    assert line.turns.deadline() == 10 * WINDOW_S + 0.200
    assert kinds(line.silence(1)) == [Speculate]
    line.silence(13)
    (speculation,), (turn,) = line.all(Speculate), line.all(TurnEnded)
    assert turn.audio is speculation.audio


def test_a_gap_of_100_ms_is_worth_a_draft_once() -> None:
    line = Line()
    line.voice(10)
    assert line.turns.deadline() == line.now + 0.100
    line.silence(5)
    line.voice(10)
    line.silence(20)
    first, second = line.all(Draft)
    assert (first.at, second.at) == pytest.approx((14 * WINDOW_S, 29 * WINDOW_S))
    (speculation,) = line.all(Speculate)
    assert len(second.audio) < len(speculation.audio)


def test_what_was_said_just_before_the_frames_stopped_is_no_silence() -> None:
    """A draft of the gap before it is not the text of all."""
    line = Line()
    line.voice(10)
    line.silence(4)
    line.voice(2)
    line.events += line.turns.tick(line.now + 0.3)
    (draft,), (speculation,) = line.all(Draft), line.all(Speculate)
    assert len(draft.audio) < speculation.voiced == len(speculation.audio)


def test_speech_after_the_pause_makes_the_speculation_worthless() -> None:
    line = Line()
    line.voice(10)
    line.silence(15)
    line.voice(5)
    line.silence(20)
    early, late = line.all(Speculate)
    (turn,) = line.all(TurnEnded)
    assert len(turn.audio) > len(early.audio)
    assert turn.audio is late.audio


# ---- longer than a turn may be -------------------------------------------------------------------


def test_over_twenty_seconds_a_turn_is_cut_at_the_quietest_point() -> None:
    turns = TurnTaker()
    rng = np.random.default_rng(0)
    speech = rng.normal(0, 3000, 30 * RATE).astype(np.int16)
    quiet = slice(int(12.5 * RATE), int(12.7 * RATE))
    speech[quiet] //= 50
    speech = speech[: len(speech) - len(speech) % WINDOW]
    events: list[TurnEvent] = []
    for number, window in enumerate(speech.reshape(-1, WINDOW)):
        events += turns.hear(window, VOICE, (number + 1) * WINDOW_S, speaking=False)
    end = len(speech) / RATE
    events += turns.tick(end + 1)
    assert kinds(events) == [SpeechStarted, TurnEnded, SpeechStarted, Speculate, TurnEnded]
    cut, last = (event for event in events if isinstance(event, TurnEnded))
    assert cut.cut
    assert not last.cut
    assert cut.ended_at == pytest.approx(20, abs=2 * WINDOW_S)
    assert 12.5 < len(cut.audio) / RATE < 12.7
    assert cut.last_voiced_at == last.started_at == pytest.approx(len(cut.audio) / RATE)
    both = np.concatenate((cut.audio, last.audio))
    assert (both == speech[: len(both)]).all()
    assert len(both) / RATE == pytest.approx(end)


def test_memory_is_bounded() -> None:
    line = Line()
    line.silence(2000)
    line.voice(3000)
    line.silence(2000)
    held = line.turns._tape._windows  # pyright: ignore[reportPrivateUsage]
    assert len(held) * WINDOW_S < 0.6
    assert all(len(turn.audio) <= 20.1 * RATE for turn in line.all(TurnEnded))


# ---- over the bot --------------------------------------------------------------------------------


def test_an_onset_over_the_bot_withholds_and_clears_nothing() -> None:
    line = over_the_bot()
    assert kinds(line.voice(3)) == [Withhold]


def test_700_ms_of_speech_over_the_bot_interrupt() -> None:
    line = over_the_bot()
    assert kinds(line.voice(21)) == [Withhold]
    assert kinds(line.voice(1)) == [Interrupt]
    (interrupt,) = line.all(Interrupt)
    assert interrupt.started_at == pytest.approx(30 * WINDOW_S)
    assert interrupt.at - interrupt.started_at == pytest.approx(0.704)
    line.speaking = False
    line.voice(10)
    line.silence(20)
    (turn,) = line.all(TurnEnded)
    assert positions(turn.audio)[0] == 30 * WINDOW - round(0.300 * RATE)


def test_gaps_do_not_count_as_speech() -> None:
    line = over_the_bot()
    for _ in range(3):
        line.voice(6)
        line.silence(6)
    assert kinds(line.events) == [Withhold]
    assert kinds(line.voice(4)) == [Interrupt]


def test_playout_resumes_300_ms_after_a_cough_which_is_no_turn() -> None:
    line = over_the_bot()
    line.voice(8)
    assert kinds(line.silence(7)) == [Speculate]
    assert line.text("") == []
    assert line.turns.deadline() == line.now - 7 * WINDOW_S + 0.300
    assert line.silence(2) == []
    assert kinds(line.silence(1)) == [Resume]
    line.silence(100)
    assert kinds(line.events) == [Withhold, Speculate, Resume]
    assert line.turns.deadline() == NEVER


def test_playout_waits_for_the_text_of_what_was_said_but_not_for_ever() -> None:
    line = over_the_bot()
    line.voice(8)
    line.silence(7)
    assert line.turns.deadline() == line.now - 7 * WINDOW_S + 0.600
    assert line.silence(11) == []
    assert kinds(line.silence(1)) == [Resume]
    line.silence(100)
    assert kinds(line.events) == [Withhold, Speculate, Resume]
    assert line.turns.deadline() == NEVER


def test_two_words_interrupt_before_500_ms() -> None:
    line = over_the_bot()
    line.voice(8)
    assert line.text("excuse") == []
    assert kinds(line.text("excuse me")) == [Interrupt]


@pytest.mark.parametrize("text", ["mm-hm", "Uh-huh. Yeah.", "okay, right", "I see", ""])
def test_back_channels_do_not_interrupt(text: str) -> None:
    line = over_the_bot()
    line.voice(8)
    assert line.text(text) == []
    line.silence(9)
    assert line.text(text) == []
    line.silence(50)
    assert line.text(text) == []
    assert kinds(line.events) == [Withhold, Speculate, Resume]


@pytest.mark.parametrize("text", ["Stop.", "no", "yes", "Wait!", "okay, stop"])
@pytest.mark.parametrize("text_after", [10, 14, 30])
def test_a_single_word_over_the_bot_and_then_silence_is_a_turn(text: str, text_after: int) -> None:
    line = over_the_bot()
    line.voice(8)
    line.silence(text_after)
    line.text(text)
    line.silence(40 - text_after)
    resumed = [Resume] * (text_after == 30)  # by then nobody waits for a text any more
    assert kinds(line.events) == [Withhold, Speculate, *resumed, Interrupt, TurnEnded]
    assert len(line.all(TurnEnded)[0].audio) == 8 * WINDOW + round(0.500 * RATE)


def test_a_text_known_at_the_end_of_the_word_interrupts_instead_of_resuming() -> None:
    line = over_the_bot()
    line.voice(8)
    line.text("stop")
    assert kinds(line.silence(20)) == [Speculate, Interrupt, TurnEnded]


def test_a_text_counts_for_two_seconds() -> None:
    for late, expected in ((1.99, [Interrupt, TurnEnded]), (2.01, [])):
        line = over_the_bot()
        line.voice(8)
        spoken = line.now
        line.silence(30)
        line.now = spoken + late
        assert kinds(line.text("stop")) == expected


def test_of_two_texts_that_contradict_each_other_the_word_counts() -> None:
    line = over_the_bot()
    line.voice(8)
    line.silence(8)
    assert line.text("mm-hm") == []
    assert kinds(line.text("stop")) == [Interrupt]
    assert Resume not in kinds(line.text("mm-hm"))
    assert kinds(line.silence(60)) == [TurnEnded]


def test_a_text_that_comes_when_the_caller_has_gone_on_ends_nothing_too_early() -> None:
    line = over_the_bot()
    line.voice(8)
    line.silence(8)
    line.voice(4)
    assert line.text("mm-hm") == []
    assert kinds(line.voice(10)) == [Interrupt]


def test_a_single_word_that_leads_on_to_others_waits_for_them() -> None:
    for text in ("So,", "But", "and..."):
        line = over_the_bot()
        line.voice(8)
        line.silence(8)
        assert line.text(text) == []
        assert kinds(line.silence(3)) == [Resume]


def test_after_an_hour_of_silence_a_caller_interrupts_as_at_first() -> None:
    line = over_the_bot()
    line.silence(4000)
    line.position += 58 * 60 * RATE  # without a frame
    line.silence(30)
    assert line.events == []
    assert kinds(line.voice(22)) == [Withhold, Interrupt]


def test_a_word_after_which_the_bot_ended_is_a_turn_without_interruption() -> None:
    line = over_the_bot()
    line.voice(8)
    line.silence(30)
    line.speaking = False
    line.silence(1)
    assert kinds(line.text("yes")) == [SpeechStarted, TurnEnded]


def test_what_began_over_the_bots_last_words_is_a_turn() -> None:
    line = over_the_bot()
    line.voice(4)
    line.speaking = False
    assert kinds(line.voice(2)) == [Resume, SpeechStarted]
    line.silence(20)
    (turn,), (started,) = line.all(TurnEnded), line.all(SpeechStarted)
    assert turn.started_at == started.started_at == pytest.approx(30 * WINDOW_S)


def test_a_second_attempt_after_the_bot_resumed_withholds_again() -> None:
    line = over_the_bot()
    line.voice(8)
    line.silence(7)
    line.text("")
    line.silence(5)
    assert kinds(line.voice(3)) == [Withhold]
    assert kinds(line.voice(18)) == []
    assert kinds(line.voice(1)) == [Interrupt]


def test_the_bot_that_begins_over_a_caller_is_interrupted_by_going_on() -> None:
    line = Line()
    line.voice(20)
    line.speaking = True
    assert kinds(line.voice(1)) == [Withhold]
    assert kinds(line.voice(18)) == [Interrupt]
    line.speaking = False
    line.silence(20)
    assert kinds(line.events) == [SpeechStarted, Withhold, Interrupt, Speculate, TurnEnded]


def test_an_uninterruptible_utterance_is_neither_withheld_nor_cleared() -> None:
    line = over_the_bot(Line(interruptible=False))
    line.voice(30)
    line.text("stop it at once")
    line.silence(20)
    assert kinds(line.events) == [SpeechStarted, Speculate, TurnEnded]


def test_an_utterance_that_becomes_uninterruptible_is_not_withheld_any_longer() -> None:
    line = over_the_bot()
    line.voice(4)
    line.interruptible = False
    assert kinds(line.voice(1)) == [Resume, SpeechStarted]


def test_an_echo_is_silence() -> None:
    line = over_the_bot(Line(echo=True))
    line.voice(60)
    assert line.events == []
    line.echo = False
    assert kinds(line.voice(3)) == [Withhold]
    line.echo = True
    assert kinds(line.voice(19)) == [Speculate, Resume]


# ---- all at once ---------------------------------------------------------------------------------


def walks(seed: int) -> Iterator[tuple[float, bool, bool, bool, str | None]]:
    """Windows of a random call: stretches of voice and silence, a bot that speaks now and then."""
    rng = np.random.default_rng(seed)
    speaking = interruptible = True
    for _ in range(120):
        probability = float(rng.choice([VOICE, SILENCE, 0.4]))
        if rng.random() < 0.3:
            speaking, interruptible = bool(rng.random() < 0.5), bool(rng.random() < 0.8)
        text = str(rng.choice(["stop", "mm-hm", "one two", "well"])) if rng.random() < 0.3 else None
        for _ in range(int(rng.integers(1, 30))):
            yield probability, speaking, interruptible, bool(rng.random() < 0.05), text
            text = None


@pytest.mark.parametrize("seed", range(10))
def test_whatever_happens_the_events_tell_one_story(seed: int) -> None:
    line = Line()
    for probability, line.speaking, line.interruptible, line.echo, text in walks(seed):
        line.hears(probability)
        if text is not None:
            line.text(text)
        assert line.turns.deadline() > line.now
    line.silence(60)
    assert line.turns.deadline() == NEVER
    withheld = turn = False
    spoken_until = 0.0
    for event in line.events:
        match event:
            case Withhold():
                assert not withheld
                withheld = True
            case Resume():
                assert withheld
                withheld = False
            case SpeechStarted():
                assert not turn
                turn = True
            case Interrupt():
                withheld, turn = False, True
            case TurnEnded():
                assert turn
                turn = False
                assert spoken_until <= event.started_at < event.last_voiced_at <= event.ended_at
                spoken_until = event.last_voiced_at
                positions(event.audio)
            case Speculate() | Draft():
                positions(event.audio)
    assert not withheld
    assert not turn


def test_settings_are_the_defaults_of_the_rules() -> None:
    assert TurnTaker().settings == TurnSettings()
