"""A caller is handed over warm: conference first, then dial, then leave."""

import asyncio
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from callbridge import App, Call, Handoff, SettingsError, Transferred
from callbridge.calls.leg import Leg, VoiceKind
from callbridge.calls.offers import ASK, GONE, TOO_LATE
from callbridge.carrier.config import Behaviour
from callbridge.carrier.core.effects import SendWebhook
from callbridge.carrier.people.script import Step
from callbridge.testing import (
    CallScript,
    CarrierConfig,
    HangUp,
    Pair,
    Press,
    Wait,
    caller,
    says,
    tone,
)
from callbridge.testing.speech import pitched
from telecodecs import Pcm
from tests.callbridge.does import Does
from tests.callbridge.hummed import LEAVES_IT, loud_s

AGENT, OTHER = "+13125550199", "+13125550198"
VOICE, VOICE_OF_OTHER, CALLER = 300.0, 350.0, 440.0
BOT = 3000.0  # higher than hold music goes
TEXTS = {VOICE: "hello", VOICE_OF_OTHER: "good day", CALLER: "where are you"}
WEBHOOKS = "http://127.0.0.1:9/webhooks"


def talks(hertz: float = VOICE, seconds: float = 4.0) -> tuple[Step, ...]:
    return says(tone(seconds, hertz)), Wait("said"), HangUp()


def agent(*steps: Step) -> CallScript:
    """Picks up, hears what it is about, and does these steps."""
    heard = (Wait("bot_speaking", 0.5), Wait("bot_silent", 0.5))
    return CallScript(steps=(Wait("answered"), *heard, *steps))


ACCEPTS = agent(Press("1"), *talks())
DECLINES = agent(Press("2"), Wait("hangup"))
MISTYPES = agent(
    Press("7"), Wait("bot_speaking", 0.5), Wait("bot_silent", 0.5), Press("1"), *talks()
)
SILENT = agent(Wait("hangup", within_s=120))
LEAVES_WHILE_ASKED = CallScript(steps=(Wait("answered"), Wait("bot_speaking", 0.2), HangUp()))
GREETING = np.random.default_rng(1).normal(0, 3000, 5 * 8000).astype(np.int16)  # no tone
MACHINE = CallScript(
    steps=(Wait("answered"), says(GREETING), Wait("said"), Wait("hangup", within_s=60))
)


@pytest.fixture
def app() -> App:
    return App(speech=pitched(TEXTS))


def people(
    agent: Behaviour | None = None, other: Behaviour | None = None, ring_s: float = 1.0
) -> pytest.MarkDecorator:
    """A carrier with somebody at AGENT and at OTHER."""
    there: dict[str, Behaviour | None] = {AGENT: agent, OTHER: other}
    numbers: dict[str, Behaviour] = {
        number: person for number, person in there.items() if person is not None
    }
    config = CarrierConfig(webhook_url=WEBHOOKS, numbers=numbers, ring_s=ring_s)
    return pytest.mark.virtual(config=config)


def hands_off(*numbers: str, **options: Any) -> Does:
    """And beeps for a second when the caller is still the bot's."""
    asked: dict[str, Any] = {"whisper": "A caller.", "timeout": 8.0} | options
    return Does(
        lambda call: call.handoff(numbers or AGENT, **asked),
        lambda call: call.write(tone(1.0, BOT)),
    )


def said(leg: Leg) -> list[str]:
    """By the bot, to whom it has called."""
    return [message["content"] for message in leg.voice.history if message["role"] == "assistant"]


def results(bot: Does) -> list[str]:
    return [outcome.result for outcome in bot.results if isinstance(outcome, Transferred)]


# ---- who takes the call -------------------------------------------------------------------------


@people(ACCEPTS)
async def test_an_agent_who_accepts_has_the_caller(app: App, pair: Pair) -> None:
    await accepted(app, pair)


@people(MISTYPES)
async def test_a_wrong_key_is_asked_about_again(app: App, pair: Pair) -> None:
    await accepted(app, pair)


async def accepted(app: App, pair: Pair) -> None:
    bot = hands_off()
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert results(bot) == ["answered"]
    assert bot.results[0].to == AGENT
    assert loud_s(report.bot, VOICE) > 3.8
    assert loud_s(report.bot, BOT) == 0.0


OUTCOMES = [
    pytest.param("declined", marks=people(DECLINES), id="key"),
    pytest.param("declined", marks=people(LEAVES_WHILE_ASKED), id="hangs up"),
    pytest.param("no_answer", marks=people(SILENT), id="no key"),
    pytest.param("declined", marks=people("reject"), id="rejects"),
    pytest.param("busy", marks=people("busy"), id="busy"),
    pytest.param("no_answer", marks=people("no_answer"), id="does not answer"),
    pytest.param("failed", marks=people("not_found"), id="is not there"),
]


