"""Ears that are services, in whole calls and in virtual time: carrier, bridge, strict server.

Callers spell their words in tones, which the local servers understand to the letter."""

import asyncio
from collections.abc import Callable

import pytest

from callbridge import App, Call, Turn
from callbridge.carrier.people.steps import Play, Say
from callbridge.errors import SpeechFailed
from callbridge.speech.engines import Recogniser, Speech
from callbridge.speech.fallback import FallbackRecogniser
from callbridge.speech.hearing import LiveEar
from callbridge.speech.vendors.deepgram import DeepgramRecogniser
from callbridge.testing import Conversation, Pair, Wait, caller, says
from callbridge.testing.speech import HummingSynthesiser, LoudnessVad, SpellingRecogniser
from telecodecs import Pcm, silence
from tests.callbridge.hummed import LEAVES_IT, QUIET
from tests.callbridge.vendors.services import (
    EARS,
    HearingService,
    deepgram_ear,
    openai_ear,
    openai_live_ear,
)
from tests.vendors.deepgram import DeepgramServer
from tests.vendors.link import Faults, InMemory
from tests.vendors.openai_speech import OpenAiSpeechServer

TICKETS = "two tickets to the coast, please"
LONG = "there is really a lot that I have to say to you today"
ANSWERED = (Wait("bot_speaking", 0.3), QUIET)


def spells(text: str) -> Say | Play:
    return says(SpellingRecogniser().pronounce(text).pcm)


def spelt(text: str) -> Pcm:
    return SpellingRecogniser().pronounce(text).pcm


@pytest.fixture(params=EARS, ids=lambda make: make.__name__)
def service(request: pytest.FixtureRequest) -> HearingService:
    make: Callable[[], HearingService] = request.param
    return make()


@pytest.fixture
def fallback() -> bool:
    return False


@pytest.fixture
def app(service: HearingService, fallback: bool) -> App:
    ear: Recogniser = service.ear
    if fallback:
        ear = FallbackRecogniser(service.ear, SpellingRecogniser())
    return App(speech=Speech(LoudnessVad, ear, HummingSynthesiser()))


async def parrot(call: Call, turn: Turn) -> str:
    return f"You said {turn.text}."


def understood(report: Conversation) -> list[str]:
    return [turn.heard for turn in report.heard]


async def test_each_turn_has_its_own_words(app: App, pair: Pair) -> None:
    app.reply()(parrot)
    steps = (spells(TICKETS), *ANSWERED, spells("thank you, goodbye"), *ANSWERED)
    report = await pair.call(caller(*steps))
    assert understood(report) == [TICKETS, "thank you, goodbye"]
    assert app.service.studio().counts.failed_turns == 0


@pytest.mark.parametrize("service", [deepgram_ear(), openai_live_ear()])
async def test_a_stream_knows_the_words_as_soon_as_the_turn_ends(app: App, pair: Pair) -> None:
    app.reply()(parrot)
    await pair.call(caller(spells(TICKETS), *ANSWERED))
    (steps,) = app.service.studio().counts.waterfalls
    assert steps["final_text"] == pytest.approx(steps["turn_ended"], abs=0.02)


class Overhears:
    def __init__(self) -> None:
        self.partials: list[str] = []

    async def __call__(self, call: Call) -> None:
        async for partial in call.partials():
            self.partials.append(partial)


@pytest.mark.parametrize("service", [deepgram_ear(), openai_live_ear()])
async def test_a_bot_is_told_what_the_caller_is_saying(app: App, pair: Pair) -> None:
    app.call(bot := Overhears())
    await pair.call(caller(Wait("streaming"), spells(TICKETS), Wait("bot_silent", 1.5)))
    first, *_, last = bot.partials
    assert TICKETS.startswith(first)
    assert len(first) < len(last)


@pytest.mark.parametrize("faults", [Faults(silent=True), Faults(drop_after=0)])
async def test_a_dead_ear_is_told_within_seconds(
    app: App, pair: Pair, service: HearingService, faults: Faults
) -> None:
    if isinstance(service.server, OpenAiSpeechServer) and not faults.silent:
        service.link.unreachable = True
    else:
        service.server.faults = faults
    app.call(desk := Desk())
    await pair.call(caller(spells(TICKETS), LEAVES_IT))
    assert desk.why
    assert desk.waited_s < 6.0


class Desk:
    async def __call__(self, call: Call) -> None:
        turn = await call.listen()
        self.why = turn.failed
        self.waited_s = turn.waterfall.after_s()["final_text"]


@pytest.mark.parametrize("fallback", [True])
@pytest.mark.parametrize(
    "faults",
    [
        Faults(silent=True),
        Faults(drop_after=0),
        Faults(garbage_after=0),
        Faults(half_character_after=0),
    ],
    ids=["silent", "drops", "garbage", "half a character"],
)
async def test_where_the_vendor_fails_another_ear_understands(
    app: App, pair: Pair, service: HearingService, faults: Faults
) -> None:
    service.server.faults = faults
    app.reply()(parrot)
    report = await pair.call(caller(spells(TICKETS), *ANSWERED))
    assert understood(report) == [TICKETS]


