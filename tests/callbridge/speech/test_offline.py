"""The offline engines as one: they fit the protocols, and say what is missing."""

import platform
import sys

import numpy as np
import pytest

from callbridge.errors import SettingsError
from callbridge.speech.engines import Speech
from callbridge.speech.offline import PACKAGES, offline
from telecodecs import silence
from tests.callbridge.speech.person import TWO_CLAUSES, passage


@pytest.fixture(scope="module")
def speech() -> Speech:
    for package in PACKAGES:
        pytest.importorskip(package)
    return offline()


def test_all_three_do_their_part(speech: Speech) -> None:
    said = np.concatenate([word.pcm for word in speech.synthesiser.speak("Good morning!", 8000)])
    vad = speech.vad()
    windows = np.concatenate((said, silence(-len(said) % vad.window))).reshape(-1, vad.window)
    assert max(vad.probability(window) for window in windows) > 0.5
    # Of a person: the recogniser makes little of the synthesiser's robot.
    assert "best of times" in speech.recogniser.transcribe(passage(TWO_CLAUSES), 8000)


def test_each_call_has_a_vad_of_its_own(speech: Speech) -> None:
    assert speech.vad() is not speech.vad()


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_missing_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SettingsError) as caught:
        offline()
    assert PACKAGES[package] in str(caught.value)
    assert "install the extra callbridge[speech]" in str(caught.value)


def test_a_machine_that_is_too_old_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.31"))
    with pytest.raises(SettingsError, match=r"need glibc 2\.34, this machine has 2\.31"):
        offline()


def test_the_voice_is_chosen_here(speech: Speech) -> None:
    with pytest.raises(SettingsError, match="no voice 'klingon-zz'"):
        offline(voice="klingon-zz").synthesiser.speak("hi", 8000)
    slow, fast = (
        sum(len(word.pcm) for word in offline(rate=rate).synthesiser.speak("one two three", 8000))
        for rate in (120, 300)
    )
    assert slow > 1.3 * fast