@pytest.mark.parametrize("result", OUTCOMES)
async def test_in_every_other_case_the_caller_hears_the_bot_again(
    app: App, pair: Pair, result: str
) -> None:
    bot = hands_off()
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert results(bot) == [result]
    assert loud_s(report.bot, BOT) > 0.9
    assert report.hung_up_by == "bot"


@people(MACHINE)
async def test_a_machine_is_no_agent(app: App, pair: Pair) -> None:
    bot = hands_off(amd="detect")
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert results(bot) == ["voicemail"]
    assert loud_s(report.bot, BOT) > 0.9
    assert loud_s(report.bot, VOICE) == 0.0


@people(agent(Press("2"), Wait("hangup")), agent(Press("1"), *talks(VOICE_OF_OTHER)))
async def test_several_ring_and_the_first_who_accepts_has_the_caller(app: App, pair: Pair) -> None:
    bot = hands_off(AGENT, OTHER)
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert results(bot) == ["answered"]
    assert bot.results[0].to == OTHER
    assert loud_s(report.bot, VOICE_OF_OTHER) > 3.8


@people(ACCEPTS, CallScript(steps=(Wait("hangup", within_s=60),)), ring_s=1.0)
async def test_whoever_still_rings_when_another_accepts_is_let_be(app: App, pair: Pair) -> None:
    bot = hands_off(AGENT, OTHER)
    app.call(bot)
    await pair.call(caller(LEAVES_IT))
    assert results(bot) == ["answered"]
    while pair.switch.live_legs:  # noqa: ASYNC110  time is virtual
        await asyncio.sleep(0.1)


# ---- who is asked what --------------------------------------------------------------------------


