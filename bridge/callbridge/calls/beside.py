"""What became of a handoff, and the conversation of two that a bot stays beside."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from callbridge.calls.leg import Leg
from callbridge.errors import CallError, CommandError
from callbridge.handoff.conference import Conference
from callbridge.outcomes import Transferred
from callbridge.timing.clock import first_of
from callbridge.voice.turn import Turn
from telecodecs import Pcm
from telecodecs.mix import add, clip

if TYPE_CHECKING:
    from callbridge.calls.call import Call
    from callbridge.calls.with_others import WithOthers

T = TypeVar("T")

LOOK_S = 10.0  # between two looks whether a person is still there, should no webhook say so
NOT_THERE = "the bot has left this conversation: hand off with stay=True"


@dataclass(frozen=True, slots=True)
class Handoff(Transferred):
    """How a handoff came out. With `stay`, `agent` and `conference` are there while it lasts."""

    agent: "Call | None" = None
    conference: Conference | None = None
    _caller: "WithOthers | None" = None
    _legs: "tuple[Leg, Leg] | None" = None  # of caller and agent

    async def over(self) -> str:
        """With `stay`: until the person has left, and the caller is the bot's alone again. Returns
        "person", or "caller" if it was the caller who has hung up."""
        conference = self.conference
        if self._legs is None or conference is None:
            raise RuntimeError(NOT_THERE)
        caller, agent = self._legs
        while not (agent.ended.done() or conference.ended.done() or caller.ended.done()):
            if not conference.has(agent.call_control_id):
                break
            news = conference.changed.wait()
            await first_of(news, agent.ended, conference.ended, caller.ended, timeout=LOOK_S)
            conference.changed.forget(news)
            if not news.done():
                with suppress(CommandError):  # then the next look knows more
                    await conference.refresh()
        if caller.ended.done():
            return "caller"
        await leave(conference, caller.call_control_id)
        return "person"

    async def leave(self) -> None:
        """With `stay`: the bot leaves the two to each other; when one hangs up, so does the
        other."""
        caller, agent = self._both()
        assert self._legs is not None, "they talk"
        if self.conference is not None:
            for leg in self._legs:
                await self.conference.end_with(leg.call_control_id)
        agent.release()
        caller.release()

    async def turns(self) -> AsyncIterator[tuple[Literal["caller", "person"], Turn]]:
        """With `stay`: what either of them says, turn by turn, until one of them leaves."""
        caller, agent = self._both()
        async for who, turn in merged(caller=caller.turns(), person=agent.turns()):
            yield ("caller" if who == "caller" else "person"), turn

    async def audio(self) -> AsyncIterator[Pcm]:
        """With `stay`: both of them mixed, (n,) int16, 20 ms each, until one of them leaves."""
        caller, agent = self._both()
        waiting: dict[str, deque[Pcm]] = {"caller": deque(), "person": deque()}
        async for who, pcm in merged(caller=caller.audio(), person=agent.audio()):
            waiting[who].append(pcm)
            if all(waiting.values()):
                yield clip(add([frames.popleft() for frames in waiting.values()]))

    def _both(self) -> "tuple[WithOthers, WithOthers]":
        if self._caller is None or self.agent is None:
            raise RuntimeError(NOT_THERE)
        return self._caller, self.agent

    async def say(self, text: str) -> None:
        """With `stay`: to both of them."""
        await asyncio.gather(*(call.say(text, interruptible=False) for call in self._both()))


async def leave(conference: Conference, call_control_id: str) -> None:
    """The caller is out of the conference, if that is there and they still are in it."""
    try:
        await conference.leave(call_control_id)
    except CommandError:
        await is_there(conference, call_control_id)


async def is_there(conference: Conference, call_control_id: str) -> bool:
    """As the platform says when it is asked; False where it says nothing."""
    try:
        await conference.refresh()
    except CommandError:
        return False
    return conference.has(call_control_id)


async def merged(**sources: AsyncIterator[T]) -> AsyncIterator[tuple[str, T]]:
    """What comes from any of them, with its name, until the first one ends."""
    pending = {name: asyncio.ensure_future(anext(source)) for name, source in sources.items()}
    try:
        while True:
            await first_of(*pending.values())
            for name, task in pending.items():
                if task.done():
                    try:
                        item = task.result()
                    except (StopAsyncIteration, CallError):
                        return
                    pending[name] = asyncio.ensure_future(anext(sources[name]))
                    yield name, item
    finally:
        for task in pending.values():
            task.cancel()
        await asyncio.wait(pending.values())
