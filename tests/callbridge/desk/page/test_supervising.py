"""A supervisor's telephone is rung and joined with a call: who hears whom, in the recordings."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from callbridge import App, Call
from callbridge.control.commands import Hangup
from callbridge.desk.page.board import BoardCall, situation
from callbridge.desk.page.supervising import DeskRefusal, DeskVerb
from callbridge.desk.page.users import DeskUser
from callbridge.testing import HangUp, Pair, says, tone
from callbridge.testing.placed import PlacedCall
from callbridge.testing.speech import SPOKEN_HERTZ
from telecodecs import Pcm
from tests.callbridge.desk.page.conftest import (
    AGENT,
    AGENT_HZ,
    ANN,
    BOSS_HZ,
    BUSY,
    CALLER_HZ,
    NOBODY,
    DeskBench,
    contains_s,
    desk_at,
    people,
)
from tests.callbridge.hummed import loud_s

RINGS = "+13125550190"  # as long as it may


class Talks:
    """A bot that hums as long as it has the caller, and knows how often it has begun."""

    def __init__(self) -> None:
        self.began = 0
        self.history: list[int] = []

    async def __call__(self, call: Call) -> None:
        self.began += 1
        self.history.append(len(call.history))
        while True:
            await call.say("I am the bot, and I talk and talk.")


@pytest.fixture
def talks(app: App) -> Talks:
    bot = Talks()
    app.call(bot)
    return bot


async def gives(call: Call) -> None:
    await call.transfer(AGENT)


async def hands_off(call: Call) -> None:
    await call.handoff(AGENT, whisper="A caller.", accept="")


@pytest.fixture
def app() -> App:
    return App()


@asynccontextmanager
async def of_bot(
    pair: Pair, after_s: float = 1.0
) -> AsyncGenerator[tuple[DeskBench, PlacedCall, BoardCall]]:
    """A caller who is alone with a bot."""
    async with desk_at(pair) as bench:
        caller = await pair.ring()
        await asyncio.sleep(after_s)
        yield bench, caller, await bench.call(caller.call_control_id)


@asynccontextmanager
async def of_agent(pair: Pair) -> AsyncGenerator[tuple[DeskBench, PlacedCall, BoardCall]]:
    """A caller, and the leg of the agent whom the bot has connected them with."""
    async with desk_at(pair) as bench:
        caller = await pair.ring()
        await asyncio.sleep(6.0)
        yield bench, caller, await bench.to(AGENT)


# ---- an agent -----------------------------------------------------------------------------------


@people()
@pytest.mark.parametrize(("bot", "kind"), [(gives, "pair"), (hands_off, "conference")])
@pytest.mark.parametrize(
    ("verb", "agent_hears", "caller_hears"),
    [("monitor", False, False), ("whisper", True, False), ("barge", True, True)],
)
async def test_who_hears_a_supervisor(
    app: App,
    pair: Pair,
    bot: Callable[[Call], Awaitable[None]],
    kind: str,
    verb: DeskVerb,
    agent_hears: bool,
    caller_hears: bool,
) -> None:
    app.call(bot)
    async with of_agent(pair) as (bench, caller, agent):
        assert situation(bench.lookout.board, agent).kind == kind
        asks_whom = kind == "conference" and verb == "whisper"
        told = await bench.supervising.begin(
            ANN, agent, verb, whispers_to=agent.id if asks_whom else ""
        )
        assert "rings" in told
        errand = await bench.settled()
        assert errand.good, errand.told
        await caller.does(says(tone(2.0, CALLER_HZ)))
        await asyncio.sleep(3.0)
        report = await caller.hangs_up()
        agents = await pair.finished(agent.id)
        supervisors = await pair.finished(errand.leg)
    assert contains_s(supervisors.bot, CALLER_HZ) > 1.5
    assert contains_s(supervisors.bot, AGENT_HZ) > 1.5
    assert (contains_s(agents.bot, BOSS_HZ) > 1.5) == agent_hears
    assert (contains_s(report.bot, BOSS_HZ) > 1.5) == caller_hears


@people()
async def test_a_role_is_switched_without_another_ring(app: App, pair: Pair) -> None:
    app.call(gives)
    async with of_agent(pair) as (bench, caller, agent):
        await bench.supervising.begin(ANN, agent, "monitor")
        errand = await bench.settled()
        await asyncio.sleep(1.0)
        told = await bench.supervising.begin(ANN, agent, "barge")
        assert told == "ann hears all, and is heard by all."
        await asyncio.sleep(2.0)
        report = await caller.hangs_up()
        await pair.finished(agent.id)
        await pair.finished(errand.leg)
    assert 1.5 < contains_s(report.bot, BOSS_HZ) < 2.6
    assert [each.leg for each in bench.supervising.errands] == [errand.leg]


@people()
async def test_of_two_who_are_joined_one_is_taken_over_and_given_back(app: App, pair: Pair) -> None:
    app.call(gives)
    async with of_agent(pair) as (bench, caller, agent):
        call = await bench.call(caller.call_control_id)
        await bench.supervising.begin(ANN, call, "take")
        errand = await bench.settled()
        await asyncio.sleep(2.0)
        call = await bench.call(call.id)
        assert AGENT in await bench.supervising.hand_back(bench.lookout.board, call)
        await asyncio.sleep(4.0)
        second_agent = await bench.to(AGENT)
        report = await caller.hangs_up()
        await pair.finished(errand.leg)
        first_agent = await pair.finished(agent.id)
        await pair.finished(second_agent.id)
    assert contains_s(report.bot, BOSS_HZ) > 1.5
    assert loud_s(report.bot, AGENT_HZ) > 3.0
    assert contains_s(first_agent.bot, BOSS_HZ) == 0.0


@people()
async def test_in_a_conference_an_agent_waits_while_the_supervisor_has_the_caller(
    app: App, pair: Pair
) -> None:
    app.call(hands_off)
    async with of_agent(pair) as (bench, caller, agent):
        await bench.supervising.begin(ANN, agent, "take", instead_of=agent.id)
        errand = await bench.settled()
        await asyncio.sleep(2.0)
        conference = bench.lookout.board.conference(agent.conference)
        assert conference is not None
        assert [seat.on_hold for seat in conference.seats or () if seat.id == agent.id] == [True]
        await bench.supervising.hand_back(bench.lookout.board, agent)
        await asyncio.sleep(2.0)
        live = [call.id for call in await bench.call_list()]
        assert live == [caller.call_control_id, agent.id]
        report = await caller.hangs_up()
        await pair.finished(agent.id)
        await pair.finished(errand.leg)
    assert contains_s(report.bot, BOSS_HZ) > 1.5


@people()
async def test_an_agent_is_off_hold_when_the_supervisor_just_hangs_up(app: App, pair: Pair) -> None:
    app.call(hands_off)
    async with of_agent(pair) as (bench, caller, agent):
        await bench.supervising.begin(ANN, agent, "take", instead_of=agent.id)
        errand = await bench.settled()
        await asyncio.sleep(2.0)
        await bench.desk.send(Hangup(call_control_id=errand.leg))
        await asyncio.sleep(5.0)
        conference = bench.lookout.board.conference(agent.conference)
        assert conference is not None
        assert [seat.on_hold for seat in conference.seats or ()] == [False, False]
        with pytest.raises(DeskRefusal, match="not known who had that call"):
            await bench.supervising.hand_back(bench.lookout.board, agent)
        await caller.hangs_up()
        await pair.finished(agent.id)
        await pair.finished(errand.leg)


# ---- alone with a bot ---------------------------------------------------------------------------


@people()
@pytest.mark.parametrize("verb", ["monitor", "whisper", "barge"])
async def test_nobody_listens_in_to_a_bot_and_nobody_is_rung_for_it(
    pair: Pair, talks: Talks, verb: DeskVerb
) -> None:
    async with of_bot(pair) as (bench, caller, call):
        with pytest.raises(DeskRefusal, match="take the call over instead"):
            await bench.supervising.begin(ANN, call, verb)
        assert not bench.supervising.errands
        assert len(await bench.call_list()) == 1
        await caller.hangs_up()


@people()
async def test_a_caller_is_taken_over_from_a_bot_and_handed_back(pair: Pair, talks: Talks) -> None:
    async with of_bot(pair, 3.0) as (bench, caller, call):
        await bench.supervising.begin(ANN, call, "take")
        errand = await bench.settled()
        assert errand.good, errand.told
        taken_at = pair.clock.now()
        await asyncio.sleep(5.0)
        assert talks.began == 1
        assert (await bench.call(call.id)).conference
        back_at = pair.clock.now()
        told = await bench.supervising.hand_back(bench.lookout.board, call)
        assert "bot's again" in told
        await asyncio.sleep(3.0)
        assert [each.id for each in await bench.call_list()] == [call.id]
        report = await caller.hangs_up()
        supervisors = await pair.finished(errand.leg)
    assert contains_s(report.bot, BOSS_HZ) > 4.5
    # Nothing of the bot was heard meanwhile, but for what was on its way; and then it goes on.
    began = pair.switch.find(call.id)
    assert began is not None
    first, last = (round((at - began.started_at) * 8000) for at in (taken_at + 0.5, back_at))
    assert hummed(report.bot[first:last]) == 0.0
    assert hummed(report.bot[last:]) > 1.5
    assert talks.began == 2
    assert talks.history[1] > talks.history[0]
    assert hummed(supervisors.bot) == 0.0


@people()
async def test_a_supervisor_who_hangs_up_leaves_the_caller_to_the_bot(
    pair: Pair, talks: Talks
) -> None:
    async with of_bot(pair, 2.0) as (bench, caller, call):
        await bench.supervising.begin(ANN, call, "take")
        errand = await bench.settled()
        await asyncio.sleep(1.0)
        await bench.desk.send(Hangup(call_control_id=errand.leg))
        await asyncio.sleep(4.0)
        assert talks.began == 2
        assert errand.over
        await caller.hangs_up()
        await pair.finished(errand.leg)


@people()
async def test_a_caller_who_hangs_up_takes_the_supervisor_along(pair: Pair, talks: Talks) -> None:
    async with of_bot(pair, 2.0) as (bench, caller, call):
        await bench.supervising.begin(ANN, call, "take")
        errand = await bench.settled()
        await asyncio.sleep(1.0)
        await caller.hangs_up()
        await pair.finished(errand.leg)
        assert talks.began == 1
        assert not pair.switch.live_legs


# ---- a queue ------------------------------------------------------------------------------------


async def waits(call: Call) -> None:
    await call.enqueue("support", max_wait=300)


@people()
@pytest.mark.parametrize("who", ["first", "second"])
async def test_who_waits_in_a_queue_is_taken(app: App, pair: Pair, who: str) -> None:
    app.call(waits)
    async with desk_at(pair) as bench:
        with bench.lookout.watched(("queue", "support")):
            first = await pair.ring()
            await asyncio.sleep(1.0)
            second = await pair.ring()
            await asyncio.sleep(2.0)
            await bench.call_list()
            queue = bench.lookout.board.queue("support")
            assert queue is not None
            wanted = second.call_control_id if who == "second" else ""
            await bench.supervising.take_next(ANN, queue, wanted)
            errand = await bench.settled()
            assert errand.good, errand.told
            await asyncio.sleep(3.0)
            for caller in (first, second):
                await caller.does(HangUp())
            heard = [(await pair.finished(call.call_control_id)).bot for call in (first, second)]
            await pair.finished(errand.leg)
    talked = [contains_s(pcm, BOSS_HZ) > 2.0 for pcm in heard]
    assert talked == [who == "first", who == "second"]


# ---- what does not come about -------------------------------------------------------------------


@people()
@pytest.mark.parametrize(
    ("number", "sentence"),
    [(BUSY, "Your telephone is busy."), (NOBODY, "Your telephone was not answered.")],
)
async def test_a_telephone_that_nobody_answers_changes_nothing(
    pair: Pair, talks: Talks, number: str, sentence: str
) -> None:
    async with of_bot(pair) as (bench, caller, call):
        await bench.supervising.begin(DeskUser("ann", "supervisor", number), call, "take")
        errand = await bench.settled()
        assert errand.sentence == f"{sentence} Nothing has changed."
        assert (errand.good, errand.over) == (False, True)
        assert talks.began == 1
        await caller.hangs_up()


@people()
async def test_a_caller_who_is_gone_by_then_is_told_and_nobody_is_left_on_the_line(
    pair: Pair, talks: Talks
) -> None:
    async with of_bot(pair) as (bench, caller, call):
        await bench.supervising.begin(ANN, call, "take")
        await caller.hangs_up()
        errand = await bench.settled()
        assert errand.sentence == "The call had ended before you were there."
        await pair.finished(errand.leg)
        assert not pair.switch.live_legs


@people()
async def test_nobody_is_rung_any_longer_for_a_call_that_is_over(pair: Pair, talks: Talks) -> None:
    async with of_bot(pair) as (bench, caller, call):
        await bench.supervising.begin(DeskUser("ann", "supervisor", RINGS), call, "take")
        errand = bench.supervising.errands[0]
        await asyncio.sleep(2.0)
        assert errand.good is None
        await caller.hangs_up()
        await asyncio.sleep(3.0)
        assert errand.sentence == "The call had ended before you were there."
        assert not pair.switch.live_legs


@people()
async def test_two_clicks_are_one_ring(pair: Pair, talks: Talks) -> None:
    async with of_bot(pair) as (bench, caller, call):
        clicks = [bench.supervising.begin(ANN, call, "take") for _ in range(2)]
        told = await asyncio.gather(*clicks, return_exceptions=True)
        assert [type(each) for each in told] == [str, DeskRefusal]
        errand = await bench.settled()
        assert len(bench.supervising.errands) == 1
        await caller.hangs_up()
        await pair.finished(errand.leg)


@people()
async def test_without_a_telephone_nobody_is_rung(pair: Pair, talks: Talks) -> None:
    async with of_bot(pair) as (bench, caller, call):
        with pytest.raises(DeskRefusal, match="No telephone is known of yours"):
            await bench.supervising.begin(DeskUser("ben", "supervisor"), call, "take")
        await caller.hangs_up()


def hummed(pcm: Pcm) -> float:
    """Seconds in which the bot's own voice is heard, whoever else is."""
    return contains_s(pcm, SPOKEN_HERTZ)
