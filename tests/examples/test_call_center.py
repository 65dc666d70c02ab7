"""The call centre in virtual time: the line, the agents, the message, and who listens in."""

import asyncio
import logging

import numpy as np
import pytest
from examples.call_center import call_center

from callbridge import App
from callbridge.carrier.config import Behaviour
from callbridge.testing import HangUp, Pair, Press, Wait, says, tone
from telecodecs import Pcm
from tests.callbridge.hummed import loud_s
from tests.examples.people import ACCEPTS, DECLINES, IGNORES, VOICE, heard_by, presses, talks, told

ANNA, BEN, CARLA = call_center.AGENTS
CALLER_HZ, SUPERVISOR_HZ = 440.0, 600.0
LINE = call_center.SUPERVISOR_NUMBER
ABOUT = "A caller, the first of 1."
BUSY_FOR_A_MINUTE = presses("1", *talks(60.0))


BOTH_VOICES = [
    pytest.param(voice, marks=pytest.mark.virtual(voice=voice)) for voice in ("media", "relay")
]


@pytest.fixture
def app(caplog: pytest.LogCaptureFixture) -> App:
    caplog.set_level(logging.INFO, "callbridge")
    assert not call_center.waiting
    assert not call_center.talking
    return call_center.app


@pytest.fixture
def only_anna(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_center, "AGENTS", {ANNA: "Anna"})


def agents(anna: Behaviour, ben: Behaviour, carla: Behaviour = "busy") -> pytest.MarkDecorator:
    return pytest.mark.virtual(numbers={ANNA: anna, BEN: ben, CARLA: carla})


def sounds_s(pcm: Pcm) -> float:
    """Seconds in which anything is heard."""
    frames = pcm[: len(pcm) // 160 * 160].reshape(-1, 160)
    return float((np.abs(frames).max(axis=1) > 100).sum()) / 50


def contains_s(pcm: Pcm, hertz: float) -> float:
    """Seconds in which this tone is heard, whatever else is."""
    frames = pcm[: len(pcm) // 160 * 160].reshape(-1, 160).astype(np.float64)
    wave = np.exp(-2j * np.pi * hertz * np.arange(160) / 8000) * np.hanning(160)
    return float((np.abs(frames @ wave) > 50_000).sum()) / 50


@agents(IGNORES, ACCEPTS)
async def test_the_first_agent_who_accepts_has_the_caller(pair: Pair) -> None:
    call = await pair.ring()
    await call.hears("You are number 1 in the line.")
    await call.hears("Thank you for calling.")
    report = await call.over()
    assert loud_s(report.bot, VOICE) > 2.8
    assert heard_by(ANNA, report)[0] == heard_by(BEN, report)[0] == ABOUT


@agents(DECLINES, IGNORES)
async def test_after_two_rounds_there_is_a_message(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    call = await pair.ring()
    await call.hears(call_center.SORRY, within_s=120)
    await call.does(Wait("bot_silent", 1.0), says("Please call me back."))
    report = await call.over()
    assert heard_by(ANNA, report).count(ABOUT) == call_center.ROUNDS
    [message] = told(caplog, "voicemail")
    assert (message["caller"], message["words"]) == ("+13125550123", "Please call me back.")
    assert message["link"].startswith("http")


@pytest.mark.virtual(numbers={})  # all telephones ring
async def test_whoever_waits_hears_music_and_their_place(pair: Pair) -> None:
    call = await pair.ring()
    await call.hears("You are number 1")
    await call.hears("You are number 1", within_s=call_center.TELL_EVERY_S + 3)
    report = await call.hangs_up()
    assert sounds_s(report.bot) > 0.9 * report.duration_s


@agents(BUSY_FOR_A_MINUTE, IGNORES)
async def test_an_agent_who_talks_is_not_rung(pair: Pair) -> None:
    first = await pair.ring()
    await first.hears("number 1")
    await asyncio.sleep(5.0)
    second = await pair.ring()
    await asyncio.sleep(20.0)
    await second.does(HangUp())
    report = await first.over()
    assert heard_by(ANNA, report).count(ABOUT) == 1
    assert heard_by(BEN, report).count(ABOUT) == 2


@agents(presses("1", *talks(40.0)), "busy")
async def test_callers_move_up_in_the_line(pair: Pair, only_anna: None) -> None:
    talks_to_anna = await pair.ring()
    await talks_to_anna.hears("number 1")
    await asyncio.sleep(5.0)
    first, second = await pair.ring(), await pair.ring()
    await first.hears("number 1")
    await second.hears("number 2")
    await first.hears("Thank you for calling.", within_s=120)
    await second.hears("number 1")
    await second.hangs_up()


@agents(presses("1", *talks(40.0)), "busy")
async def test_who_hangs_up_in_the_line_leaves_it(pair: Pair, only_anna: None) -> None:
    talks_to_anna = await pair.ring()
    await talks_to_anna.hears("number 1")
    await asyncio.sleep(5.0)
    first, second = await pair.ring(), await pair.ring()
    await second.hears("number 2")
    await first.does(HangUp())
    await second.hears("number 1", within_s=call_center.TELL_EVERY_S + 3)
    await second.hangs_up()


@agents(BUSY_FOR_A_MINUTE, "busy")
async def test_an_agent_whose_caller_hangs_up_is_free(pair: Pair) -> None:
    call = await pair.ring()
    await call.hears("number 1")
    await asyncio.sleep(10.0)
    assert list(call_center.talking) == [ANNA]
    await call.hangs_up()
    assert not call_center.talking
    assert not pair.switch.live_legs


# ---- the supervisor -----------------------------------------------------------------------------


@agents(BUSY_FOR_A_MINUTE, "busy")
@pytest.mark.parametrize("voice", BOTH_VOICES)
@pytest.mark.parametrize(
    ("key", "agent", "customer"), [("1", False, False), ("2", True, False), ("3", True, True)]
)
async def test_who_hears_the_supervisor(
    pair: Pair, key: str, agent: bool, customer: bool, voice: str
) -> None:
    call = await pair.ring()
    await call.hears("number 1")
    await asyncio.sleep(10.0)
    anna = call_center.talking[ANNA].agent
    assert anna is not None
    supervisor = await pair.ring(to=LINE)
    await supervisor.hears("Your PIN, please.")
    await supervisor.does(Press(call_center.PIN))
    await supervisor.hears("Press 1 for Anna.")
    await supervisor.does(Press("1"))
    await supervisor.hears("1 to listen")
    await supervisor.does(Press(key))
    await asyncio.sleep(2.0)
    await supervisor.does(says(tone(2.0, SUPERVISOR_HZ)))
    listened = await supervisor.hangs_up()
    report = await call.over()
    anna_heard = await pair.finished(anna.call_control_id)
    assert contains_s(listened.bot, VOICE) > 2.0
    assert (contains_s(anna_heard.bot, SUPERVISOR_HZ) > 1.5) == agent
    assert (contains_s(report.bot, SUPERVISOR_HZ) > 1.5) == customer


async def test_nobody_listens_in_without_the_pin(pair: Pair) -> None:
    supervisor = await pair.ring(to=LINE)
    await supervisor.hears("Your PIN, please.")
    await supervisor.does(Press("1111"))
    await supervisor.hears("That is not right.")
    report = await supervisor.over()
    assert report.hung_up_by == "bot"


async def test_a_supervisor_is_told_that_nobody_talks(pair: Pair) -> None:
    supervisor = await pair.ring(to=LINE)
    await supervisor.hears("Your PIN, please.")
    await supervisor.does(Press(call_center.PIN))
    await supervisor.hears("Nobody is talking now.")
    await supervisor.over()
