"""Speech over the bot, window by window, with levels made by hand: no audio, no clock."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pytest

from callbridge.speech.levels import FULL_SCALE_DB, SpeechLevels, Stretch, WindowSound
from callbridge.speech.overlap import Overlap, OverlapMove, OverlapSettings

RATE = 8000
WINDOW = 256
WITHHOLD, RESUME, INTERRUPT = OverlapMove.WITHHOLD, OverlapMove.RESUME, OverlapMove.INTERRUPT
SETTINGS = OverlapSettings()
LOUD = -20.0


def window(dbfs: float, *, hummed: bool = False) -> WindowSound:
    return WindowSound(10 ** ((dbfs + FULL_SCALE_DB) / 10), hummed, WINDOW)


def turn_at(dbfs: float) -> Stretch:
    stretch = Stretch(RATE)
    for _ in range(30):
        stretch.add(window(dbfs))
    return stretch


@dataclass
class Heard:
    """One stretch of speech over a bot that speaks."""

    levels: SpeechLevels = field(default_factory=lambda: SpeechLevels(RATE))
    settings: OverlapSettings = SETTINGS
    overlap: Overlap = field(init=False)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.overlap = Overlap(self.levels, RATE)

    def voice(
        self, seconds: float, dbfs: float = LOUD, *, hummed: bool = False
    ) -> list[tuple[OverlapMove, float]]:
        """What the bot should do, and after how many seconds of speech."""
        moves: list[tuple[OverlapMove, float]] = []
        for _ in range(round(seconds * RATE / WINDOW)):
            self.overlap.add(window(dbfs, hummed=hummed))
            self.seconds += WINDOW / RATE
            onset = 3 * WINDOW if self.seconds >= 3 * WINDOW / RATE else 0
            moves += [(move, self.seconds) for move in self.overlap.hear(onset, self.settings)]
        return moves

    def says(self, words: int) -> list[OverlapMove]:
        """A pause, and so many words in what came before."""
        return self.overlap.read(words, self.settings, pause=True) or self.overlap.pause()


def kinds(moves: Iterable[tuple[OverlapMove, float]]) -> list[OverlapMove]:
    return [move for move, _ in moves]


# ---- how long -----------------------------------------------------------------------------------


def test_speech_that_lasts_interrupts() -> None:
    moves = Heard().voice(3.0)
    assert kinds(moves) == [WITHHOLD, INTERRUPT]
    assert moves[0][1] == pytest.approx(0.096)
    assert 0.7 <= moves[1][1] < 0.74


def test_an_okay_and_a_mm_hm_are_over_before() -> None:
    heard = Heard()
    assert kinds(heard.voice(0.6)) == [WITHHOLD]
    assert heard.says(0) == [RESUME]


@pytest.mark.parametrize("seconds", [0.2, 0.4, 0.6])
def test_a_word_interrupts_when_it_is_known(seconds: float) -> None:
    heard = Heard()
    heard.voice(seconds)
    assert heard.says(1) == [INTERRUPT]


def test_a_bot_may_ask_for_more_words_than_one_or_for_longer_speech() -> None:
    patient = replace(SETTINGS, interrupt_after=float("inf"), interrupt_words_after=3)
    heard = Heard(settings=patient)
    assert kinds(heard.voice(8.0)) == [WITHHOLD]
    assert heard.says(2) == [RESUME]
    heard.voice(1.0)
    assert heard.says(3) == [INTERRUPT]


# ---- hums ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [0, 1, 3])
def test_what_a_recogniser_makes_of_a_hum_does_not_count(words: int) -> None:
    heard = Heard()
    assert kinds(heard.voice(0.6, hummed=True)) == [WITHHOLD]
    assert heard.says(words) == [RESUME]


def test_a_hum_interrupts_when_it_does_not_end() -> None:
    moves = Heard().voice(4.0, hummed=True)
    assert kinds(moves) == [WITHHOLD, INTERRUPT]
    assert 2.0 <= moves[1][1] < 2.04


def test_after_a_hum_a_word_counts() -> None:
    heard = Heard()
    heard.voice(0.4, hummed=True)
    heard.voice(0.2)
    assert heard.says(1) == [INTERRUPT]


# ---- how loud, when nobody has spoken yet -------------------------------------------------------


@pytest.mark.parametrize("dbfs", [-20.0, -26.0, -31.0])
def test_who_is_as_loud_as_callers_are_interrupts_at_once(dbfs: float) -> None:
    moves = Heard().voice(1.0, dbfs)
    assert kinds(moves) == [WITHHOLD, INTERRUPT]


@pytest.mark.parametrize("dbfs", [-40.0, -46.0])
def test_a_voice_far_below_that_leaves_the_bot_alone(dbfs: float) -> None:
    heard = Heard()
    assert heard.voice(3.0, dbfs) == []
    assert heard.says(8) == []


def test_a_voice_at_the_border_makes_the_bot_wait_until_it_is_clear() -> None:
    quieter, louder = Heard(), Heard()
    assert kinds(quieter.voice(0.8, -35.5)) == [WITHHOLD]
    assert quieter.says(5) == [RESUME]
    assert kinds(louder.voice(0.8, -33.5)) == [WITHHOLD]
    assert louder.says(1) == [INTERRUPT]


def test_what_is_at_the_border_is_decided_within_three_seconds() -> None:
    moves = [Heard().voice(4.0, dbfs) for dbfs in (-35.0, -34.0)]
    assert [kinds(each) for each in moves] == [[WITHHOLD, RESUME], [WITHHOLD, INTERRUPT]]
    assert all(1.5 < each[1][1] <= 3.1 for each in moves)


def test_somebody_who_begins_softly_is_heard_as_soon_as_they_are_louder() -> None:
    heard = Heard()
    assert heard.voice(0.4, -40.0) == []
    assert kinds(heard.voice(0.3, -25.0)) == [WITHHOLD]


def test_a_caller_who_always_speaks_softly_is_not_locked_out() -> None:
    moves = Heard().voice(10.0, -45.0)
    assert kinds(moves) == [INTERRUPT]
    assert moves[0][1] == pytest.approx(SETTINGS.quiet_after, abs=0.05)


def test_where_only_words_interrupt_soft_speech_does_not_either() -> None:
    heard = Heard(settings=replace(SETTINGS, interrupt_after=float("inf")))
    assert heard.voice(10.0, -45.0) == []


def test_a_caller_who_speaks_up_over_a_television_is_heard() -> None:
    heard = Heard()
    assert heard.voice(4.0, -42.0) == []
    moves = heard.voice(0.9, -20.0)
    assert kinds(moves) == [WITHHOLD, INTERRUPT]
    assert moves[0][1] - 4.0 < 0.1


# ---- how loud, beside the caller's own level ----------------------------------------------------


@pytest.mark.parametrize("own", [-15.0, -30.0, -45.0])
def test_once_the_caller_has_spoken_their_own_level_counts(own: float) -> None:
    levels = SpeechLevels(RATE)
    levels.learn(turn_at(own), SETTINGS)
    for below, expected in ((6, [WITHHOLD, INTERRUPT]), (20, [])):
        assert kinds(Heard(levels).voice(1.0, own - below)) == expected


def test_one_quiet_turn_makes_no_quiet_caller_but_many_do() -> None:
    levels = SpeechLevels(RATE)
    levels.learn(turn_at(-20.0), SETTINGS)
    levels.learn(turn_at(-40.0), SETTINGS)
    assert levels.border(SETTINGS) == pytest.approx(-20 - 3 - 13)
    for _ in range(20):
        levels.learn(turn_at(-40.0), SETTINGS)
    assert levels.border(SETTINGS) == pytest.approx(-53)


def test_a_television_that_was_taken_for_the_caller_is_background_once_they_speak() -> None:
    levels = SpeechLevels(RATE)
    levels.learn(turn_at(-40.0), SETTINGS)
    assert kinds(Heard(levels).voice(1.0, -40.0)) == [WITHHOLD, INTERRUPT]
    levels.learn(turn_at(-20.0), SETTINGS)
    assert Heard(levels).voice(3.0, -40.0) == []


# ---- the bot ends, and begins again -------------------------------------------------------------


def test_a_bot_that_has_ended_is_not_held_any_longer() -> None:
    heard = Heard()
    heard.voice(0.3)
    assert heard.overlap.leave() == [RESUME]
    assert heard.overlap.leave() == []


def test_what_was_said_while_the_bot_was_silent_does_not_count_against_it() -> None:
    heard = Heard()
    for _ in range(400):
        heard.overlap.add(window(-45.0))
        heard.overlap.leave()
    assert heard.voice(4.0, -45.0) == []
