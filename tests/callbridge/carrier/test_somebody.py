"""The caller that `callbridge call` sends when no script is given."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from callbridge import App, Call, Turn
from callbridge.carrier.net.files import loader
from callbridge.carrier.net.ring import SOMEBODY, read_script
from callbridge.carrier.people.script import parse_script, with_sounds
from callbridge.carrier.people.steps import Say
from callbridge.host.audiofile import Clip
from callbridge.speech.offline import PACKAGES, offline
from callbridge.testing import caller_of, converse


async def echo(call: Call) -> None:
    async for pcm in call.audio():
        await call.write(pcm)


async def parrot(call: Call, turn: Turn) -> AsyncIterator[str]:
    yield f"You said: {turn.text} That is what I have heard, and I could go on about it for long."


def recordings() -> list[Clip]:
    """What they say, without any voice."""
    script = with_sounds(parse_script(read_script(SOMEBODY)), loader(SOMEBODY.parent))
    says = [step for step in script.steps if isinstance(step, Say)]
    return [step.clip for step in says if step.clip is not None]


def test_it_needs_no_speech_engine() -> None:
    clips = recordings()
    assert len(clips) == 3
    assert all(np.abs(clip.pcm).max() > 5000 for clip in clips)


def test_a_bot_of_frames_is_called(app: App) -> None:
    app.call(echo)
    report = converse(app, caller_of(SOMEBODY))
    assert report.failed == ()
    assert report.hangup_source == "caller"


def test_a_bot_that_speaks_is_interrupted(app: App) -> None:
    app.reply(greeting="Good morning, this is the parrot.")(parrot)
    report = converse(app, caller_of(SOMEBODY))
    assert report.failed == ()
    assert [turn.text.split()[0] for turn in report.heard] == ["Hello,", "Please", "Stop,"]
    assert [turn.over_bot for turn in report.heard] == [False, False, True]


def test_a_bot_that_says_nothing_fails_it(app: App) -> None:
    async def deaf_mute(call: Call) -> None:
        async for _ in call.audio():
            pass

    app.call(deaf_mute)
    report = converse(app, caller_of(SOMEBODY))
    assert report.failed == ("step 6 (wait bot_speaking): bot_speaking did not come in 30 s",)


def test_its_recordings_are_understood(app: App) -> None:
    for package in PACKAGES:
        pytest.importorskip(package)
    ear = offline().recogniser
    heard = [ear.transcribe(clip.pcm, clip.sample_rate).lower() for clip in recordings()]
    words = ("hello", "little more about", "stop")
    assert all(word in text for word, text in zip(words, heard, strict=True)), heard


def test_it_is_part_of_the_package() -> None:
    assert {path.name for path in Path(SOMEBODY).parent.iterdir()} == {
        "somebody.json", "hello.wav", "more.wav", "stop.wav",
    }  # fmt: skip