class Briefs:
    """Talks to the agent itself, and takes what they say for an answer."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def __call__(self, agent: Call) -> bool:
        await agent.say("A caller. Shall I put them through?")
        turn = await agent.listen(timeout=5)
        self.heard.append(turn.text)
        return bool(turn)


@people(agent(says(tone(1.0, VOICE)), Wait("said"), Wait("bot_silent", 3.0), *talks()))
async def test_a_bot_may_brief_the_agent(app: App, pair: Pair) -> None:
    briefs = Briefs()
    bot = hands_off(whisper=briefs)
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert results(bot) == ["answered"]
    assert briefs.heard == ["hello"]
    assert loud_s(report.bot, VOICE) > 3.8


@people(CallScript(steps=(Wait("answered"), *talks())))
async def test_an_agent_who_is_not_asked_has_the_caller_at_once(app: App, pair: Pair) -> None:
    bot = hands_off(whisper="", accept="")
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert results(bot) == ["answered"]
    assert loud_s(report.bot, VOICE) > 3.5


@people(SILENT)
async def test_an_agent_is_told_that_the_caller_has_gone(app: App, pair: Pair) -> None:
    bot = hands_off()
    app.call(bot)
    placed = await pair.ring()
    await asyncio.sleep(3.0)
    agents = [leg for leg in app.service.calls.legs() if leg.to == AGENT]
    await placed.hangs_up()
    assert results(bot) == ["caller_hung_up"]
    assert [said(leg)[-1].endswith(GONE) for leg in agents] == [True]


@people(ACCEPTS, SILENT)
async def test_who_is_still_being_asked_is_told_that_another_was_faster(
    app: App, pair: Pair
) -> None:
    bot = hands_off(AGENT, OTHER)
    app.call(bot)
    pair.place(caller(LEAVES_IT))
    await asyncio.sleep(3.0)
    (slower,) = (leg for leg in app.service.calls.legs() if leg.to == OTHER)
    while pair.switch.live_legs:  # noqa: ASYNC110  time is virtual
        await asyncio.sleep(0.1)
    assert results(bot) == ["answered"]
    assert said(slower)[-1].endswith(TOO_LATE)


# ---- when they talk -----------------------------------------------------------------------------


@people(agent(Press("1"), says(tone(2.0, VOICE)), Wait("said"), Wait("hangup", within_s=60)))
async def test_when_the_caller_hangs_up_the_agent_is_not_left_alone(app: App, pair: Pair) -> None:
    bot = hands_off()
    app.call(bot)
    placed = await pair.ring()
    await asyncio.sleep(8.0)
    report = await placed.hangs_up()
    assert loud_s(report.bot, VOICE) > 1.8
    assert results(bot) == ["answered"]
    async with asyncio.timeout(1.0):
        while pair.switch.live_legs:  # noqa: ASYNC110  time is virtual
            await asyncio.sleep(0.1)


@people(ACCEPTS)
async def test_the_conversation_can_be_recorded(app: App, pair: Pair) -> None:
    bot = hands_off(record=True)
    app.call(bot)
    await pair.call(caller(LEAVES_IT))
    assert results(bot) == ["answered"]
    await asyncio.sleep(1.0)
    (recorded,) = pair.recordings.saved.values()
    assert loud_s(recorded[:, 0], VOICE) > 3.5


# ---- the bot stays ------------------------------------------------------------------------------


class Stays:
    """Hands off and listens on; takes the caller back when the agent has left."""

    def __init__(self) -> None:
        self.left = ""
        self.heard: list[tuple[str, str]] = []

    async def __call__(self, call: Call) -> None:
        handoff = await call.handoff(AGENT, whisper="A caller.", stay=True)
        assert handoff.agent is not None
        async for who, turn in handoff.turns():
            self.heard.append((who, turn.text))
            if who == "caller":
                break
        await handoff.say("By the way.")
        self.left = await handoff.over()
        await call.write(tone(1.0, BOT))


STAYS_A_WHILE = agent(
    Press("1"), says(tone(2.0, VOICE)), Wait("said"), Wait("bot_silent", 5.0), HangUp()
)


@people(STAYS_A_WHILE)
async def test_a_bot_that_stays_hears_both_speaks_and_takes_the_caller_back(
    app: App, pair: Pair
) -> None:
    bot = Stays()
    app.call(bot)
    placed = await pair.ring()
    await asyncio.sleep(9.0)
    await placed.does(says(tone(1.0, CALLER)), LEAVES_IT)
    report = await placed.over()
    assert bot.heard == [("person", "hello"), ("caller", "where are you")]
    assert bot.left == "person"
    assert loud_s(report.bot, VOICE) > 1.8
    assert loud_s(report.bot, BOT) > 0.9
    assert report.hung_up_by == "bot"


class Records:
    """Hands off, and keeps what the two say to each other."""

    def __init__(self) -> None:
        self.mix: list[Pcm] = []

    async def __call__(self, call: Call) -> None:
        handoff = await call.handoff(AGENT, whisper="A caller.", stay=True)
        self.mix = [pcm async for pcm in handoff.audio()]


@people(STAYS_A_WHILE)
async def test_a_bot_that_stays_has_the_sound_of_both(app: App, pair: Pair) -> None:
    bot = Records()
    app.call(bot)
    placed = await pair.ring()
    await asyncio.sleep(9.0)
    await placed.does(says(tone(1.0, CALLER)), LEAVES_IT)
    await placed.over()
    mix = np.concatenate(bot.mix)
    assert loud_s(mix, VOICE) == pytest.approx(2.0, abs=0.1)
    assert loud_s(mix, CALLER) == pytest.approx(1.0, abs=0.1)


# ---- transfers of more than one kind ------------------------------------------------------------


@people(MACHINE)
async def test_a_transfer_with_detection_never_leaves_a_caller_with_a_machine(
    app: App, pair: Pair
) -> None:
    bot = Does(
        lambda call: call.transfer(AGENT, amd="detect", timeout=8),
        lambda call: call.write(tone(1.0, BOT)),
    )
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert results(bot) == ["voicemail"]
    assert loud_s(report.bot, BOT) > 0.9


@people("busy", CallScript(steps=(Wait("answered"), *talks(VOICE_OF_OTHER))))
async def test_a_transfer_to_several_is_answered_by_the_first(app: App, pair: Pair) -> None:
    bot = Does(lambda call: call.transfer([AGENT, OTHER], timeout=8))
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert results(bot) == ["answered"]
    assert loud_s(report.bot, VOICE_OF_OTHER) > 3.5


class StaysOn:
    """While they talk. With `talk_on` the music is the bot's own."""

    def __init__(self, *, talk_on: bool) -> None:
        self._talk_on = talk_on

    async def __call__(self, call: Call) -> Handoff:
        async with call.hold() if self._talk_on else nullcontext():
            handoff = await call.handoff(AGENT, timeout=8, talk_on=self._talk_on, stay=True)
        await handoff.over()
        return handoff


# ---- silence ------------------------------------------------------------------------------------

HEARD = 10 ** (-50 / 20) * 32768  # RMS; the comfort noise of a conference is 16 dB below


