"""The offline voice: real sound, any rate, one line when it is not there."""

import sys
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from callbridge.errors import SettingsError
from callbridge.speech import espeak
from callbridge.speech.engines import Word
from telecodecs import Pcm

pytest.importorskip("espeakng_loader")


def near(samples: int, expected: int, *, share: float = 0.01) -> bool:
    """The engine's own length varies by a few samples from run to run."""
    return abs(samples - expected) <= share * expected + 160


def test_a_sentence_is_spoken_at_the_asked_rate() -> None:
    slow, fast = (espeak.speak("How may I help you?", rate) for rate in (8000, 16000))
    assert slow.dtype == fast.dtype == np.int16
    assert 0.6 < len(slow) / 8000 < 3
    assert near(len(fast), 2 * len(slow))
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
    with pytest.raises(SettingsError, match=r"no voice 'klingon-zz'; it has .*en-US, .*\bfr\b"):
        espeak.speak("hi", 8000, voice="klingon-zz")
    assert len(espeak.speak("hi", 8000)) > 0  # and the next text is spoken again


# ---- words ------------------------------------------------------------------------------------

LONG = "hippopotamus"
TEXTS = [
    "How may I help you?",
    "Your total is 42, that is $3.50; thanks. Über naïve café “quoted” — 1,234,567 items",
    "  leading spaces and   gaps\n\n",
    "<speak>hello <b>you</b></speak> &amp; [[h@loU]] co",
    "Dr. Smith's 3rd St. can't-stop rock-n-roll",
    "日本語 mixed 😀 words",
    "one\0two \x01300S three \ud800 four",
    "...",
    " — ?!",
    " ",
    "42",
]


def together(words: Sequence[Word]) -> tuple[str, Pcm]:
    return "".join(word.text for word in words), np.concatenate([word.pcm for word in words])


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("rate", [8000, 16000])
def test_the_words_are_the_text_and_their_sound_is_the_speech(text: str, rate: int) -> None:
    words = espeak.Espeak().speak(text, rate)
    spoken, pcm = together(words)
    assert spoken == text
    assert all(word.text for word in words)
    assert near(len(pcm), len(espeak.speak(text, rate)))


def test_each_word_takes_its_space_along() -> None:
    words = espeak.Espeak().speak("How may I help you?", 8000)
    assert [word.text for word in words] == ["How ", "may ", "I ", "help ", "you?"]
    assert all(len(word.pcm) > 400 for word in words)  # 50 ms


def test_what_does_not_sound_goes_with_the_word_before() -> None:
    words = espeak.Espeak().speak("yes — no ... 42, really", 8000)
    assert [word.text for word in words] == ["yes — ", "no ... ", "42, ", "really"]


def test_a_word_is_cut_where_it_begins() -> None:
    long, short, last = (len(word.pcm) for word in espeak.Espeak().speak(f"{LONG} I {LONG}", 8000))
    alone = len(espeak.speak(LONG, 8000))
    assert short < 0.3 * alone
    assert near(long, alone, share=0.2)
    assert near(last, alone, share=0.2)


def test_nothing_at_all_has_no_words() -> None:
    assert espeak.Espeak().speak("", 8000) == ()


def test_a_text_of_ten_thousand_characters_has_all_its_words() -> None:
    text = " ".join(["alpha", "bravo", "seven", "telephone", "the", "of"] * 320)
    words = espeak.Espeak(rate=450).speak(text, 8000)
    assert len(text) > 10_000
    assert [word.text.strip() for word in words] == text.split()
    assert together(words)[0] == text


def test_markup_is_read_out_and_never_obeyed() -> None:
    pause = "<speak>a<break time='9s'/>b</speak>"
    assert len(together(espeak.Espeak().speak(pause, 8000))[1]) < 8000 * 9


def test_control_characters_cannot_command_the_engine() -> None:
    plain, commanded = (
        len(espeak.speak(text, 8000))
        for text in ("300S hello there my friend", "\x01300S hello there my friend")
    )
    assert near(commanded, plain, share=0.05)


def test_another_language_is_spoken() -> None:
    words = espeak.Espeak(voice="de").speak("Guten Tag", 8000)
    assert [word.text for word in words] == ["Guten ", "Tag"]


# ---- threads and set-up -----------------------------------------------------------------------


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
    assert len(spoken) == 4
    assert all(near(len(pcm), len(alone)) for pcm in spoken)


def test_without_the_library_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    espeak._library.cache_clear()  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(SettingsError, match=r"callbridge\[voice\]"):
        espeak.speak("hi", 8000)
