"""What the sound of an ending says: on vowels that are made here, on the offline voice, and on
anything."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from callbridge.speech import espeak, prosody
from callbridge.speech.prosody import EVEN, TRAITS, finished, traits
from telecodecs import Pcm
from tests.callbridge.speech.acoustics import RATE, Wave, at_level, noise, over_the_wire

FALLING, LEVEL, RISING = (200.0, 210.0, 140.0), (200.0, 210.0, 210.0), (190.0, 200.0, 250.0)
SENTENCES = (
    "Please enter your number.",
    "I would like to change my booking.",
    "The train leaves at nine in the morning.",
    "You can reach me at home.",
)


def vowels(hz: tuple[float, ...], *, factor: float = 1.0, seconds: float = 1.6) -> Wave:
    """Five syllables of one vowel, whose pitch goes through these values; each is an end of the
    same loudness."""
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = np.interp(time, np.linspace(0, seconds, len(hz)), hz) * factor
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    wave = sum((np.sin(k * phase) / k for k in range(1, 9)), np.zeros_like(time))
    syllables = 0.55 - 0.45 * np.cos(2 * np.pi * 5 * time / seconds)
    return wave * syllables


def heard(wave: Wave, *, dbfs: float = -20.0, after_s: float = 0.2, before_s: float = 0.3) -> Pcm:
    """On a quiet line, through μ-law."""
    silent = [np.zeros(round(s * RATE)) for s in (before_s, after_s)]
    whole = np.concatenate([silent[0], at_level(wave, dbfs), silent[1]])
    return over_the_wire(whole + noise(len(whole) / RATE + 1, -65.0, pink=True)[: len(whole)])


@cache
def said(text: str) -> Wave:
    return espeak.speak(text, RATE).astype(np.float64)


# ---- contours ------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.55, 1.0, 1.3])
def test_a_fall_is_more_of_an_end_than_a_level_or_a_rise(factor: float) -> None:
    """Of a deep voice as of a high one."""
    fell, held, rose = (
        finished(heard(vowels(hz, factor=factor))) for hz in (FALLING, LEVEL, RISING)
    )
    assert fell > held + 0.1
    assert fell > rose + 0.1


def test_the_pitch_is_measured() -> None:
    found = traits(heard(vowels((200.0, 200.0, 150.0))))
    assert found is not None
    figures = dict(zip(TRAITS, found.tolist(), strict=True))
    assert figures["pitch 0-60"] == pytest.approx(12 * np.log2(152 / 196), abs=1.0)
    assert figures["pitch 800-1200"] == pytest.approx(0.3, abs=0.7)


def test_a_sentence_of_the_offline_voice_ends_where_it_ends() -> None:
    """And not where it is cut within its words: on average, as for each single one nobody knows."""
    whole = [finished(heard(said(text))) for text in SENTENCES]
    cut = [finished(heard(said(text)[: round(0.6 * len(said(text)))])) for text in SENTENCES]
    assert np.mean(whole) > np.mean(cut) + 0.1


# ---- what must not matter ------------------------------------------------------------------------


@pytest.mark.parametrize("hz", [FALLING, LEVEL])
def test_the_level_hardly_matters(hz: tuple[float, ...]) -> None:
    loud, quiet = (finished(heard(vowels(hz), dbfs=dbfs)) for dbfs in (-14.0, -30.0))
    assert loud == pytest.approx(quiet, abs=0.1)


def test_an_offset_does_not_matter() -> None:
    pcm = heard(vowels(FALLING))
    assert finished((pcm + 500).astype(np.int16)) == pytest.approx(finished(pcm), abs=0.02)


def test_silence_before_does_not_matter() -> None:
    near, far = (finished(heard(vowels(FALLING), before_s=s)) for s in (0.3, 3.0))
    assert near == pytest.approx(far, abs=0.05)


@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.4])
def test_silence_behind_hardly_matters(after_s: float) -> None:
    usual = finished(heard(vowels(FALLING)))
    assert finished(heard(vowels(FALLING), after_s=after_s)) == pytest.approx(usual, abs=0.1)


def test_what_was_said_long_before_does_not_matter() -> None:
    one = heard(vowels(FALLING, seconds=2.4), before_s=0.0)
    before = over_the_wire(at_level(vowels(RISING), -26.0))
    assert finished(np.concatenate([before, one])) == pytest.approx(finished(one), abs=0.05)


def test_other_sample_rates_are_heard_alike() -> None:
    from telecodecs import resample

    pcm = heard(vowels(FALLING))
    wide = resample(pcm, RATE, 16000)
    assert finished(wide, 16000) == pytest.approx(finished(pcm), abs=0.1)


# ---- anything ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pcm",
    [
        np.zeros(0, np.int16),
        np.ones(1, np.int16),
        np.zeros(3 * RATE, np.int16),
        np.full(3 * RATE, 12000, np.int16),
        np.full(3 * RATE, -32768, np.int16),
        noise(2.0, -20.0).astype(np.int16),
        heard(vowels(FALLING, seconds=0.1)),
    ],
    ids=["empty", "one", "silence", "constant", "lowest", "noise", "short"],
)
def test_what_has_no_voice_is_even(pcm: Pcm) -> None:
    assert finished(pcm) == EVEN


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.int16, st.integers(0, 3 * RATE), elements=st.integers(-32768, 32767)),
    st.sampled_from([8000, 16000, 24000]),
)
def test_nothing_raises(pcm: Pcm, sample_rate: int) -> None:
    assert 0.0 <= finished(pcm, sample_rate) <= 1.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-200, 8000), min_size=1, max_size=6), st.floats(0, 40000))
def test_tones_of_any_pitch_and_level_raise_nothing(hz: list[float], level: float) -> None:
    wave = np.clip(vowels(tuple(hz)) * level, -32768, 32767).astype(np.int16)
    assert 0.0 <= finished(wave) <= 1.0


@pytest.mark.parametrize("sample_rate", [0, -1, 1, 11025])
def test_a_strange_rate_raises_nothing(sample_rate: int) -> None:
    assert 0.0 <= finished(heard(vowels(FALLING)), sample_rate) <= 1.0


def test_the_weights_fit_the_traits() -> None:
    weights = prosody.weights()
    assert weights.mean.shape == weights.deviation.shape == weights.direct.shape == (len(TRAITS),)
    assert weights.hidden.shape == (len(TRAITS), len(weights.out))
    assert weights.shift.shape == weights.out.shape
