"""A conference as its customer holds it: what is known of it, whatever becomes of the webhooks, and
what is heard when it is led."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from callbridge import App, Call, Conference, Transferred
from callbridge.carrier.core.effects import SendWebhook
from callbridge.carrier.people.script import Step
from callbridge.control.client import connect
from callbridge.control.events import Event
from callbridge.handoff.conferences import LiveConferences
from callbridge.handoff.events import (
    ConferenceEnded,
    ConferenceEvent,
    FloorChanged,
    ParticipantJoined,
    ParticipantLeft,
)
from callbridge.testing import (
    CallScript,
    CarrierConfig,
    HangUp,
    Pair,
    Wait,
    caller,
    says,
    tone,
)
from tests.callbridge.hummed import LEAVES_IT, loud_s

GUEST = "+13125550199"
OURS = "+13125550100"
WEBHOOKS = "http://127.0.0.1:9/webhooks"
ONE, TWO = 300.0, 440.0
ROOM = "room"


# ---- what is known of it ------------------------------------------------------------------------


def told(event: str, call: str = "", at: str = "", **payload: object) -> Event:
    payload |= {"conference_id": "c", "call_control_id": call}
    return Event(f"conference.{event}", f"{event}-{call}-{at}", at, payload)


T1, T2, T3 = (f"2026-11-29T12:00:0{second}.000000Z" for second in (1, 2, 3))

STORIES: dict[str, tuple[list[Event], list[str]]] = {
    "joined and left": ([told("participant.joined", "a", T1)], ["a"]),
    "out of order": ([told("participant.left", "a", T2), told("participant.joined", "a", T1)], []),
    "twice": ([told("participant.joined", "a", T1), told("participant.joined", "a", T1)], ["a"]),
    "left and back": (
        [
            told("participant.joined", "a", T1),
            told("participant.left", "a", T2),
            told("participant.joined", "a", T3),
        ],
        ["a"],
    ),
    "back, and the first leaving comes late": (
        [
            told("participant.joined", "a", T1),
            told("participant.joined", "a", T3),
            told("participant.left", "a", T2),
        ],
        ["a"],
    ),
    "ended": (
        [
            told("participant.joined", "a", T1),
            told("participant.joined", "b", T1),
            told("ended", reason="host_left"),
        ],
        [],
    ),
}


@pytest.fixture
async def conference() -> AsyncIterator[Conference]:
    command = connect("http://127.0.0.1:9", "key")
    yield Conference("c", ROOM, command)
    await command.aclose()


@pytest.mark.parametrize("story", STORIES)
async def test_who_is_there_is_known_in_any_order_of_the_webhooks(
    conference: Conference, story: str
) -> None:
    events, there = STORIES[story]
    for event in events:
        conference.on_event(event)
    assert [each.call_control_id for each in conference.participants] == there


async def test_its_events_are_told_once_and_end_with_its_end(conference: Conference) -> None:
    listening = asyncio.ensure_future(listed(conference))
    await asyncio.sleep(0)
    for event in (
        told("participant.joined", "a", T1),
        told("participant.joined", "a", T1),
        told("floor.changed", "a"),
        told("ended", reason="all_left"),
        told("ended", reason="all_left"),
    ):
        conference.on_event(event)
    assert await listening == [
        ParticipantJoined("a"),
        FloorChanged("a"),
        ParticipantLeft("a"),
        ConferenceEnded("all_left"),
    ]
    assert conference.floor == "a"


async def listed(conference: Conference) -> list[ConferenceEvent]:
    return [event async for event in conference.events()]


async def test_what_happens_before_the_first_event_is_asked_for_is_among_them(
    conference: Conference,
) -> None:
    events = conference.events()
    conference.on_event(told("participant.joined", "a", T1))
    conference.on_event(told("ended", reason="all_left"))
    assert [event async for event in events] == [
        ParticipantJoined("a"),
        ParticipantLeft("a"),
        ConferenceEnded("all_left"),
    ]


async def test_who_listens_too_slowly_loses_the_oldest(conference: Conference) -> None:
    events = conference.events()
    first = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    for number in range(300):
        conference.on_event(told("floor.changed", str(number)))
    assert await first == FloorChanged("44")  # 256 are kept
    await events.aclose()  # type: ignore[attr-defined]  # it is a generator


async def test_webhooks_that_come_before_the_answer_are_not_lost(pair: Pair, app: App) -> None:
    lives = LiveConferences(connect("http://127.0.0.1:9", "key"))
    lives.on_event(told("participant.joined", "a", T1))
    conference = lives._known("c", ROOM)  # pyright: ignore[reportPrivateUsage]
    assert conference.has("a")


# ---- calls in it --------------------------------------------------------------------------------


class Meets:
    """Joins the room, and keeps what happens there."""

    def __init__(self) -> None:
        self.conferences: list[Conference] = []
        self.events: list[ConferenceEvent] = []

    async def __call__(self, call: Call) -> None:
        conference = await call.join(ROOM)
        self.conferences.append(conference)
        async for event in conference.events():
            self.events.append(event)


def talking(hertz: float, *then: Step) -> CallScript:
    return caller(says(tone(2.0, hertz)), Wait("said"), *then)


async def test_two_who_come_at_the_same_moment_meet(app: App, pair: Pair) -> None:
    bot = Meets()
    app.call(bot)
    one = pair.place(talking(ONE, LEAVES_IT))
    two = pair.place(talking(TWO, Wait("bot_silent", 2.0), HangUp()))
    report, other = await pair.finished(two), pair.finished(one)
    assert loud_s(report.bot, ONE) > 1.8
    (first, second) = bot.conferences
    assert first is second
    await first.end()
    assert loud_s((await other).bot, TWO) > 1.8


async def test_webhooks_that_are_lost_are_made_up_for_by_asking(app: App, pair: Pair) -> None:
    pair.lateness = lost
    bot = Meets()
    app.call(bot)
    one = pair.place(caller(LEAVES_IT))
    two = await pair.ring()
    conference = bot.conferences[0]
    assert len(conference.participants) == 2
    await two.does(HangUp())
    assert len(conference.participants) == 2  # nothing has told of it
    await conference.refresh()
    assert [each.call_control_id for each in conference.participants] == [one]
    pair.switch.hang_up(one, pair.clock.now())
    await pair.finished(one)
    await conference.refresh()
    assert conference.ended.done()


def lost(webhook: SendWebhook) -> float:
    return float("inf") if webhook.event_type.startswith("conference.") else 0.0


class Leads:
    """Waits in the room for a guest who is called, and does something to them."""

    def __init__(self, *acts: "Callable[[Conference, str], object]") -> None:
        self._acts = acts

    async def __call__(self, call: Call) -> None:
        conference = await call.join(ROOM)
        guest = await conference.invite(GUEST, OURS)
        async for event in conference.events():
            if event == ParticipantJoined(guest):
                break
        await asyncio.sleep(0.5)
        for act in self._acts:
            await act(conference, guest)  # type: ignore[misc]  # they are coroutine functions
            await asyncio.sleep(1.0)
        await conference.end()


GUEST_TALKS = CarrierConfig(
    webhook_url=WEBHOOKS,
    numbers={GUEST: CallScript(steps=(Wait("answered"), says(tone(30.0, TWO)), LEAVES_IT))},
    ring_s=0.5,
)


async def mute(conference: Conference, guest: str) -> None:
    await conference.participant(guest).mute()
    assert conference.participant(guest).muted


async def unmute(conference: Conference, guest: str) -> None:
    await conference.participant(guest).unmute()


async def hold(conference: Conference, guest: str) -> None:
    await conference.participant(guest).hold()
    assert conference.participant(guest).on_hold


async def unhold(conference: Conference, guest: str) -> None:
    await conference.participant(guest).unhold()


async def listen_only(conference: Conference, guest: str) -> None:
    await conference.participant(guest).supervise("monitor")


async def kick(conference: Conference, guest: str) -> None:
    await conference.participant(guest).hang_up()
    await asyncio.sleep(0.1)
    assert not conference.has(guest)


@pytest.mark.virtual(config=GUEST_TALKS)
@pytest.mark.parametrize(
    ("acts", "heard_s"),
    [
        pytest.param((mute,), 0.5, id="muted"),
        pytest.param((mute, unmute), 1.5, id="unmuted"),
        pytest.param((hold,), 0.5, id="on hold"),
        pytest.param((hold, unhold), 1.5, id="off hold"),
        pytest.param((listen_only,), 0.5, id="monitor"),
        pytest.param((kick,), 0.5, id="hung up"),
    ],
)
async def test_a_participant_is_led(
    app: App, pair: Pair, acts: tuple[Callable[[Conference, str], object], ...], heard_s: float
) -> None:
    app.call(Leads(*acts))
    report = await pair.call(caller(LEAVES_IT))
    assert loud_s(report.bot, TWO) == pytest.approx(heard_s, abs=0.15)


async def plays_and_speaks(conference: Conference, guest: str) -> None:
    await conference.play("http://127.0.0.1:9/jingle.wav")
    await conference.speak("Welcome to the room.")


@pytest.mark.virtual(
    config=CarrierConfig(
        webhook_url=WEBHOOKS,
        numbers={GUEST: CallScript(steps=(Wait("answered"), Wait("hangup", within_s=60)))},
        ring_s=0.5,
    ),
    sounds={"http://127.0.0.1:9/jingle.wav": (tone(0.5, TWO), 8000)},
)
async def test_what_is_played_is_heard_by_all(app: App, pair: Pair) -> None:
    app.call(Leads(plays_and_speaks))
    report = await pair.call(caller(LEAVES_IT))
    assert loud_s(report.bot, TWO) == pytest.approx(0.5, abs=0.1)


# ---- a call that is left there ------------------------------------------------------------------


async def leaves_them_there(call: Call) -> None:
    await call.write(tone(0.5, 3000.0))
    await call.mark()
    await call.join(ROOM)
    call.release()


async def test_a_bot_may_leave_a_call_in_the_room(app: App, pair: Pair) -> None:
    app.call(leaves_them_there)
    one = pair.place(talking(ONE, LEAVES_IT))
    two = pair.place(talking(TWO, Wait("bot_silent", 2.0), HangUp()))
    assert loud_s((await pair.finished(two)).bot, ONE) > 1.3
    conference = await app.conference(ROOM)
    assert conference is not None
    assert [each.call_control_id for each in conference.participants] == [one]
    await conference.end()
    await pair.finished(one)
    assert await app.conference(ROOM) is None


# ---- queues -------------------------------------------------------------------------------------


AGENTS = "+13125550123"
AGENT_TALKS = (Wait("answered"), says(tone(1.0, 500.0)), Wait("said"), HangUp())


class Agents:
    """Callers wait; an agent's call takes the next one."""

    def __init__(self) -> None:
        self.outcomes: list[Transferred] = []

    async def waits(self, call: Call) -> None:
        self.outcomes.append(await call.enqueue("sales", max_wait=30))

    async def takes(self, call: Call) -> None:
        self.outcomes.append(await call.take("sales"))


