"""Every way to hand a caller over, with somebody or something missing at every moment of it.

    python -m tests.callbridge.handoff.matrix

prints the tables of docs/handoff.md: what the bot was told in each case. Whatever that is, in the
end no leg, no conference, no place in a queue and no task is left, and nobody waits for long."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from callbridge import App, Call, CallEnded, CallReleased, Transferred
from callbridge.calls.leg import VoiceKind
from callbridge.carrier.core.effects import SendWebhook
from callbridge.carrier.people.script import Step
from callbridge.tape.events import CallEvent, ErrandSettled
from callbridge.tape.tape import CallIds
from callbridge.testing import (
    CallScript,
    CarrierConfig,
    HangUp,
    Pair,
    Press,
    Wait,
    caller,
    run,
    says,
    tone,
)
from callbridge.testing.speech import pitched

DESK, AGENT, OTHER, OURS = "+13125550100", "+13125550199", "+13125550198", "+13125550177"
CALLER_HZ, AGENT_HZ = 440.0, 300.0
TEXTS = {CALLER_HZ: "what is going on", AGENT_HZ: "hello"}
RING_S = 2.0
LATE_S = 6.0
SETTLED_S = 100.0  # virtual: by then everybody has gone home

What = Literal["-", "caller", "agent", "speech", "lost", "late", "crash"]
DISTURBANCES: dict[What, str] = {
    "-": "nothing happens",
    "caller": "the caller hangs up",
    "agent": "the person hangs up",
    "speech": "the caller speaks",
    "lost": "webhooks are lost",
    "late": "webhooks come 6 s late",
    "crash": "the bot crashes",
}


class Boom(Exception):
    """The bot of a test crashes."""


@dataclass(frozen=True)
class Operation:
    """`moments` are seconds after the answer, each in the middle of something; a disturbance
    strikes there, and webhooks are disturbed from there to the next one."""

    name: str
    act: Callable[["App", Call], Awaitable[Transferred]]
    moments: dict[str, float]
    person: CallScript


@dataclass(frozen=True)
class Case:
    """One cell of the table."""

    operation: Operation
    moment: str
    what: What

    def __str__(self) -> str:
        return f"{self.operation.name}, {self.moment}, {self.what}"

    @property
    def window(self) -> tuple[float, float]:
        times = [*self.operation.moments.values(), float("inf")]
        begins = self.operation.moments[self.moment]
        return begins, times[times.index(begins) + 1]


# ---- what is done -------------------------------------------------------------------------------


async def transfers(app: App, call: Call) -> Transferred:
    return await call.transfer(AGENT, timeout=8)


async def transfers_to_either(app: App, call: Call) -> Transferred:
    return await call.transfer([AGENT, OTHER], timeout=8)


async def hands_off(app: App, call: Call) -> Transferred:
    return await call.handoff(AGENT, whisper="A caller waits.", timeout=8)


async def hands_off_and_stays(app: App, call: Call) -> Transferred:
    handoff = await call.handoff(AGENT, whisper="A caller waits.", timeout=8, stay=True)
    if handoff:
        await handoff.over()
    return handoff


async def dials_and_bridges(app: App, call: Call) -> Transferred:
    dialled = await call.dial(AGENT, timeout=8)
    if not dialled:
        return Transferred(dialled.result, dialled.cause)
    return await call.bridge(dialled.call)


async def enqueues(app: App, call: Call) -> Transferred:
    agent = asyncio.ensure_future(_an_agent_comes(app))
    try:
        return await call.enqueue("support", max_wait=8)
    finally:
        agent.cancel()


async def _an_agent_comes(app: App) -> None:
    await asyncio.sleep(1.0)
    await app.dial(AGENT, OURS, bot=takes_the_next, timeout=8)


async def takes_the_next(call: Call) -> None:
    await call.take("support")


# ---- who is there -------------------------------------------------------------------------------

TALKS = (says(tone(4.0, AGENT_HZ)), Wait("said"), HangUp())
PICKS_UP = CallScript(steps=(Wait("answered"), *TALKS))
ACCEPTS = CallScript(
    steps=(
        Wait("answered"), Wait("bot_speaking", 0.5), Wait("bot_silent", 0.5), Press("1"), *TALKS,
    )
)  # fmt: skip
STAYS: tuple[Step, ...] = (Wait("hangup", within_s=90),)
REFUSES = CallScript(steps=(Wait("hangup", within_s=60),))

RINGS = {"asked": 0.0, "ringing": 1.0, "picked up": 2.0, "talking": 4.0}
ASKED = {"asked": 0.0, "ringing": 1.0, "picked up": 2.2, "being asked": 4.0, "joined": 7.0}
QUEUED = {"asked": 0.0, "waiting": 0.5, "agent is called": 2.0, "talking": 4.5}

OPERATIONS = (
    Operation("transfer", transfers, RINGS, PICKS_UP),
    Operation("transfer to two", transfers_to_either, RINGS, PICKS_UP),
    Operation("handoff", hands_off, ASKED, ACCEPTS),
    Operation("handoff, bot stays", hands_off_and_stays, ASKED, ACCEPTS),
    Operation("dial and bridge", dials_and_bridges, RINGS, PICKS_UP),
    Operation("queue", enqueues, QUEUED, PICKS_UP),
)


def cases() -> Iterator[Case]:
    for operation in OPERATIONS:
        for moment in operation.moments:
            for what in DISTURBANCES:
                if what != "-" or moment == "asked":
                    yield Case(operation, moment, what)


# ---- one case -----------------------------------------------------------------------------------


class Bot:
    """Does what the case is about, keeps the outcome, and crashes where it is to."""

    def __init__(self, app: App, case: Case) -> None:
        self.app, self.case = app, case
        self.told = "-"

    async def __call__(self, call: Call) -> None:
        acting = asyncio.ensure_future(self.case.operation.act(self.app, call))
        try:
            if self.case.what == "crash":
                await asyncio.wait({acting}, timeout=self.case.window[0])
                if not acting.done():
                    raise Boom
            outcome = await acting
        except (CallEnded, CallReleased) as ended:
            self.told = type(ended).__name__
            raise
        finally:
            acting.cancel()
        self.told = outcome.result
        await call.say("That was it.")


async def played(case: Case, voice: VoiceKind = "media") -> str:
    """What the bot was told. Raises AssertionError when anybody or anything is left."""
    app = App(speech=pitched(TEXTS), voice=voice)
    bot = Bot(app, case)
    app.call(bot)
    config = CarrierConfig(
        webhook_url="http://127.0.0.1:9/webhooks",
        numbers={AGENT: case.operation.person, OTHER: REFUSES},
        ring_s=RING_S,
    )
    settled = Settled()
    expected = Boom if case.what == "crash" else None
    pair = Pair(app, config, expect_crash=expected, readers=(settled,))
    call = pair.place(caller(*STAYS))
    disturbed = Disturbed(pair, case, call)
    pair.lateness = disturbed.lateness
    disturbing = asyncio.ensure_future(disturbed.strike())
    try:
        async with asyncio.timeout(SETTLED_S):
            await pair.finished(call)
            while pair.switch.live_legs:  # noqa: ASYNC110  time is virtual
                await asyncio.sleep(0.1)
        await asyncio.sleep(1.0)
        _nothing_is_left(pair)
    except TimeoutError:
        raise AssertionError(f"somebody waits for ever: {left_behind(pair)}") from None
    finally:
        disturbing.cancel()
        await pair.close()
    return settled.of(call) if case.what == "crash" else bot.told


class Settled:
    """How errands came out, also where no bot is there any more to be told."""

    def __init__(self) -> None:
        self._results: dict[str, str] = {}  # by call_control_id

    def on_event(
        self, ids: CallIds, at: float, event: CallEvent, error: BaseException | None
    ) -> None:
        if isinstance(event, ErrandSettled):
            self._results[ids.call_control_id] = event.result

    def of(self, call_control_id: str) -> str:
        return self._results.get(call_control_id, "hung up")


class Disturbed:
    """What goes wrong in one case."""

    def __init__(self, pair: Pair, case: Case, call: str) -> None:
        self._pair, self._case, self._call = pair, case, call
        self._began = pair.clock.now()
        self._agents: set[str] = set()

    def lateness(self, webhook: SendWebhook) -> float:
        """Of those that are sent in the window of the case. That the call came in is told."""
        event: dict[str, Any] = webhook.event
        payload = event.get("data", event)["payload"]
        if payload.get("to") == AGENT:
            self._agents.add(payload["call_control_id"])
        begins, ends = self._case.window
        at = self._pair.clock.now() - self._began
        if at == 0.0 or not begins <= at < ends:
            return 0.0
        return {"lost": float("inf"), "late": LATE_S}.get(self._case.what, 0.0)

    async def strike(self) -> None:
        pair, (begins, _) = self._pair, self._case.window
        await asyncio.sleep(begins + 0.01)
        now = pair.clock.now()
        if self._case.what == "caller":
            pair.switch.hang_up(self._call, now)
        elif self._case.what == "agent":
            for agent in self._agents:
                pair.switch.hang_up(agent, now)
        elif self._case.what == "speech":
            leg = pair.switch.find(self._call)
            if leg is not None and leg.scripted is not None:
                leg.scripted.carry_on(pair.voiced((says(tone(1.5, CALLER_HZ)), *STAYS)))
        pair.drain()


def left_behind(pair: Pair) -> str:
    scene = pair.switch.scene(pair.clock.now())
    return f"{scene.legs} {scene.conferences} {scene.queues}"


def _nothing_is_left(pair: Pair) -> None:
    scene = pair.switch.scene(pair.clock.now())
    assert not scene.legs, f"legs: {scene.legs}"
    assert not scene.conferences, f"conferences: {scene.conferences}"
    assert not [queue for queue in scene.queues if queue.waiting], f"queues: {scene.queues}"
    assert not len(pair.app.service.calls), "calls of the bridge"


# ---- the tables ---------------------------------------------------------------------------------

COLUMNS: tuple[What, ...] = ("caller", "agent", "speech", "lost", "late", "crash")


def tables(outcomes: dict[str, str]) -> str:
    """In Markdown; `outcomes` by `str(case)`."""
    lines: list[str] = []
    for operation in OPERATIONS:
        usual = outcomes[str(Case(operation, "asked", "-"))]
        lines += [f"**{operation.name}**: {usual} where nothing happens", ""]
        lines.append("| while | " + " | ".join(DISTURBANCES[what] for what in COLUMNS) + " |")
        lines.append("|---|" + "---|" * len(COLUMNS))
        for moment in operation.moments:
            cells = [outcomes[str(Case(operation, moment, what))] for what in COLUMNS]
            lines.append(f"| {moment} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def read(text: str) -> dict[str, str]:
    """The outcomes in a page that has the tables."""
    outcomes: dict[str, str] = {}
    operations = {operation.name: operation for operation in OPERATIONS}
    operation: Operation | None = None
    for line in text.splitlines():
        if line.startswith("**") and (name := line.strip("*").partition("**")[0]) in operations:
            operation = operations[name]
            usual = line.partition("**: ")[2].partition(" ")[0]
            outcomes[str(Case(operation, "asked", "-"))] = usual
        elif operation is not None and line.startswith("| ") and not line.startswith("| while"):
            moment, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            for what, cell in zip(COLUMNS, cells, strict=True):
                outcomes[str(Case(operation, moment, what))] = cell
    return outcomes


def main() -> None:
    print(tables({str(case): run(played(case)) for case in cases()}))


if __name__ == "__main__":
    main()