@pytest.mark.parametrize("fallback", [True])
@pytest.mark.parametrize("service", [make("wrong-key") for make in EARS])
async def test_a_wrong_key_is_on_the_tape_and_costs_no_turn(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    app.reply()(parrot)
    report = await pair.call(caller(spells(TICKETS), *ANSWERED))
    assert understood(report) == [TICKETS]
    said = [vars(record).get("why", "") for record in caplog.get_records("call")]
    assert any("is its key right?" in why for why in said)
    assert not any("wrong-key" in str(vars(record)) for record in caplog.get_records("call"))


# ---- one stream ---------------------------------------------------------------------------------


def live(server: DeepgramServer, told: list[str] | None = None) -> tuple[LiveEar, InMemory]:
    link = InMemory(server)
    ear = DeepgramRecogniser(api_key="local-key", connect=link)
    told = told if told is not None else []
    return LiveEar(ear, 8000, lambda: None, told.append), link


async def hear(ear: LiveEar, pcm: Pcm) -> None:
    """As it sounds, in windows as a call's."""
    loop = asyncio.get_running_loop()
    for start in range(0, len(pcm), 256):
        await asyncio.sleep(0.032)
        ear.hear(pcm[start : start + 256], loop.time())


async def heard_by(ear: LiveEar) -> str:
    """The final words of all of it."""
    return await ear.text(ear.position, asyncio.get_running_loop().time())


@pytest.mark.virtual
async def test_what_a_lost_connection_did_not_hear_is_replayed() -> None:
    server = DeepgramServer(ear=SpellingRecogniser(), faults=Faults(drop_after=1, connections=1))
    told: list[str] = []
    ear, link = live(server, told)
    running = asyncio.create_task(ear.run())
    await hear(ear, spelt(TICKETS))
    await hear(ear, silence(1600))
    assert await heard_by(ear) == TICKETS
    assert (link.opened, told) == (2, ["Deepgram closed the connection: 1011 going away"])
    running.cancel()
    await asyncio.wait({running})
    assert link.open == 0


@pytest.mark.virtual
async def test_a_silent_connection_is_kept_alive_and_no_longer_than_the_call() -> None:
    server = DeepgramServer(ear=SpellingRecogniser())
    told: list[str] = []
    ear, link = live(server, told)
    running = asyncio.create_task(ear.run())
    await hear(ear, spelt("hold on"))
    await hear(ear, silence(4000))
    await asyncio.sleep(60)
    await hear(ear, spelt("here I am"))
    await hear(ear, silence(1600))
    assert await heard_by(ear) == "hold on here I am"
    assert (link.opened, told) == (1, [])
    assert {"type": "KeepAlive"} in server.received
    ear.close()
    await running
    assert link.open == 0


@pytest.mark.virtual
@pytest.mark.parametrize("late_s", [0.5, 5.0])
async def test_late_finals_are_waited_for_a_while_and_then_done_without(late_s: float) -> None:
    server = DeepgramServer(ear=SpellingRecogniser(), faults=Faults(late_s=late_s))
    ear, _ = live(server)
    running = asyncio.create_task(ear.run())
    await hear(ear, spelt("two tickets to the coast, pl"))
    text = await heard_by(ear)
    assert "two tickets to the coast, please".startswith(text)
    assert text.startswith("two tickets" if late_s > 1 else "two tickets to the coast, pl")
    running.cancel()
    await asyncio.wait({running})


@pytest.mark.virtual
async def test_speech_of_which_nothing_is_heard_makes_a_new_connection() -> None:
    server = DeepgramServer(ear=SpellingRecogniser(), faults=Faults(silent=True, connections=1))
    told: list[str] = []
    ear, link = live(server, told)
    running = asyncio.create_task(ear.run())
    ear.speech(0)
    await hear(ear, spelt(LONG))
    await hear(ear, silence(1600))
    assert await heard_by(ear) == LONG
    assert told == ["the recogniser has said nothing in 3 s of speech"]
    assert link.opened == 2
    running.cancel()
    await asyncio.wait({running})


@pytest.mark.virtual
@pytest.mark.parametrize("make", EARS)
async def test_one_utterance_alone(make: Callable[..., HearingService]) -> None:
    heard = await make().ear.recognise(spelt(TICKETS), 8000)
    assert heard == TICKETS


@pytest.mark.virtual
@pytest.mark.parametrize(
    ("service", "why"),
    [
        (deepgram_ear(model="whisper"), "refused with 400 .*No such model"),
        (openai_ear(model="gpt-9"), "refused with 400 .*does not exist"),
        (openai_live_ear(model="gpt-9"), "OpenAI: model_not_found .*does not exist"),
        (openai_live_ear(model="gpt-realtime-whisper", keywords=("a",)), "not supported by"),
    ],
)
async def test_what_the_vendor_refuses_is_said(service: HearingService, why: str) -> None:
    with pytest.raises(SpeechFailed, match=why):
        await service.ear.recognise(spelt(TICKETS), 8000)
