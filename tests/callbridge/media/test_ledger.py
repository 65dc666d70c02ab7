"""Rule 3 and 4: what was heard is never more than what was played, whatever marks do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.media.ledger import Ledger, PendingMark
from callbridge.media.playout import Playout
from telecodecs import Pcm, silence

RATE = 8000
TICK = 0.020


def playing(ms: int, *, now: float = 0.0) -> tuple[Ledger, PendingMark]:
    """A ledger with so much sent in one stretch, and the mark behind it."""
    ledger = Ledger(RATE)
    ledger.begin_stretch(now)
    ledger.add(ms * RATE // 1000)
    return ledger, ledger.expect_mark(now + ms / 1000)


def test_before_a_mark_time_decides_from_the_carriers_next_tick() -> None:
    ledger, _ = playing(200)
    assert ledger.heard(0.0) == 0
    assert ledger.heard(0.020) == 0
    assert ledger.heard(0.120) == 100 * RATE // 1000
    assert ledger.heard(9.0) == 200 * RATE // 1000
    assert ledger.certainty() == "estimated"


def test_a_mark_moves_the_estimate() -> None:
    ledger, mark = playing(100)
    ledger.add(RATE)
    assert ledger.returned(mark.name, 0.150) is mark
    assert ledger.heard(0.150) == 100 * RATE // 1000
    assert ledger.heard(0.250) == 200 * RATE // 1000
    assert ledger.certainty() == "measured"


def test_an_early_mark_is_not_believed() -> None:
    """A platform that acknowledges on receipt gains nothing."""
    ledger, mark = playing(1000)
    assert ledger.returned(mark.name, 0.001) is None
    assert ledger.early_marks == 1
    assert ledger.heard(0.120) == 100 * RATE // 1000


def test_sixty_milliseconds_early_is_clock_drift() -> None:
    ledger, mark = playing(1000)
    assert ledger.returned(mark.name, 0.945) is mark
    assert ledger.early_marks == 0


def test_two_percent_early_is_clock_drift_in_a_long_stretch() -> None:
    ledger, mark = playing(10_000)
    assert ledger.returned(mark.name, 9.81) is mark


def test_a_mark_flushed_by_clear_is_not_heard() -> None:
    ledger, mark = playing(1000)
    heard = ledger.flush(0.320)
    assert heard == 300 * RATE // 1000
    assert ledger.returned(mark.name, 0.321) is None
    assert ledger.flushed_marks == 1
    assert ledger.heard(5.0) == heard


def test_a_mark_on_its_way_when_the_clear_was_sent_counts() -> None:
    ledger, mark = playing(100)
    ledger.add(RATE)
    ledger.flush(0.150)
    assert ledger.returned(mark.name, 0.170) is mark
    assert ledger.flushed_marks == 0


def test_names_carry_the_epoch() -> None:
    ledger, mark = playing(100)
    assert mark.name == "e0.1"
    ledger.flush(0.1)
    assert ledger.expect_mark(0.2).name == "e1.2"


@pytest.mark.parametrize("name", ["", "e0.99", "greeting", "e9.1"])
def test_a_name_that_is_not_ours_changes_nothing(name: str) -> None:
    ledger, _ = playing(100)
    before = ledger.heard(0.1)
    assert ledger.returned(name, 0.1) is None
    assert ledger.stray_marks == 1
    assert ledger.heard(0.1) == before


def test_a_mark_counts_once() -> None:
    ledger, mark = playing(100)
    assert ledger.returned(mark.name, 0.110)
    assert ledger.returned(mark.name, 0.120) is None
    assert ledger.stray_marks == 1


def test_an_idle_time_is_not_heard() -> None:
    """Ten silent seconds after a mark say nothing of what is sent then."""
    ledger, mark = playing(100)
    ledger.returned(mark.name, 0.130)
    ledger.begin_stretch(10.0)
    ledger.add(RATE)
    assert ledger.heard(10.0) == 100 * RATE // 1000
    assert ledger.heard(10.120) == 200 * RATE // 1000


class PlainCarrier:
    """The other side, written from the contract alone: a queue that plays by its own clock.

    Audio is taken every 20 ms; a mark comes back when all before it has been played, `clear`
    empties the queue and returns the marks at once."""

    def __init__(self, phase: float) -> None:
        self.next_tick = phase
        self.queue: list[int | str] = []  # samples, and names of marks between them
        self.played_before = 0
        self.playing = 0
        self.playing_since = 0.0

    def played(self, now: float) -> float:
        """Samples that the caller has heard, exactly."""
        return self.played_before + min(self.playing, (now - self.playing_since) * RATE)

    def receive(self, items: list[Pcm | PendingMark]) -> list[str]:
        for item in items:
            self.queue.append(item.name if isinstance(item, PendingMark) else len(item))
        return self.marks_due() if not self.playing else []

    def tick(self) -> list[str]:
        """One ptime: what was playing has been heard, the next piece begins."""
        now = self.next_tick
        self.next_tick += TICK
        self.played_before += self.playing
        self.playing = 0
        returned = self.marks_due()
        need = round(TICK * RATE)
        while need and self.queue and isinstance(self.queue[0], int):
            taken = min(need, self.queue[0])
            self.playing += taken
            need -= taken
            self.queue[0] -= taken
            if not self.queue[0]:
                self.queue.pop(0)
                if self.queue and isinstance(self.queue[0], str):
                    break  # the mark between two pieces waits for the next tick
        self.playing_since = now
        return returned

    def clear(self, now: float) -> list[str]:
        self.played_before = int(self.played(now))
        self.playing = 0
        returned = [item for item in self.queue if isinstance(item, str)]
        self.queue.clear()
        return returned

    def marks_due(self) -> list[str]:
        returned: list[str] = []
        while self.queue and isinstance(self.queue[0], str):
            returned.append(self.queue.pop(0))  # type: ignore[arg-type]
        return returned


Step = tuple[str, int]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(1, 900)),
        st.tuples(st.just("end"), st.just(0)),
        st.tuples(st.just("pass"), st.integers(1, 700)),
        st.tuples(st.just("interrupt"), st.just(0)),
    ),
    max_size=40,
)


@given(script=steps, phase_ms=st.integers(0, 19), delay_ms=st.sampled_from([0, 0, 7, 40, 130]))
def test_heard_never_exceeds_played(script: list[Step], phase_ms: int, delay_ms: int) -> None:
    """Random speech, silence and interruptions against a carrier with a clock of its own.

    Frames take `delay_ms` to the carrier and as long back: before the first mark tells of it, the
    estimate may run ahead by what is on its way, and by no more."""
    playout, carrier = Playout(RATE), PlainCarrier(phase_ms / 1000)
    to_carrier: list[tuple[float, list[Pcm | PendingMark] | None]] = []
    to_bridge: list[tuple[float, str]] = []
    delay = delay_ms / 1000
    utterance = playout.open()
    now = 0.0
    for what, amount in script:
        if what == "say":
            if utterance.closed or utterance.ending:
                utterance = playout.open()
            playout.write(utterance, silence(amount * RATE // 1000), now)
        elif what == "end":
            playout.close(utterance)
        elif what == "interrupt" and playout.interrupt(now):
            to_carrier.append((now + delay, None))
        for _ in range(amount if what == "pass" else 1):
            if items := playout.due(now):
                to_carrier.append((now + delay, items))
            while to_carrier and to_carrier[0][0] <= now:
                _, arrived = to_carrier.pop(0)
                names = carrier.clear(now) if arrived is None else carrier.receive(arrived)
                to_bridge += [(now + delay, name) for name in names]
            while carrier.next_tick <= now:
                to_bridge += [(carrier.next_tick + delay, name) for name in carrier.tick()]
            while to_bridge and to_bridge[0][0] <= now:
                playout.mark_returned(to_bridge.pop(0)[1], now)
            playout.tick(now)
            assert playout.ledger.heard(now) <= carrier.played(now) + delay * RATE + 1
            assert playout.ledger.heard(now) <= playout.ledger.sent
            now += 0.001
    assert playout.ledger.early_marks == 0
    assert playout.ledger.stray_marks == 0


def test_pauses_that_lie_ahead_are_no_speech() -> None:
    """Three stretches wait at the carrier, with background alone between them."""
    ledger = Ledger(RATE)
    for begins in (1.000, 1.040, 1.080):
        ledger.begin_stretch(now=0.990, at=begins)
        ledger.add(160)  # 20 ms
    heard = [ledger.heard(1.020 + step * 0.010) for step in range(-2, 13)]
    assert heard == [0, 0, 0, 80, 160, 160, 160, 240, 320, 320, 320, 400, 480, 480, 480]
    ledger.begin_stretch(now=1.070, at=1.120)
    ledger.add(160)
    assert [ledger.heard(at) for at in (1.070, 1.095, 1.110, 1.135, 1.160)] == [
        240, 320, 400, 480, 640
    ]  # fmt: skip
