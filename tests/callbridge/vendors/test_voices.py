"""Voices that are services: what sounds, which words end where, and what is said when they fail."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing

import numpy as np
import pytest

from callbridge.errors import SettingsError, SpeechFailed
from callbridge.speech.engines import StreamingSynthesiser, Word
from callbridge.speech.espeak import Espeak
from callbridge.speech.vendors.elevenlabs import ElevenLabsSynthesiser
from callbridge.speech.vendors.openai import OpenAiSynthesiser
from tests.callbridge.vendors.services import (
    VOICES,
    SpeakingService,
    deepgram,
    elevenlabs,
    openai,
)
from tests.vendors.link import Faults

pytestmark = [pytest.mark.virtual, pytest.mark.filterwarnings("default::ResourceWarning")]

TEXTS = ("The pool of London is wide. ", "It was the best of times, ", "it was the worst of times.")
Make = Callable[..., SpeakingService]


@pytest.fixture(autouse=True)
def espeak() -> None:
    pytest.importorskip("espeakng_loader")


async def written(texts: Sequence[str], pause_s: float = 0.1) -> AsyncIterator[str]:
    for text in texts:
        await asyncio.sleep(pause_s)
        yield text


async def spoken(voice: StreamingSynthesiser, rate: int = 8000) -> list[Word]:
    return [word async for word in voice.stream(written(TEXTS), rate)]


def ends(words: Sequence[Word], rate: int) -> dict[int, float]:
    """The second in which a word ends, by how many characters have been said then."""
    said = np.cumsum([len(word.text) for word in words])
    at = np.cumsum([len(word.pcm) for word in words]) / rate
    return {int(c): float(e) for c, e, word in zip(said, at, words, strict=True) if word.text}


def own_ends() -> dict[int, float]:
    """Those that the voice of the local servers knows."""
    return ends([word for text in TEXTS for word in Espeak().speak(text, 8000)], 8000)


@pytest.mark.parametrize("make", VOICES)
@pytest.mark.parametrize("rate", [8000, 16000])
async def test_all_sound_and_all_text_come_in_a_row(make: Make, rate: int) -> None:
    service = make()
    words = await spoken(service.voice, rate)
    assert "".join(word.text for word in words) == "".join(TEXTS)
    expected = sum(len(word.pcm) for text in TEXTS for word in Espeak().speak(text, rate)) / rate
    assert sum(len(word.pcm) for word in words) / rate == pytest.approx(expected, rel=0.08)
    assert all(len(word.pcm) for word in words)
    assert service.link.open == 0


async def test_elevenlabs_times_are_those_of_the_voice() -> None:
    """Chunks cut words anywhere: each word ends with its last letter, not with the chunk."""
    theirs, own = ends(await spoken(elevenlabs().voice), 8000), own_ends()
    assert set(theirs) >= set(own)
    for said, end in own.items():
        assert theirs[said] == pytest.approx(end, abs=0.15)


@pytest.mark.parametrize("make", [deepgram, openai])
async def test_estimated_times_fit_within_each_sentence(make: Make) -> None:
    """Each sentence ends with its own sound, however wrong the guess within it was."""
    theirs, own = ends(await spoken(make().voice), 8000), own_ends()
    for said in np.cumsum([len(text) for text in TEXTS]):
        assert theirs[said] == pytest.approx(own[said], abs=0.3)
    told = {said: min(theirs[c] for c in theirs if c >= said) for said in own}
    late = [told[said] - end for said, end in own.items()]
    assert min(late) > -0.3
    assert max(late) < 0.8  # in the first sentence, before the pace of the voice is known


@pytest.mark.parametrize("make", VOICES)
async def test_the_first_sound_comes_before_the_last_text(make: Make) -> None:
    loop, came = asyncio.get_running_loop(), list[float]()
    async for _ in make().voice.stream(written(TEXTS, pause_s=2.0), 8000):
        came.append(loop.time())
    assert came[0] < 2.0 + 0.5
    assert came[-1] > 6.0


@pytest.mark.parametrize("make", VOICES)
async def test_who_leaves_in_the_middle_closes_the_stream(make: Make) -> None:
    service = make()
    async with aclosing(service.voice.stream(written(TEXTS), 8000)) as words:
        await anext(words)
        assert service.link.open == 1
    assert service.link.open == 0


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (elevenlabs, "ElevenLabs: invalid_api_key Invalid API key"),
        (deepgram, "Deepgram refused with 401: is its key right?"),
        (openai, "OpenAI refused with 401: is its key right?"),
    ],
)
async def test_a_wrong_key_is_said_and_never_shown(make: Make, why: str) -> None:
    service = make("sk-wrong-secret")
    with pytest.raises(SpeechFailed, match=re.escape(why)) as raised:
        await spoken(service.voice)
    assert "secret" not in str(raised.value)
    assert "secret" not in repr(service.voice)


@pytest.mark.parametrize("engine", [ElevenLabsSynthesiser, OpenAiSynthesiser])
def test_without_a_key_the_engine_says_which_variable(
    engine: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ELEVENLABS_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match=r"no key for .*: set .*_API_KEY"):
        engine()
    with pytest.raises(SettingsError, match="characters that no key has") as raised:
        engine(api_key="sk-sécret")
    assert "cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("make", "wishes", "why"),
    [
        (deepgram, {"model": "nova-3"}, "refused with 400 .*No such model"),
        (openai, {"voice": "nobody"}, "refused with 400 .*Invalid value for 'voice'"),
        (openai, {"speed": 9.0}, "refused with 400 .*Invalid 'speed'"),
        (openai, {"model": "tts-1", "instructions": "Softly."}, "refused with 400 .*instructions"),
        (elevenlabs, {"voice": "no/such"}, "refused with 404"),
    ],
)
async def test_what_the_vendor_refuses_is_said(
    make: Make, wishes: dict[str, str], why: str
) -> None:
    with pytest.raises(SpeechFailed, match=why):
        await spoken(make(**wishes).voice)


@pytest.mark.parametrize(
    ("make", "faults", "why"),
    [
        (elevenlabs, Faults(garbage_after=1), "not of its protocol"),
        (elevenlabs, Faults(half_character_after=1), "closed the connection: 1007"),
        (elevenlabs, Faults(drop_after=1), "closed the connection: 1011"),
        (deepgram, Faults(garbage_after=1), "not of its protocol"),
        (deepgram, Faults(half_character_after=1), "closed the connection: 1007"),
        (deepgram, Faults(drop_after=1), "closed the connection: 1011"),
        (openai, Faults(drop_after=1), "OpenAI is not reached: ReadError"),
    ],
)
async def test_a_broken_stream_is_a_failure_that_says_what(
    make: Make, faults: Faults, why: str
) -> None:
    service = make()
    service.server.faults = faults
    with pytest.raises(SpeechFailed, match=why):
        await spoken(service.voice)
    assert service.link.open == 0


async def test_deepgram_flushes_no_more_often_than_it_may() -> None:
    service = deepgram()
    texts = [f"Number {number}. " for number in range(30)]
    words = [word async for word in service.voice.stream(written(texts, 0.01), 8000)]
    assert "".join(word.text for word in words) == "".join(texts)
    assert sum(message["type"] == "Flush" for message in service.server.received) <= 20
