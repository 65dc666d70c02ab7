"""Level 1: a bot that is only its replies. Text in, text out; listening, speaking, interruptions,
merged turns and silence are handled here.

    @app.reply(greeting="Hi, how can I help?")
    async def parrot(call: Call, turn: Turn) -> AsyncIterator[str]:
        yield f"You said: {turn.text}."
"""

import asyncio
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

from callbridge.calls.call import Call
from callbridge.calls.keys import Digit
from callbridge.errors import SpeechFailed
from callbridge.timing.signal import changed
from callbridge.voice.source import STUCK_S, failure_of
from callbridge.voice.turn import Turn

Text = str | AsyncIterable[str] | Iterator[str] | None
Handler = Callable[[Call, Turn], Text | Awaitable[Text]]

LOOK_S = 0.1  # between two looks whether a reply that is to end has paused
FAILURES = 3  # turns in a row that no engine understood; after the next the call is given up


@dataclass(frozen=True)
class ReplySettings:
    """What is said besides the replies, and when. Texts may be empty: then nothing is said."""

    greeting: str = ""
    idle: str = ""  # after a silence of both sides ...
    idle_after: float = 10.0  # ... of so many seconds ...
    idle_limit: int = 2  # ... so often; then the call is ended
    sorry: str = "Sorry, I did not get that."  # for speech that no engine could understand
    keys_interrupt: bool = False  # whether a key cuts what is said, as speech does


class Replying:
    """The course of one call of a level-1 bot."""

    def __init__(self, call: Call, handler: Handler, settings: ReplySettings) -> None:
        self._call = call
        self._handler = handler
        self._settings = settings
        self._unanswered: Turn | None = None

    async def run(self) -> None:
        """Until the call ends, or nobody says anything any more."""
        settings = self._settings
        with self._call.keys_to(self._cut):
            if settings.greeting:
                await self._call.say(settings.greeting)
            await self._converse()

    async def _converse(self) -> None:
        """Only words are signs of life: a noise neither ends a silence nor begins one anew."""
        settings = self._settings
        silences = failures = 0
        quiet_since = self._now()
        while silences <= settings.idle_limit:
            left = max(0.0, quiet_since + settings.idle_after - self._now())
            turn = await self._call.hear(left if settings.idle else None)
            if turn is None:
                silences += 1
                if silences <= settings.idle_limit:
                    await self._call.say(settings.idle)
                quiet_since = self._now()
                continue
            if not turn and not turn.failed:
                if self._unanswered is not None:
                    await self._answer(self._unanswered_with(turn))
                    quiet_since = self._now()
                continue
            silences = 0
            failures = failures + 1 if turn.failed else 0
            if failures > FAILURES:
                raise SpeechFailed(f"{failures} turns in a row were not understood: {turn.failed}")
            if turn.failed:
                await self._call.answer(turn, settings.sorry)
            else:
                await self._answer(self._unanswered_with(turn))
            quiet_since = self._now()

    def _unanswered_with(self, turn: Turn) -> Turn:
        """What is to be answered now: with what was not answered yet."""
        unanswered, self._unanswered = self._unanswered, None
        return turn if unanswered is None else unanswered.merged(turn)

    async def _answer(self, turn: Turn) -> None:
        """Reply, unless the caller goes on before the first sound of it: then both are one turn.

        What the caller says when it has begun, but pauses, ends it: its source may never go on. A
        question that the reply itself asks (`listen`, `gather`) owns what the caller says."""
        voice = self._call.voice
        before = voice.said_last
        name = f"reply of {getattr(self._handler, '__qualname__', type(self._handler).__name__)}"
        reply = asyncio.create_task(self._reply(turn), name=name)
        try:
            while not reply.done():
                await changed(
                    voice.turns.changed,
                    done=reply,
                    timeout=LOOK_S if voice.turns.demanding else None,
                )
                said = voice.said_last
                if voice.turns.asked_for:
                    continue
                if said is before or said is None or said.sent_at is None:
                    if voice.in_progress or voice.turns.demanding:
                        self._unanswered = turn
                        return
                elif voice.turns.demanding and not self._call.speaking:
                    return
            if reply.cancelled():
                raise RuntimeError("a reply was cancelled, but not by us")
            if failure := failure_of(reply):
                raise failure
        finally:
            # The text's source has had its time by then: this is for what comes before a text.
            await voice.dismiss(reply, within=2 * STUCK_S)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _reply(self, turn: Turn) -> None:
        said = self._handler(self._call, turn)
        text = await said if inspect.isawaitable(said) else said
        if isinstance(text, Iterator):
            text = _one_by_one(text)
        task = asyncio.current_task()
        left_behind = task is not None and task.cancelling()  # and took no notice
        if text is not None and not left_behind:
            await self._call.answer(turn, text)

    def _cut(self, digit: Digit) -> bool:
        if self._settings.keys_interrupt and self._call.speaking:
            self._call.interrupt()
        return False  # the key stays for who asks for keys


async def _one_by_one(texts: Iterator[str]) -> AsyncIterator[str]:
    """A handler may be a plain generator; what it computes between two texts holds up all calls."""
    for text in texts:
        yield text


def replying(handler: Handler, settings: ReplySettings) -> Callable[[Call], Awaitable[None]]:
    """A bot out of a handler."""

    async def bot(call: Call) -> None:
        await Replying(call, handler, settings).run()

    return bot
