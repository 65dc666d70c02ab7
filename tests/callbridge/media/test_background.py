"""Background sound under speech: levels, seams, and a ledger that knows of speech alone."""

from collections import deque

import numpy as np
import pytest
from numpy.typing import NDArray

from callbridge.media.background import FALL_S, HOLD_S, RISE_S, BackgroundSound
from callbridge.media.ledger import PendingMark
from callbridge.media.playout import NEVER, Playout
from callbridge.media.utterance import Utterance
from telecodecs import Pcm, silence

RATE = 8000
PTIME = 160
SPEECH, UNDER = 1000, 400  # samples that tell what sounds
STEP_S = 0.005
FLAT = np.full(7 * RATE, UNDER, np.int16)
UNHEARD = silence(RATE)  # as a background it takes its place in time, and speech stays as it is


def speech(ms: int) -> Pcm:
    return np.full(ms * RATE // 1000, SPEECH, np.int16)


def background(pcm: Pcm = FLAT, gain_db: float = 0.0, duck_db: float = -20.0) -> BackgroundSound:
    return BackgroundSound(pcm, gain_db, duck_db)


def audio(items: list[Pcm | PendingMark]) -> Pcm:
    return np.concatenate([silence(0), *(i for i in items if not isinstance(i, PendingMark))])


class Carrier:
    """Plays what it is sent, a ptime at each of its ticks, and returns marks; on a step of 5 ms."""

    def __init__(self, playout: Playout, tick_at: float = 0.0) -> None:
        self.playout = playout
        self.now = 0.0
        self.played: list[Pcm] = []
        self.holes = 0  # ticks without a whole ptime, after the first sound
        self.most_queued = 0  # samples
        self._steps = 0
        self._phase = round(tick_at / STEP_S)
        self._queue: deque[Pcm | PendingMark] = deque()

    @property
    def heard(self) -> Pcm:
        return np.concatenate([silence(0), *self.played])

    @property
    def heard_speech(self) -> int:
        """Samples, where the background is silent."""
        return sum(int(np.count_nonzero(pcm)) for pcm in self.played)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP_S)):
            self.serve()
            self._steps += 1
            self.now = self._steps * STEP_S
            if self._steps % 4 == self._phase:
                self._tick()

    def serve(self) -> None:
        self.playout.tick(self.now)
        if self.playout.deadline() <= self.now + 1e-9:
            self._queue.extend(self.playout.due(self.now))
        queued = sum(len(item) for item in self._queue if not isinstance(item, PendingMark))
        self.most_queued = max(self.most_queued, queued)

    def interrupt(self) -> None:
        if self.playout.interrupt(self.now):
            for item in self._queue:
                if isinstance(item, PendingMark):
                    self.playout.mark_returned(item.name, self.now)
            self._queue.clear()

    def _tick(self) -> None:
        wanted, parts = PTIME, [silence(0)]
        while self._queue and (wanted or isinstance(self._queue[0], PendingMark)):
            item = self._queue.popleft()
            if isinstance(item, PendingMark):
                if wanted < PTIME:  # it follows what sounds during this tick
                    self._queue.appendleft(item)
                    break
                self.playout.mark_returned(item.name, self.now)
            else:
                parts.append(item[:wanted])
                if len(item) > wanted:
                    self._queue.appendleft(item[wanted:])
                wanted -= len(parts[-1])
        if self.played or wanted < PTIME:
            self.holes += wanted > 0
            self.played += [*parts, silence(wanted)]


def said(playout: Playout, ms: int, now: float) -> Utterance:
    utterance = playout.open()
    playout.write(utterance, speech(ms), now)
    playout.close(utterance)
    return utterance


