"""Whole calls whose bot speaks with a service, in virtual time: carrier, bridge, strict server."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import numpy as np
import pytest

from callbridge import App, Call, Turn
from callbridge.errors import SpeechFailed
from callbridge.speech.espeak import Espeak
from callbridge.speech.fallback import FallbackSynthesiser
from callbridge.testing import Conversation, Pair, Wait, caller, says
from callbridge.testing.speech import HummingSynthesiser, scripted
from tests.callbridge.hummed import LEAVES_IT, QUIET
from tests.callbridge.vendors.services import VOICES, SpeakingService
from tests.vendors.link import Faults

pytestmark = pytest.mark.filterwarnings("default::ResourceWarning")

ANSWER = (
    "Your train leaves at nine forty five. It goes from platform seven, and it arrives in the "
    "afternoon. Please change for the coast and the islands, and mind the gap."
)


@pytest.fixture(params=VOICES, ids=lambda make: make.__name__)
def service(request: pytest.FixtureRequest) -> SpeakingService:
    pytest.importorskip("espeakng_loader")
    make: Callable[[], SpeakingService] = request.param
    return make()


@pytest.fixture
def fallback() -> bool:
    return True


@pytest.fixture
def app(service: SpeakingService, fallback: bool) -> App:
    spare = FallbackSynthesiser(service.voice, HummingSynthesiser())
    return App(speech=replace(scripted(), synthesiser=spare if fallback else service.voice))


async def trains(call: Call, turn: Turn) -> AsyncIterator[str]:
    """As a model writes: token by token."""
    if "stop" in turn.text:
        yield "All right."
        return
    for token in ANSWER.split(" "):
        yield f"{token} "


def bot_said(report: Conversation) -> str:
    return "".join(turn.heard for turn in report.said).strip()


def longest_silence_s(report: Conversation) -> float:
    """Between the bot's first sound and its last."""
    frames = report.bot[: len(report.bot) // 160 * 160].reshape(-1, 160).astype(np.float64)
    loud = np.flatnonzero(np.sqrt((frames**2).mean(axis=1)) > 100)
    return float(np.diff(loud).max()) / 50


async def test_the_whole_answer_is_heard(app: App, pair: Pair, service: SpeakingService) -> None:
    app.reply()(trains)
    report = await pair.call(caller(says("hello there"), Wait("bot_speaking", 0.3), QUIET))
    assert bot_said(report) == ANSWER
    expected = sum(len(word.pcm) for word in Espeak().speak(ANSWER, 8000)) / 8000
    assert sum(turn.heard_s for turn in report.said) == pytest.approx(expected, rel=0.1)
    assert service.link.open == 0
    counts = app.service.studio().counts
    assert (counts.fallbacks, counts.failed_turns) == (0, 0)


async def test_an_interruption_cuts_at_the_word_and_closes_the_stream(
    app: App, pair: Pair, service: SpeakingService
) -> None:
    """The service is slow, so that it is still speaking then."""
    service.server.pace = 1.2
    app.reply()(trains)
    stop = says("please stop that now")
    steps = (says("hello there"), Wait("bot_speaking", 2.0), stop, Wait("bot_speaking", 0.3))
    report = await pair.call(caller(*steps, QUIET))
    cut, then = report.said
    assert cut.cut
    assert ANSWER.startswith(cut.heard.strip())
    assert ANSWER[len(cut.heard.strip())] == " "  # a word has ended there
    said_by = len(cut.heard) / len(ANSWER)
    whole_s = sum(len(word.pcm) for word in Espeak().speak(ANSWER, 8000)) / 8000
    assert said_by == pytest.approx(cut.heard_s / whole_s, abs=0.12)
    assert then.heard == "All right."
    # Closed by the interruption, half a second into the caller's word, and not by the next answer.
    assert service.link.closed_at[0] < then.at_s - 0.8
    assert service.link.open == 0


@pytest.mark.parametrize(
    "faults",
    [Faults(silent=True), Faults(stall_after=2), Faults(drop_after=2)],
    ids=["silent", "stalls", "drops"],
)
async def test_where_the_vendor_fails_another_voice_says_the_rest(
    app: App, pair: Pair, service: SpeakingService, faults: Faults
) -> None:
    service.server.faults = faults
    app.reply()(trains)
    report = await pair.call(caller(says("hello there"), Wait("bot_speaking", 0.3), LEAVES_IT))
    assert bot_said(report) == ANSWER
    assert app.service.studio().counts.fallbacks == 1
    assert longest_silence_s(report) < 3.5
    assert service.link.open == 0


async def test_a_vendor_out_of_reach_costs_nobody_the_answer(
    app: App, pair: Pair, service: SpeakingService
) -> None:
    service.link.unreachable = True
    app.reply()(trains)
    report = await pair.call(caller(says("hello there"), Wait("bot_speaking", 0.3), LEAVES_IT))
    assert bot_said(report) == ANSWER


class Careful:
    async def __call__(self, call: Call) -> None:
        try:
            await call.say(ANSWER)
        except SpeechFailed as error:
            self.why = str(error)


@pytest.mark.parametrize("fallback", [False])
async def test_without_a_fallback_the_bot_is_told(
    app: App, pair: Pair, service: SpeakingService
) -> None:
    service.server.faults = Faults(stall_after=1)
    app.call(bot := Careful())
    await pair.call(caller(LEAVES_IT))
    assert bot.why.startswith("the voice is silent")
    assert service.link.open == 0
