"""Whether an echo is told from anything else, also an echo with gaps."""

import numpy as np
import pytest

from callbridge.carrier.core.report import CallReport
from callbridge.carrier.people.expect import CLAIMS
from telecodecs import Pcm

RATE = 8000


def noise(seed: int, seconds: float = 3.0) -> Pcm:
    """Noise that rises and falls four times a second, as syllables do."""
    time = np.arange(round(seconds * RATE)) / RATE
    loudness = 3000 * np.sin(2 * np.pi * 2 * time) ** 2
    samples: Pcm = (np.random.default_rng(seed).normal(0, 1, len(time)) * loudness).astype(np.int16)
    return samples


def likeness(said: Pcm, heard: Pcm) -> tuple[float | None, float | None]:
    """(delay, correlation)"""
    found = CLAIMS["bot_heard_like_caller"].measure(
        CallReport(
            call_control_id="", direction="incoming", from_="", to="", state="ended",
            sample_rate=RATE, caller=said, bot=heard, marks=(), clears=(), tape=(),
            tape_dropped=0, answered_at_s=0.0, bridged=False, stream_errors=0,
            hangup_cause=None, hangup_source=None, failed=(),
        )
    )  # fmt: skip
    assert isinstance(found, dict)
    return found["delay_s"], found["correlation"]


def delayed(pcm: Pcm, seconds: float, after_s: float = 0.0) -> Pcm:
    """With so much silence put in; as long as before."""
    at = round(after_s * RATE)
    gap = np.zeros(round(seconds * RATE), np.int16)
    return np.concatenate([pcm[:at], gap, pcm[at:]])[: len(pcm)]


SAID = noise(1)


def test_an_echo_is_found_at_its_delay() -> None:
    delay, correlation = likeness(SAID, delayed(SAID, 0.040))
    assert delay == pytest.approx(0.040)
    assert correlation is not None
    assert correlation > 0.95


def test_gaps_of_a_busy_machine_leave_it_an_echo() -> None:
    heard = delayed(SAID, 0.040)
    for after_s in (0.7, 1.3, 2.1):
        heard = delayed(heard, 0.020, after_s)
    delay, correlation = likeness(SAID, heard)
    assert delay == pytest.approx(0.060, abs=0.021)
    assert correlation is not None
    assert correlation > 0.8  # 0.3 at any one delay of the whole


@pytest.mark.parametrize(
    "heard", [noise(2), noise(3) // 8, np.full(len(SAID), 3000, np.int16), SAID[::-1]]
)
def test_other_sounds_are_no_echo(heard: Pcm) -> None:
    _, correlation = likeness(SAID, heard.astype(np.int16))
    assert correlation is not None
    assert correlation < 0.3


def test_half_an_echo_is_half_as_like() -> None:
    heard = SAID.copy()
    heard[len(heard) // 2 :] = 0
    _, correlation = likeness(SAID, heard)
    assert correlation == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(("said", "heard"), [(SAID * 0, SAID), (SAID, SAID * 0), (SAID[:9],) * 2])
def test_silence_is_like_nothing(said: Pcm, heard: Pcm) -> None:
    assert likeness(said, heard) == (None, None)
