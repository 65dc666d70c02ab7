"""A call in progress, for a test that acts in the middle of it."""

import asyncio
from collections.abc import Awaitable, Callable

from callbridge.carrier.people.script import WITHIN_S, HangUp, Step
from callbridge.carrier.switch import Switch
from callbridge.tape.events import Said
from callbridge.tape.tape import Tape
from callbridge.testing.words import Conversation

PTIME_S = 0.020


class PlacedCall:
    """The caller's end of a call that `Pair.ring` has placed; they stay until they are told to go.

    What a caller waits for in vain raises AssertionError, with what happened in its place."""

    def __init__(
        self,
        call_control_id: str,
        switch: Switch,
        tape: Tape,
        voiced: Callable[[tuple[Step, ...]], tuple[Step, ...]],
        finished: Callable[[str], Awaitable[Conversation]],
    ) -> None:
        self.call_control_id = call_control_id
        self.heard: list[str] = []  # of each utterance of the bot, what the caller heard of it
        self._switch, self._voiced, self._finished = switch, voiced, finished
        self._tape = tape.listen()

    async def does(self, *steps: Step) -> None:
        """The caller carries out these steps; returns when the last of them is done."""
        leg = self._switch.find(self.call_control_id)
        assert leg is not None, "the carrier has forgotten the call"
        caller = leg.scripted
        assert caller is not None, "the call is over"
        caller.carry_on(self._voiced(steps))
        while caller.step is not None and leg.scripted is caller:  # noqa: ASYNC110  time is virtual
            await asyncio.sleep(PTIME_S)
        assert not leg.failures, leg.failures

    async def hears(self, text: str, within_s: float = WITHIN_S) -> None:
        """Until the caller has heard an utterance with this text in it, to the end of the text."""
        for _ in range(round(within_s / PTIME_S)):
            while self._tape.events:
                event = self._tape.events.popleft()
                if isinstance(event, Said):
                    self.heard.append(event.heard)
                    if text in event.heard:
                        return
            if self._tape.closed:
                raise AssertionError(f"the call ended before {text!r}; heard: {self.heard}")
            await asyncio.sleep(PTIME_S)
        raise AssertionError(f"{text!r} was not heard in {within_s:g} s; heard: {self.heard}")

    async def hangs_up(self) -> Conversation:
        """The caller hangs up. Of several calls this is for the last one, as `over` is; for the
        others there is `does(HangUp())`."""
        await self.does(HangUp())
        return await self.over()

    async def over(self) -> Conversation:
        """Until the call has ended, whoever ends it, and no other call goes on."""
        return await self._finished(self.call_control_id)
