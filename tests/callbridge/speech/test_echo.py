"""Echo, with sounds made by a seed: noise in syllables, which is to the judge what speech is."""

import numpy as np
import pytest

from callbridge.speech.echo import EchoJudge
from telecodecs import Pcm
from tests.callbridge.speech.acoustics import Echo, Wave, at_level, cough, noise, over_the_wire

RATE = 8000
FRAME = 160
DELAYS_MS = (80, 145, 280, 400)


def babble(seconds: float, dbfs: float = -20.0, *, seed: int, rate: int = RATE) -> Wave:
    """Syllables of 60 to 240 ms, each with a colour and a loudness of its own, some with a gap."""
    rng = np.random.default_rng(seed)
    parts: list[Wave] = []
    while sum(map(len, parts)) < seconds * rate:
        length = int(rng.uniform(0.060, 0.240) * rate)
        spectrum = np.fft.rfft(rng.normal(size=length))
        hertz = np.fft.rfftfreq(length, 1 / rate)
        for centre in rng.uniform(250, 3200, 2):
            spectrum *= 0.05 + np.exp(-(((hertz - centre) / 300) ** 2))
        loudness = 10 ** (rng.uniform(-18, 0) / 20)
        syllable = np.fft.irfft(spectrum, length) * np.hanning(length)
        parts.append(syllable / np.abs(syllable).max() * loudness)
        parts.append(np.zeros(int(rng.choice([0, 0.02, 0.15]) * rate)))
    return at_level(np.concatenate(parts)[: round(seconds * rate)], dbfs)


def verdicts(
    inbound: Wave, played: Wave | None, judge: EchoJudge | None = None, begin: float = 100.0
) -> list[bool]:
    """What the judge says of every 20 ms; the bot's audio is known 200 ms ahead."""
    judge = judge or EchoJudge()
    pcm = over_the_wire(inbound)
    sent = np.zeros(0, np.int16) if played is None else over_the_wire(played)
    ahead = 0
    said: list[bool] = []
    for start in range(0, len(pcm) - FRAME + 1, FRAME):
        while ahead < min(len(sent), start + 1600):
            judge.played(sent[ahead : ahead + 800], begin + ahead / RATE)
            ahead += 800
        said.append(judge.hear(pcm[start : start + FRAME], begin + (start + FRAME) / RATE))
    return said


def passed(inbound: Wave, said: list[bool]) -> float:
    """The share of what could be taken for speech that is called no echo."""
    frames = inbound[: len(said) * FRAME].reshape(-1, FRAME)
    loud = np.sqrt((frames**2).mean(axis=1)) > 30.0
    assert loud.sum() > 100
    return 1 - float(np.array(said)[loud].mean())


@pytest.mark.parametrize("db", [-15, -22, -30])
@pytest.mark.parametrize("delay_ms", DELAYS_MS)
def test_an_echo_is_recognised_from_its_first_frame_on(db: int, delay_ms: int) -> None:
    says = babble(8, -16, seed=1)
    inbound = Echo(db, delay_ms).of(says, 0, len(says)) + noise(8, -65)
    assert passed(inbound, verdicts(inbound, says)) < 0.02


@pytest.mark.parametrize("delay_ms", DELAYS_MS)
def test_an_echo_in_noise_is_recognised(delay_ms: int) -> None:
    says = babble(8, seed=2)
    inbound = Echo(-15, delay_ms).of(says, 0, len(says)) + noise(8, -48)
    assert passed(inbound, verdicts(inbound, says)) < 0.02


@pytest.mark.parametrize("seed", range(3, 9))
def test_a_caller_as_loud_as_the_bot_is_heard_over_its_echo(seed: int) -> None:
    says = babble(6, seed=seed)
    caller = babble(6, seed=seed + 100)
    inbound = caller + Echo(-20, 200).of(says, 0, len(says))
    assert passed(inbound, verdicts(inbound, says)) > 0.6


@pytest.mark.parametrize("seed", range(3, 9))
def test_a_caller_far_below_the_bot_is_heard_within_a_second(seed: int) -> None:
    says = babble(6, seed=seed)
    caller = np.concatenate((np.zeros(2 * RATE), babble(3, -36, seed=seed + 100)))
    said = verdicts(caller + noise(5, -65), says)
    assert not all(said[100:150])


def test_where_nothing_is_played_nothing_is_an_echo() -> None:
    assert not any(verdicts(babble(3, seed=1), None))


def test_nothing_is_an_echo_long_after_the_bot_ended() -> None:
    says = babble(2, seed=1)
    inbound = np.concatenate((np.zeros(3 * RATE), babble(1, -40, seed=2)))
    assert not any(verdicts(inbound, says)[150:])