def longest_silence_s(pcm: Pcm) -> float:
    """Until the last sound."""
    frames = pcm[: len(pcm) // 160 * 160].reshape(-1, 160).astype(np.float64)
    loud = np.flatnonzero(np.sqrt(np.mean(frames**2, axis=1)) > HEARD)
    return float(np.diff(loud, prepend=-1).max() - 1) / 50


SEAMS = [
    pytest.param("answered", marks=people(ACCEPTS)),
    pytest.param("declined", marks=people(DECLINES)),
    pytest.param("busy", marks=people("busy")),
    pytest.param("no_answer", marks=people("no_answer")),
]


@pytest.mark.parametrize("voice", ["media", "relay"])
@pytest.mark.parametrize("result", SEAMS)
async def test_the_caller_is_at_no_seam_in_silence_for_more_than_200_ms(
    app: App, pair: Pair, result: str, voice: VoiceKind
) -> None:
    bot = Does(
        lambda call: call.handoff(AGENT, whisper="A caller.", timeout=8),
        lambda call: call.say("Nobody is free."),
    )
    app.call(voice=voice)(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert results(bot)[0] == result
    assert longest_silence_s(report.bot) <= 0.2


# ---- leaving, and not being able to begin -------------------------------------------------------


class StaysAndLeaves:
    async def __call__(self, call: Call) -> None:
        handoff = await call.handoff(AGENT, whisper="A caller.", stay=True)
        await asyncio.sleep(1.0)
        await handoff.leave()


@people(agent(Press("1"), *talks(seconds=6.0)))
async def test_a_bot_that_has_stayed_may_leave_them_to_each_other(app: App, pair: Pair) -> None:
    app.call(StaysAndLeaves())
    report = await pair.call(caller(LEAVES_IT))
    assert loud_s(report.bot, VOICE) > 5.8
    assert [command.name for command in report.commands].count("streaming_stop") == 1
    assert report.hangup_cause == "normal_clearing"
    assert not pair.switch.live_legs  # the person has hung up, and so both were


async def dials_and_bridges(call: Call) -> None:
    dialled = await call.dial(AGENT, timeout=8)
    assert await call.bridge(dialled.call)


@people(CallScript(steps=(Wait("answered"), *talks(seconds=3.0))))
async def test_nothing_of_the_bot_stays_on_two_calls_that_it_has_bridged(
    app: App, pair: Pair
) -> None:
    app.call(dials_and_bridges)
    pair.place(caller(LEAVES_IT))
    await asyncio.sleep(3.0)
    assert pair.switch.live_legs == 2
    assert not app.service.calls.legs()


@pytest.mark.virtual(expect_crash=SettingsError, connection_id=None)
async def test_without_a_connection_nobody_is_put_on_hold(app: App, pair: Pair) -> None:
    app.call(hands_off())
    report = await pair.call(caller(LEAVES_IT))
    (crash,) = report.crashes
    assert "CALLBRIDGE_CONNECTION_ID" in str(crash)


@people(agent(Press("1"), Wait("bot_silent", 6.0), HangUp()))
@pytest.mark.parametrize("talk_on", [False, True])
@pytest.mark.parametrize("voice", ["media", "relay"])
async def test_no_music_is_heard_behind_two_who_talk_while_the_bot_stays(
    app: App, pair: Pair, voice: VoiceKind, talk_on: bool
) -> None:
    bot = Does(StaysOn(talk_on=talk_on), lambda call: call.say("Here I am again."))
    app.call(voice=voice)(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert results(bot)[0] == "answered"
    assert longest_silence_s(report.bot) > 5.0


@people(ACCEPTS)
async def test_who_accepts_when_the_caller_hangs_up_is_told_so(app: App, pair: Pair) -> None:
    """At every moment around the key."""
    app.call(hands_off())
    pair.lateness = told_a_second_late
    for tenths in range(40, 50):
        placed = await pair.ring()
        await asyncio.sleep(tenths / 10)
        agents = [leg for leg in app.service.calls.legs() if leg.to == AGENT]
        await placed.hangs_up()
        words = [said(leg)[-1] for leg in agents]
        assert all(text.endswith((GONE, ASK)) for text in words), words
        while pair.switch.live_legs:  # noqa: ASYNC110  time is virtual
            await asyncio.sleep(0.1)


@people(agent(Press("1"), LEAVES_IT))
@pytest.mark.virtual(delay=0.03)
async def test_nobody_is_left_alone_whenever_the_caller_hangs_up(app: App, pair: Pair) -> None:
    """At every moment around that at which the person joins, 4.5 s after the answer."""
    app.call(hands_off())
    for hundredths in range(430, 490, 3):
        placed = await pair.ring()
        await asyncio.sleep(hundredths / 100)
        await placed.does(HangUp())
        async with asyncio.timeout(5.0):
            while pair.switch.live_legs:  # noqa: ASYNC110  time is virtual
                await asyncio.sleep(0.1)
        await asyncio.sleep(1.0)


def told_a_second_late(webhook: SendWebhook) -> float:
    return 1.0 if webhook.event_type == "call.hangup" else 0.0
