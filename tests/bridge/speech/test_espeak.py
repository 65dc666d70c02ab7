"""The offline voice: real sound, any rate, one line when it is not there."""

import sys
import threading

import numpy as np
import pytest

from bridge.errors import SettingsError
from bridge.speech import espeak
from telecodecs import Pcm

pytest.importorskip("espeakng_loader")


def test_a_sentence_is_spoken_at_the_asked_rate() -> None:
    slow, fast = (espeak.speak("How may I help you?", rate) for rate in (8000, 16000))
    assert slow.dtype == fast.dtype == np.int16
    assert 0.6 < len(slow) / 8000 < 3
    assert len(fast) == pytest.approx(2 * len(slow), rel=0.01)
    assert np.abs(slow.astype(int)).max() > 3000


def test_more_words_take_longer_and_faster_speech_less() -> None:
    once = espeak.speak("one", 8000)
    assert len(espeak.speak("one two three four", 8000)) > len(once)
    assert len(espeak.speak("one two three four", 8000, rate=330)) < len(
        espeak.speak("one two three four", 8000)
    )


def test_ssml_is_understood() -> None:
    pause = "<speak>a<break time='2s'/>b</speak>"
    assert len(espeak.speak(pause, 8000, ssml=True)) > 8000 * 2


def test_nothing_to_say_is_nearly_nothing() -> None:
    assert len(espeak.speak("", 8000)) < 8000


def test_an_unknown_voice_is_named() -> None:
    with pytest.raises(SettingsError, match="no voice 'klingon-zz'"):
        espeak.speak("hi", 8000, voice="klingon-zz")


def test_threads_take_turns() -> None:
    alone = espeak.speak("alpha bravo charlie", 8000)
    spoken: list[Pcm] = []
    threads = [
        threading.Thread(target=lambda: spoken.append(espeak.speak("alpha bravo charlie", 8000)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The engine's own length varies by a few samples from run to run.
    assert [len(pcm) for pcm in spoken] == [pytest.approx(len(alone), rel=0.01)] * 4


def test_without_the_library_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    espeak._library.cache_clear()  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(SettingsError, match=r"callbridge\[voice\]"):
        espeak.speak("hi", 8000)