def levels(pcm: Pcm) -> NDArray[np.float64]:
    """Of each ptime."""
    means: NDArray[np.float64] = pcm[: len(pcm) // PTIME * PTIME].reshape(-1, PTIME).mean(axis=1)
    return means


# ---- alone --------------------------------------------------------------------------------------


def test_background_alone_is_sent_sixty_milliseconds_ahead_and_never_runs_dry() -> None:
    carrier = Carrier(Playout(RATE))
    carrier.playout.add_background(background())
    carrier.run(10.0)
    assert carrier.most_queued == 3 * PTIME
    assert carrier.holes == 0
    assert (carrier.heard[round((RISE_S + 0.02) * RATE) :] == UNDER).all()


def test_a_round_follows_the_other_without_a_gap() -> None:
    ramp = np.arange(-3000, 3001, dtype=np.int16)  # 6001 samples: no whole number of ptimes
    carrier = Carrier(Playout(RATE))
    carrier.playout.add_background(background(ramp))
    carrier.run(5.0)
    heard = carrier.heard[round(RISE_S * RATE) :].astype(int)
    first = int(np.flatnonzero(ramp == heard[0])[0])
    assert (heard == np.take(ramp, np.arange(first, first + len(heard)), mode="wrap")).all()


def test_a_background_shorter_than_a_ptime_goes_round_many_times() -> None:
    carrier = Carrier(Playout(RATE))
    carrier.playout.add_background(background(np.array([100, 200, 300], np.int16)))
    carrier.run(1.0)
    assert set(carrier.heard[-300:].tolist()) == {100, 200, 300}


def test_background_is_nothing_that_is_said() -> None:
    carrier = Carrier(Playout(RATE))
    playout = carrier.playout
    playout.add_background(background())
    carrier.run(2.0)
    assert not playout.speaking(carrier.now)
    assert not playout.unfinished()
    assert (playout.queued_s(), playout.ledger.sent, playout.stats.underruns) == (0.0, 0, 0)
    assert playout.current() is None
    for _ in range(10):
        assert not playout.interrupt(carrier.now), "there is nothing to clear"
        carrier.run(0.010)
    assert carrier.holes == 0
    assert carrier.most_queued <= 4 * PTIME, "the carrier still has what it was sent"


def test_it_fades_when_it_ends_and_then_nothing_is_sent() -> None:
    carrier = Carrier(Playout(RATE))
    sound = background()
    carrier.playout.add_background(sound)
    carrier.run(1.0)
    carrier.playout.end_background(sound)
    carrier.run(0.2)
    heard = carrier.heard
    assert carrier.playout.deadline() == NEVER
    assert np.flatnonzero(heard)[-1] / RATE <= 1.0 + 0.060 + FALL_S + 0.020
    assert np.abs(np.diff(heard.astype(int))).max() <= 2, "it clicks"


def test_an_inner_background_takes_the_place_of_the_outer_one_until_it_ends() -> None:
    carrier = Carrier(Playout(RATE))
    outer, inner = background(), background(FLAT * 2)
    carrier.playout.add_background(outer)
    carrier.run(1.0)
    carrier.playout.add_background(inner)
    carrier.run(1.0)
    assert carrier.heard[-1] == 2 * UNDER
    carrier.playout.end_background(inner)
    carrier.run(1.0)
    assert carrier.heard[-1] == UNDER
    assert np.abs(np.diff(carrier.heard.astype(int))).max() <= 3, "it clicks"


def test_the_call_ends_and_so_does_its_background() -> None:
    carrier = Carrier(Playout(RATE))
    carrier.playout.add_background(background())
    carrier.run(1.0)
    carrier.playout.end("call_ended", carrier.now)
    assert carrier.playout.deadline() == NEVER
    assert carrier.playout.due(carrier.now) == []


# ---- under speech -------------------------------------------------------------------------------


def test_speech_begins_at_most_sixty_milliseconds_later_over_a_background() -> None:
    for milliseconds in range(0, 40, 5):
        carrier = Carrier(Playout(RATE))
        carrier.playout.add_background(background(UNHEARD))
        carrier.run(1.0 + milliseconds / 1000)
        asked = carrier.now
        said(carrier.playout, 500, asked)
        carrier.run(1.0)
        began = (np.flatnonzero(carrier.heard)[0] - len(carrier.heard)) / RATE + carrier.now
        assert began - asked <= 0.060 + 0.020 + 1e-9  # and a tick of the carrier


def test_it_is_ducked_under_speech_and_comes_back() -> None:
    carrier = Carrier(Playout(RATE))
    carrier.playout.add_background(background(duck_db=-20.0))
    carrier.run(1.0)
    said(carrier.playout, 2000, carrier.now)
    carrier.run(2.0 + 0.060 + HOLD_S + RISE_S + 0.1)
    heard = levels(carrier.heard)
    assert carrier.holes == 0
    spoken = np.flatnonzero(heard > SPEECH)
    assert len(spoken) == 100
    assert heard[spoken[3:-1]] == pytest.approx(SPEECH + UNDER / 10, abs=1)
    assert heard[spoken[-1] + 1] == pytest.approx(UNDER / 10, abs=1), "not between two sentences"
    assert heard[-1] == UNDER
    ducking = np.diff(carrier.heard.astype(int))
    assert np.abs(ducking[np.abs(ducking) < SPEECH - 2]).max() <= 2, "it clicks"


def test_silence_that_is_written_does_not_duck() -> None:
    carrier = Carrier(Playout(RATE))
    carrier.playout.add_background(background())
    carrier.run(1.0)
    utterance = carrier.playout.open()
    carrier.playout.write(utterance, silence(2 * RATE), carrier.now)
    carrier.run(1.5)
    assert carrier.heard[-1] == UNDER


def test_the_sum_never_wraps_around() -> None:
    carrier = Carrier(Playout(RATE))
    carrier.playout.add_background(background(np.full(800, 32000, np.int16), duck_db=0.0))
    carrier.run(1.0)
    utterance = carrier.playout.open()
    carrier.playout.write(utterance, np.full(800, 32000, np.int16), carrier.now)
    carrier.run(1.0)
    assert carrier.heard.max() == 32767
    assert carrier.heard.min() >= 0


def test_withheld_speech_leaves_the_background_on() -> None:
    carrier = Carrier(Playout(RATE))
    playout = carrier.playout
    playout.add_background(background(UNHEARD))
    carrier.run(1.0)
    utterance = said(playout, 1000, carrier.now)
    carrier.run(0.5)
    playout.withhold(carrier.now)
    carrier.run(1.0)
    assert playout.speaking(carrier.now)
    assert playout.ledger.heard(carrier.now) == playout.ledger.sent < 8000
    playout.resume(carrier.now)
    carrier.run(1.5)
    assert carrier.holes == 0
    assert utterance.ending is not None
    assert (utterance.ending.reason, utterance.ending.heard) == ("finished", 8000)
    assert carrier.heard_speech == 8000


def test_an_interruption_leaves_the_background_on_where_it_was() -> None:
    ramp = np.arange(-16000, 16000, dtype=np.int16)
    carrier = Carrier(Playout(RATE))
    carrier.playout.add_background(background(ramp, gain_db=-20.0, duck_db=0.0))
    carrier.run(1.0)
    utterance = carrier.playout.open()
    carrier.playout.write(utterance, np.zeros(RATE, np.int16), carrier.now)
    carrier.run(0.5)
    carrier.interrupt()
    carrier.run(0.5)
    assert utterance.ending is not None
    assert utterance.ending.reason == "interrupted"
    assert carrier.holes == 0
    heard = carrier.heard[round(RISE_S * RATE) :].astype(int)
    assert np.abs(np.diff(heard)).max() <= 0.020 * RATE / 10 + 1, "further off than a tick"


def test_live_frames_over_a_background_are_neither_held_back_nor_torn() -> None:
    carrier = Carrier(Playout(RATE))
    playout = carrier.playout
    playout.add_background(background(UNHEARD))
    carrier.run(1.0)
    utterance = playout.open()
    for _ in range(100):
        playout.write(utterance, speech(20), carrier.now)
        carrier.run(0.020)
    playout.close(utterance)
    carrier.run(0.2)
    where = np.flatnonzero(carrier.heard)
    assert where[-1] - where[0] + 1 == len(where) == 16000
    assert playout.stats.underruns == 0


def test_an_odd_rest_of_live_audio_goes_though_the_background_never_ends() -> None:
    carrier = Carrier(Playout(RATE))
    carrier.playout.add_background(background(UNHEARD))
    carrier.run(1.0)
    utterance = carrier.playout.open()
    carrier.playout.write(utterance, speech(30), carrier.now)
    carrier.run(0.5)
    assert carrier.heard_speech == 240
    assert not utterance.closed


def test_a_pause_of_the_producer_is_an_underrun_also_over_a_background() -> None:
    carrier = Carrier(Playout(RATE))
    playout = carrier.playout
    playout.add_background(background(UNHEARD))
    carrier.run(1.0)
    utterance = playout.open()
    playout.write(utterance, speech(100), carrier.now)
    carrier.run(0.5)
    playout.write(utterance, speech(100), carrier.now)
    playout.close(utterance)
    carrier.run(0.5)
    assert playout.stats.underruns == 1
    assert playout.stats.underrun_s == pytest.approx(0.4, abs=0.06)
    assert utterance.ending is not None
    assert (utterance.ending.heard, carrier.heard_speech) == (1600, 1600)


def test_after_its_background_a_call_is_served_as_before() -> None:
    carrier = Carrier(Playout(RATE))
    playout = carrier.playout
    sound = background(UNHEARD)
    playout.add_background(sound)
    carrier.run(1.0)
    playout.end_background(sound)
    utterance = playout.open()
    playout.write(utterance, speech(20), carrier.now)
    assert not playout.pass_on(utterance, speech(20), carrier.now)
    for _ in range(20):
        carrier.run(0.020)
        playout.write(utterance, speech(20), carrier.now)
    assert playout.bed is None


# ---- what was heard -----------------------------------------------------------------------------


class Chatter:
    """Speech that comes in pieces, late, and withheld, at random."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.carrier = Carrier(Playout(RATE), tick_at=STEP_S * int(self._rng.integers(4)))
        self.whole: list[tuple[Utterance, int]] = []  # closed ones, and their samples
        self._live = self.carrier.playout.open()
        self.carrier.playout.add_background(background(UNHEARD))
        self.carrier.run(0.5)

    def act(self) -> None:
        playout = self.carrier.playout
        match self._rng.choice(["write", "write", "close", "withhold", "resume", "wait"]):
            case "write":
                samples = PTIME * int(self._rng.integers(1, 20))
                playout.write(self._live, np.full(samples, SPEECH, np.int16), self.carrier.now)
            case "close":
                self.close()
                self._live = playout.open()
            case "withhold":
                playout.withhold(self.carrier.now)
            case "resume":
                playout.resume(self.carrier.now)
            case _:
                pass

    def close(self) -> None:
        self.carrier.playout.close(self._live)
        self.whole.append((self._live, self._live.length))

    def wait(self) -> None:
        """Up to 150 ms; what the ledger says is never more than was played, and hardly less."""
        carrier = self.carrier
        for _ in range(int(self._rng.integers(1, 30))):
            carrier.run(STEP_S)
            told, played = carrier.playout.ledger.heard(carrier.now), carrier.heard_speech
            assert played - 3 * PTIME <= told <= played


@pytest.mark.parametrize("seed", range(30))
def test_what_was_heard_is_exact_whatever_happens_over_a_background(seed: int) -> None:
    chatter = Chatter(seed)
    for _ in range(100):
        chatter.act()
        chatter.wait()
    chatter.close()
    carrier = chatter.carrier
    carrier.playout.resume(carrier.now)
    carrier.run(30.0)
    assert carrier.holes == 0
    for utterance, samples in chatter.whole:
        assert utterance.ending is not None
        assert (utterance.ending.reason, utterance.ending.heard) == ("finished", samples)
        assert utterance.ending.certainty == "measured"
    assert carrier.heard_speech == sum(samples for _, samples in chatter.whole)


@pytest.mark.parametrize("seed", range(30))
def test_what_was_heard_of_the_interrupted_is_known_over_a_background(seed: int) -> None:
    chatter = Chatter(seed)
    for _ in range(20 + seed):
        chatter.act()
        chatter.wait()
    chatter.close()
    carrier = chatter.carrier
    carrier.interrupt()
    endings = [u.ending for u, _ in chatter.whole if u.ending is not None]
    assert len(endings) == len(chatter.whole)
    heard = sum(ending.heard for ending in endings)
    assert carrier.heard_speech - 3 * PTIME <= heard <= carrier.heard_speech
    carrier.run(1.0)
    assert carrier.holes == 0
    assert not carrier.playout.speaking(carrier.now)
