"""Ends and pauses are found and judged rightly; no recording is needed for that."""

import numpy as np
import pytest
from benchmarks.endings import examples, figures, material
from benchmarks.endings.examples import Example, Table
from benchmarks.endings.fit import auc, balance, fit
from benchmarks.endings.material import Kind, Place
from numpy.typing import NDArray

from callbridge.speech.prosody import TRAITS
from tests.callbridge.speech.acoustics import RATE, noise

COUNT = 400
KINDS: tuple[Kind, ...] = ("end", "cut")


def table(told_by: int, seed: int = 0) -> Table:
    """Ends differ from the rest by one trait; every fourth example is a pause, every second an
    end."""
    chance = np.random.default_rng(seed)
    kinds: list[Kind] = ["end", "cut", "end", "pause"] * (COUNT // 4)
    places = [Place("one", "en", str(n), kind, np.zeros(1)) for n, kind in enumerate(kinds)]
    kept = [Example(place, n % 8 < 4, 1.0, np.zeros(1, np.int16)) for n, place in enumerate(places)]
    finished = np.array([place.finished for place in places], np.float32)
    traits = chance.normal(size=(COUNT, len(TRAITS))).astype(np.float32)
    traits[:, told_by] += 2 * finished
    return Table(kept, traits, finished)


def test_what_tells_ends_is_learnt_and_holds_for_others() -> None:
    weights = fit(table(5), steps=150)
    other = table(5, seed=1)
    assert auc(other.finished > 0, weights.log_odds(other.traits)) > 0.85
    assert np.abs(weights.direct).argmax() == 5


def test_learning_twice_gives_the_same() -> None:
    one, two = fit(table(5), steps=20), fit(table(5), steps=20)
    assert np.array_equal(one.hidden, two.hidden)
    assert one.bias == two.bias


def test_ends_and_the_rest_count_alike_and_own_pauses_more() -> None:
    known = table(0)
    counts = balance(known)
    assert counts[known.finished > 0].sum() == pytest.approx(counts[known.finished == 0].sum())
    assert counts[3] > counts[1]  # a pause, a cut


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([0.1, 0.2, 0.8, 0.9], 1.0), ([0.9, 0.8, 0.2, 0.1], 0.0), ([0.5] * 4, 0.5)],
)
def test_area_under_the_curve(scores: list[float], expected: float) -> None:
    ends: NDArray[np.bool_] = np.array([False, False, True, True])
    assert auc(ends, np.array(scores, np.float32)) == pytest.approx(expected)


def test_rows_know_nothing_of_what_knows_nothing() -> None:
    (*_, row) = figures.rows(table(0), np.zeros(COUNT, np.float32))
    assert float(row["AUC, cuts"]) == 0.5
    assert float(row["log-loss, cuts"]) == pytest.approx(np.log(2), abs=0.001)
    assert row["ends"] == COUNT // 4


def test_what_a_silence_is_stands_in_the_punctuation() -> None:
    marks = [(2.0, True), (5.0, False)]
    assert material.prompted(2.1, marks) == "sentence end"
    assert material.prompted(5.3, marks) == "pause"
    assert material.prompted(3.5, marks) == "pause"  # no mark is near: within a sentence
    assert material.prompted(2.6, marks) is None  # too far to be sure, too near to be none
    assert material.prompted(3.4, [(3.2, True), (3.6, False)]) is None


def test_an_end_and_a_cut_are_made_alike() -> None:
    """Of the same sound the same examples come, whatever it is said to be."""
    sound = noise(3.0, -20.0)
    end, cut = (Place("one", "en", "x", kind, sound) for kind in KINDS)
    pairs = zip(examples.examples([end]), examples.examples([cut]), strict=True)
    for one, other in pairs:
        assert np.array_equal(one.audio, other.audio)
        assert len(one.audio) <= 4.0 * RATE
