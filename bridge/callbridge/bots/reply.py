"""Level 1: a bot that is only its replies. Text in, text out; listening, speaking, interruptions,
merged turns and silence are handled here.

    @app.reply(greeting="Hi, how can I help?")
    async def parrot(call: Call, turn: Turn) -> AsyncIterator[str]:
        yield f"You said: {turn.text}."
"""

import asyncio
import inspect
from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass

from callbridge.calls import keys
from callbridge.calls.call import Call
from callbridge.calls.leg import Digit
from callbridge.errors import SpeechFailed
from callbridge.timing.clock import first_of
from callbridge.voice.conversation import STUCK_S, Turn, failure_of

Text = str | AsyncIterable[str] | None
Handler = Callable[[Call, Turn], Text | Awaitable[Text]]

FAILURES = 3  # turns in a row that no engine understood; after the next the call is given up


@dataclass(frozen=True)
class ReplySettings:
    """What is said besides the replies, and when. Texts may be empty: then nothing is said."""

    greeting: str = ""
    idle: str = ""  # after a silence of both sides ...
    idle_after: float = 10.0  # ... of so many seconds ...
    idle_limit: int = 2  # ... so often; then the call is ended
    sorry: str = "Sorry, I did not get that."  # for speech that no engine could understand
    keys_interrupt: bool = False  # whether a key cuts a reply, as speech does


class Replying:
    """The course of one call of a level-1 bot."""

    def __init__(self, call: Call, handler: Handler, settings: ReplySettings) -> None:
        self._call = call
        self._handler = handler
        self._settings = settings
        self._conversation = call.conversation
        self._unanswered: Turn | None = None

    async def run(self) -> None:
        """Until the call ends, or nobody says anything any more."""
        settings = self._settings
        silences = failures = 0
        if settings.keys_interrupt:
            self._call.on_key(self._cut)
        if settings.greeting:
            await self._call.say(settings.greeting)
        while silences <= settings.idle_limit:
            turn = await self._call.hear(settings.idle_after if settings.idle else None)
            if turn is None:
                silences += 1
                if silences <= settings.idle_limit:
                    await self._call.say(settings.idle)
                continue
            silences = 0
            failures = failures + 1 if turn.failed else 0
            if failures > FAILURES:
                raise SpeechFailed(f"{failures} turns in a row were not understood: {turn.failed}")
            if turn.failed:
                await self._call.answer(turn, settings.sorry)
            elif (question := self._question(turn)) is not None:
                await self._answer(question)

    def _question(self, turn: Turn) -> Turn | None:
        """What is to be answered now: with what was not answered yet. None for a mere noise."""
        unanswered, self._unanswered = self._unanswered, None
        if unanswered is None:
            return turn or None
        return unanswered.merged(turn)

    async def _answer(self, turn: Turn) -> None:
        """Reply, unless the caller goes on before the first sound of it: then both are one turn.

        What he says when it has begun, but pauses, ends it: its source may never go on."""
        conversation = self._conversation
        before = conversation.last_said
        name = f"reply of {getattr(self._handler, '__qualname__', type(self._handler).__name__)}"
        reply = asyncio.create_task(self._reply(turn), name=name)
        try:
            while not reply.done():
                await first_of(reply, self._call.changed())
                said = conversation.last_said
                if said is before or said is None or said.sent_at is None:
                    if conversation.speech_in_progress or conversation.asked:
                        self._unanswered = turn
                        return
                elif conversation.asked and not self._call.speaking:
                    return
            if reply.cancelled():
                raise RuntimeError("a reply was cancelled, but not by us")
            if failure := failure_of(reply):
                raise failure
        finally:
            # The text's source has had its time by then: this is for what comes before a text.
            await self._conversation.dismiss(reply, within=2 * STUCK_S)

    async def _reply(self, turn: Turn) -> None:
        said = self._handler(self._call, turn)
        text = await said if inspect.isawaitable(said) else said
        task = asyncio.current_task()
        left_behind = task is not None and task.cancelling()  # and took no notice
        if text is not None and not left_behind:
            await self._call.answer(turn, text)

    def _cut(self, digit: Digit) -> bool:
        if self._call.speaking and digit.digit in keys.ALL:
            self._call.interrupt()
        return False  # the key stays for who asks for keys


def replying(handler: Handler, settings: ReplySettings) -> Callable[[Call], Awaitable[None]]:
    """A bot out of a handler."""

    async def bot(call: Call) -> None:
        await Replying(call, handler, settings).run()

    return bot