async def test_the_first_who_waits_is_the_first_who_is_taken(app: App, pair: Pair) -> None:
    agents = Agents()
    app.call(agents.waits)
    app.call(AGENTS)(agents.takes)
    one = pair.place(talking(ONE, LEAVES_IT))
    await asyncio.sleep(1.0)
    two = pair.place(talking(TWO, LEAVES_IT))
    await asyncio.sleep(1.0)
    queue = app.queue("sales")
    assert [each.call_control_id for each in await queue.calls()] == [one, two]
    assert await queue.position(two) == 2
    pair.place(CallScript(to=AGENTS, steps=AGENT_TALKS))
    await asyncio.sleep(3.0)
    assert [each.call_control_id for each in await queue.calls()] == [two]
    assert [outcome.result for outcome in agents.outcomes] == ["answered", "answered"]
    pair.switch.hang_up(two, pair.clock.now())
    assert loud_s((await pair.finished(one)).bot, 500.0) > 0.8
    assert agents.outcomes[-1].result == "caller_hung_up"
    assert await queue.size() == 0


async def test_nobody_waits(app: App, pair: Pair) -> None:
    agents = Agents()
    app.call(agents.takes)
    await pair.call(caller(LEAVES_IT))
    (outcome,) = agents.outcomes
    assert outcome.result == "no_answer"
    assert "90035" in outcome.cause


async def waits_for_two_seconds(call: Call) -> None:
    outcome = await call.enqueue("sales", max_wait=2)
    assert (outcome.result, outcome.cause) == ("no_answer", "timeout")
    await call.write(tone(1.0, 3000.0))


async def test_who_has_waited_too_long_hears_the_bot_again(app: App, pair: Pair) -> None:
    app.call(waits_for_two_seconds)
    report = await pair.call(caller(LEAVES_IT))
    assert loud_s(report.bot, 3000.0) > 0.9