def test_what_was_cleared_makes_no_echo() -> None:
    says = babble(3, seed=1)
    quiet = noise(3, -65)
    judge = EchoJudge()
    verdicts(quiet, says, judge)  # until 103 s, and then 10 s more are announced
    judge.played(over_the_wire(babble(10, seed=3)), 103.0)
    judge.cleared(103.0)
    later = babble(2, -40, seed=2)
    said = verdicts(later, None, judge, begin=103.8)
    assert not any(said)


def test_what_was_not_cleared_does() -> None:
    judge = EchoJudge()
    says = babble(2, seed=1)
    judge.played(over_the_wire(says), 103.0)
    assert any(verdicts(babble(1, -40, seed=2), None, judge, begin=103.8))


def test_frames_of_any_size_make_the_same_verdicts() -> None:
    says = babble(4, seed=1)
    echo = over_the_wire(Echo(-15, 200).of(says, 0, len(says)))

    def judged(size: int) -> list[bool]:
        judge = EchoJudge()
        judge.played(over_the_wire(says)[: 2 * RATE], 0.0)
        return [
            judge.hear(echo[start : start + size], (start + size) / RATE)
            for start in range(0, 2 * RATE, size)
        ]

    assert judged(80)[1::2] == judged(160)
    assert judged(320) == judged(160)[1::2]


def test_audio_that_goes_on_after_a_gap_is_matched_by_its_new_time() -> None:
    """A stream that was lost and restored: nothing in between, on either side."""
    judge = EchoJudge()
    for begin in (5.0, 60.0):
        says = babble(4, seed=round(begin))
        inbound = Echo(-15, 150).of(says, 0, len(says)) + noise(4, -65)
        assert passed(inbound, verdicts(inbound, says, judge, begin)) < 0.02


def test_at_another_sample_rate() -> None:
    rate, frame = 16000, 320
    says: Pcm = babble(4, seed=1, rate=rate).astype(np.int16)
    late = 4000  # 250 ms
    echo = np.concatenate((np.zeros(late, np.int16), says[:-late] // 8))
    judge = EchoJudge(sample_rate=rate)
    passed_as_speech = 0
    for start in range(0, len(says), frame):
        judge.played(says[start : start + frame], start / rate)
        is_echo = judge.hear(echo[start : start + frame], (start + frame) / rate)
        passed_as_speech += not is_echo and start > late
    assert passed_as_speech <= 2


@pytest.mark.parametrize("delay_ms", DELAYS_MS)
def test_an_echo_ten_decibels_below_the_bot_is_recognised(delay_ms: int) -> None:
    says = babble(8, -20, seed=1)
    inbound = Echo(-10, delay_ms).of(says, 0, len(says)) + noise(8, -55)
    assert passed(inbound, verdicts(inbound, says)) < 0.03


@pytest.mark.parametrize("seed", range(4))
def test_an_echo_that_becomes_louder_is_soon_known_as_one(seed: int) -> None:
    """A handset that is laid on a table."""
    says = babble(10, -20, seed=seed)
    echo = Echo(-28, 160).of(says, 0, len(says))
    echo[4 * RATE :] *= 10 ** (14 / 20)
    said = np.array(verdicts(echo + noise(10, -65), says))
    assert said[225:].mean() > 0.95  # half a second later


@pytest.mark.parametrize("seed", range(4))
def test_a_cough_over_the_echo_is_no_echo_and_what_follows_is_one(seed: int) -> None:
    says = babble(6, -20, seed=seed)
    inbound = Echo(-15, 160).of(says, 0, len(says)) + noise(6, -65)
    without = verdicts(inbound, says)
    inbound[3 * RATE : 3 * RATE + 2400] += cough(0.3, -20, seed=seed)
    said = verdicts(inbound, says)
    assert not any(said[150:156])
    assert said[190:] == without[190:]  # the window that is compared is over then


def test_a_bot_that_begins_again_does_not_hear_its_own_first_words() -> None:
    """It was interrupted, and its echo is heard again as if for the first time."""
    judge = EchoJudge()
    for begin, seed in ((100.0, 1), (104.0, 2), (105.5, 3)):
        says = babble(1.2, -16, seed=seed)
        inbound = Echo(-15, 160).of(says, 0, len(says)) + noise(1.2, -65)
        said = verdicts(inbound, says, judge, begin)
        judge.cleared(begin + 1.2)
        assert np.mean(said[8:]) > 0.97  # from the echo's first frame on
