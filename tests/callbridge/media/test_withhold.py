"""Withheld speech: silent at once, and nothing of it is lost."""

import numpy as np
import pytest

from callbridge.media.background import BackgroundSound
from callbridge.media.ledger import PendingMark
from callbridge.media.playout import NEVER, Playout
from callbridge.media.utterance import Utterance
from telecodecs import Pcm

RATE = 8000


def numbered(ms: int, first_ms: int = 0) -> Pcm:
    """Samples that say which millisecond they are, from 1 on."""
    return np.repeat(np.arange(first_ms + 1, first_ms + ms + 1), RATE // 1000).astype(np.int16)


def ms_of(samples: int) -> int:
    return samples * 1000 // RATE


class Carrier:
    """Plays what it is sent, forgets what it is told to clear, and returns its marks in time."""

    def __init__(self, playout: Playout) -> None:
        self.playout = playout
        self.heard: list[int] = []  # milliseconds, by their numbers
        self.clears = 0
        self._queue: list[Pcm | PendingMark] = []
        self._at = 0.0

    def run_until(self, end: float) -> None:
        """In steps of a ptime, as carriers play."""
        while self._at < end - 1e-9:
            self._queue += self.playout.due(self._at)
            self._at += 0.020
            self._play(20 * RATE // 1000)
            self.playout.tick(self._at)

    def withhold(self) -> None:
        if self.playout.withhold(self._at):
            self.clears += 1
            self._flush()

    def interrupt(self) -> None:
        if self.playout.interrupt(self._at):
            self.clears += 1
            self._flush()

    def resume(self) -> None:
        self.playout.resume(self._at)

    def _flush(self) -> None:
        flushed, self._queue = self._queue, []
        for item in flushed:
            if isinstance(item, PendingMark):
                self.playout.mark_returned(item.name, self._at)

    def _play(self, samples: int) -> None:
        while self._queue:
            item = self._queue[0]
            if isinstance(item, PendingMark):
                self.playout.mark_returned(item.name, self._at)
                self._queue.pop(0)
                continue
            if not samples:
                return
            played, rest = item[:samples], item[samples:]
            self.heard += played[:: RATE // 1000].tolist()
            samples -= len(played)
            self._queue.pop(0)
            if len(rest):
                self._queue.insert(0, rest)


@pytest.fixture
def carrier() -> Carrier:
    playout = Playout(RATE)
    playout.remember()
    return Carrier(playout)


def says(carrier: Carrier, *pieces: tuple[int, str], interruptible: bool = True) -> Utterance:
    utterance = carrier.playout.open(interruptible=interruptible)
    for ms, text in pieces:
        carrier.playout.write(utterance, numbered(ms, ms_of(utterance.length)), 0.0, text)
    carrier.playout.close(utterance)
    return utterance


def is_whole(heard: list[int], last: int) -> bool:
    """Every millisecond, in order, some of them again; padding aside."""
    heard = [ms for ms in heard if ms]
    steps = np.diff(heard)
    return heard[0] == 1 and heard[-1] == last and bool((steps <= 1).all())


def test_what_the_carrier_holds_is_cleared_and_said_later(carrier: Carrier) -> None:
    utterance = says(carrier, (1000, ""))
    carrier.run_until(0.5)
    carrier.withhold()
    heard = len(carrier.heard)
    assert (heard, carrier.clears) == (500, 1)
    carrier.run_until(0.9)
    assert len(carrier.heard) == heard
    carrier.resume()
    carrier.run_until(2.0)
    assert is_whole(carrier.heard, 1000)
    assert len(carrier.heard) <= 1020 + 20  # the ledger counts what was surely heard
    assert utterance.ending is not None
    assert (utterance.ending.reason, ms_of(utterance.ending.heard)) == ("finished", 1000)
    assert carrier.playout.stats.underruns == 0


@pytest.mark.parametrize("at_ms", range(20, 1300, 60))
def test_whenever_it_is_withheld_nothing_is_lost(carrier: Carrier, at_ms: int) -> None:
    first, second = says(carrier, (495, "One. ")), says(carrier, (505, "Two. "))
    carrier.run_until(at_ms / 1000)
    carrier.withhold()
    carrier.run_until(at_ms / 1000 + 0.5)
    carrier.resume()
    carrier.run_until(3.5)
    second_begins = carrier.heard.index(495) + 1
    assert is_whole(carrier.heard[:second_begins], 495)
    assert is_whole(carrier.heard[second_begins:], 505)
    for utterance, ms in ((first, 495), (second, 505)):
        assert utterance.ending is not None
        assert (utterance.ending.reason, ms_of(utterance.ending.heard)) == ("finished", ms)
    assert carrier.playout.deadline() == NEVER


def test_again_and_again(carrier: Carrier) -> None:
    utterance = says(carrier, *[(130, f"word{n} ") for n in range(12)])
    at = 0.0
    for pause in (0.14, 0.3, 0.06, 0.22, 0.4, 0.1):
        at += pause
        carrier.run_until(at)
        carrier.withhold()
        at += pause
        carrier.run_until(at)
        carrier.resume()
    carrier.run_until(at + 3)
    assert is_whole(carrier.heard, 12 * 130)
    assert utterance.ending is not None
    assert utterance.heard_text() == "".join(f"word{n} " for n in range(12))


def test_it_goes_on_at_the_beginning_of_the_word_that_was_cut(carrier: Carrier) -> None:
    says(carrier, (300, "seven "), (300, "hundred "), (300, "pounds"))
    carrier.run_until(0.5)
    carrier.withhold()
    carrier.run_until(0.8)
    cut = len(carrier.heard)
    carrier.resume()
    carrier.run_until(2.0)
    assert carrier.heard[cut] == 301
    assert is_whole(carrier.heard, 900)


def test_where_words_are_not_known_it_goes_on_behind_the_latest_quiet_place(
    carrier: Carrier,
) -> None:
    loud = np.full(4000, 5000, np.int16)
    loud[2800:3200] = 3  # from 350 to 400 ms
    utterance = carrier.playout.open()
    carrier.playout.write(utterance, np.tile(loud, 4), 0.0, "All of it is one piece of text.")
    carrier.playout.close(utterance)
    carrier.run_until(1.2)
    carrier.withhold()
    carrier.resume()
    assert 0.85 <= utterance.sent / RATE <= 0.90


def test_an_interruption_of_what_is_withheld_needs_no_clear(carrier: Carrier) -> None:
    utterance = says(carrier, (300, "seven "), (300, "hundred "), (300, "pounds"))
    carrier.run_until(0.62)
    carrier.withhold()
    carrier.run_until(1.0)
    carrier.interrupt()
    assert carrier.clears == 1
    assert utterance.ending is not None
    assert utterance.ending.reason == "interrupted"
    assert utterance.heard_text() == "seven hundred "
    assert ms_of(utterance.ending.heard) == pytest.approx(len(carrier.heard), abs=21)


def test_what_was_heard_to_its_end_is_finished(carrier: Carrier) -> None:
    """Its mark is on the way, when the next utterance is withheld."""
    playout = carrier.playout
    first = says(carrier, (200, "One. "))
    says(carrier, (800, "Two. "))
    playout.due(0.0)
    playout.due(0.1)
    playout.due(0.2)
    assert playout.withhold(0.26)
    assert first.ending is not None
    assert (first.ending.reason, ms_of(first.ending.heard)) == ("finished", 200)


def test_one_that_must_not_be_interrupted_plays_on(carrier: Carrier) -> None:
    says(carrier, (600, "Listen. "), interruptible=False)
    carrier.run_until(0.3)
    carrier.withhold()
    carrier.run_until(1.0)
    assert carrier.clears == 0
    assert carrier.heard == list(range(1, 601))


def test_live_audio_is_taken_back_too(carrier: Carrier) -> None:
    playout = carrier.playout
    utterance = playout.open()
    playout.write(utterance, numbered(100), 0.0)
    carrier.run_until(0.04)
    assert playout.pass_on(utterance, numbered(60, 100), 0.04)
    assert playout.withhold(0.06)
    assert ms_of(utterance.sent) == 60
    playout.resume(0.4)
    again = np.concatenate([each for each in playout.due(0.4) if not isinstance(each, PendingMark)])
    assert again[0] == 61


def test_a_background_goes_on_under_what_is_withheld(carrier: Carrier) -> None:
    playout = carrier.playout
    playout.add_background(BackgroundSound(np.full(800, 7000, np.int16), 0.0, -12.0))
    says(carrier, (1000, ""))
    carrier.run_until(0.5)
    carrier.withhold()
    before = len(carrier.heard)
    carrier.run_until(1.5)
    assert len(carrier.heard) - before >= 900
    assert max(carrier.heard[before + 700 :]) > 6000


def test_a_playout_that_remembers_nothing_plays_its_lead_out() -> None:
    carrier = Carrier(Playout(RATE))
    says(carrier, (1000, ""))
    carrier.run_until(0.5)
    carrier.withhold()
    carrier.run_until(1.0)
    assert carrier.clears == 0
    assert 600 <= len(carrier.heard) <= 700
    carrier.resume()
    carrier.run_until(2.0)
    assert carrier.heard == list(range(1, 1001))
