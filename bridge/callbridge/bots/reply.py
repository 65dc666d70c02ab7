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
from functools import partial

from callbridge.bots.eager import Prepared, PreparedText
from callbridge.bots.filler import filled
from callbridge.calls.call import Call
from callbridge.calls.keys import Digit
from callbridge.errors import SpeechFailed
from callbridge.timing.signal import changed
from callbridge.voice.source import STUCK_S, Pieces, failure_of
from callbridge.voice.turn import Turn

Text = str | AsyncIterable[str] | Iterator[str] | None
Handler = Callable[[Call, Turn], Text | Awaitable[Text]]

# Who goes on within 300 ms of the first sound had not finished. It sounds there 60 ms after it was
# sent, and an onset is clear 130 ms after it began.
GOES_ON_S = 0.3 + 0.06 + 0.13
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
    filler: str = ""  # said first when a reply ...
    filler_after: float = 0.8  # ... is not there after so many seconds
    eager: bool = False  # whether a reply is prepared before the turn is over


@dataclass(frozen=True)
class ReplyBot:
    """A bot that is ready to be served by its name: `callbridge serve package.module:name`, where
    the name is a function that makes one."""

    handler: Handler
    settings: ReplySettings


class Replying:
    """The course of one call of a level-1 bot."""

    def __init__(self, call: Call, handler: Handler, settings: ReplySettings) -> None:
        self._call = call
        self._handler = handler
        self._settings = settings
        self._name = f"reply of {getattr(handler, '__qualname__', type(handler).__name__)}"
        self._unanswered: Turn | None = None
        self._prepared: Prepared | None = None

    async def run(self) -> None:
        """Until the call ends, or nobody says anything any more."""
        settings = self._settings
        self._call.voice.turns.eager = settings.eager
        with self._call.keys_to(self._cut):
            if settings.greeting:
                await self._call.say(settings.greeting)
            try:
                await self._converse()
            finally:
                await self._drop_prepared()

    async def _converse(self) -> None:
        """Only words are signs of life: a noise neither ends a silence nor begins one anew."""
        settings = self._settings
        silences = failures = 0
        quiet_since = self._now()
        while silences <= settings.idle_limit:
            left = max(0.0, quiet_since + settings.idle_after - self._now())
            hearing = self._hear_ahead if settings.eager else self._call.hear
            turn = await hearing(left if settings.idle else None)
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
        """Reply, unless the caller goes on before it has well begun: then both are one turn.

        What the caller says when it has begun, but pauses, ends it: its source may never go on. A
        question that the reply itself asks (`listen`, `gather`) owns what the caller says."""
        voice = self._call.voice
        before = voice.said_last
        reply = asyncio.create_task(self._reply(turn), name=self._name)
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
                sent_at = said.sent_at if said is not None and said is not before else None
                if sent_at is None:
                    goes_on = voice.in_progress or voice.turns.demanding
                else:
                    goes_on = voice.in_progress and self._just_begun(sent_at)
                if goes_on:
                    self._unanswered = turn
                    return
                if voice.turns.demanding and not self._call.speaking:
                    return
            if reply.cancelled():
                raise RuntimeError("a reply was cancelled, but not by us")
            if failure := failure_of(reply):
                raise failure
        finally:
            # The text's source has had its time by then: this is for what comes before a text.
            await voice.dismiss(reply, within=2 * STUCK_S)

    def _just_begun(self, sent_at: float) -> bool:
        """Who speaks now cannot mean the reply: it has hardly been heard."""
        return self._now() - sent_at < GOES_ON_S

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _reply(self, turn: Turn) -> None:
        prepared = self._prepared if self._prepared and self._prepared.turn is turn else None
        try:
            text = await self._whole(turn, prepared)
            task = asyncio.current_task()
            left_behind = task is not None and task.cancelling()  # and took no notice
            if text is not None and not left_behind:
                await self._call.answer(turn, text)
        finally:
            await self._drop_prepared()

    async def _whole(self, turn: Turn, prepared: Prepared | None) -> PreparedText:
        text = partial(self._text, turn) if prepared is None else prepared.text
        settings = self._settings
        if not settings.filler:
            return await text()
        return filled(_when_known(text), settings.filler, settings.filler_after)

    async def _text(self, turn: Turn) -> PreparedText:
        said = self._handler(self._call, turn)
        text = await said if inspect.isawaitable(said) else said
        return _one_by_one(text) if isinstance(text, Iterator) else text

    # ---- ahead of the end of the turn -------------------------------------------------------

    async def _hear_ahead(self, timeout: float | None) -> Turn | None:
        """The next turn, whose reply is prepared as soon as it seems to be over."""
        turns = self._call.voice.turns
        hearing = asyncio.create_task(self._call.hear(timeout), name="next turn")
        try:
            while not hearing.done():
                await self._prepare_for(turns.likely)
                await changed(turns.changed, done=hearing)
            return hearing.result()
        finally:
            hearing.cancel()

    async def _prepare_for(self, likely: Turn | None) -> None:
        if self._prepared is not None and self._prepared.turn is not likely:
            await self._drop_prepared()
        if likely is not None and not likely.over and self._prepared is None:
            self._prepared = Prepared(likely, partial(self._text, likely), self._name)

    async def _drop_prepared(self) -> None:
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            await self._call.voice.dismiss(prepared.task)
            failure_of(prepared.task)  # of a reply that nobody was to hear

    def _cut(self, digit: Digit) -> bool:
        if self._settings.keys_interrupt and self._call.speaking:
            self._call.interrupt()
        return False  # the key stays for who asks for keys


async def _one_by_one(texts: Iterator[str]) -> AsyncIterator[str]:
    """A handler may be a plain generator; what it computes between two texts holds up all calls."""
    for text in texts:
        yield text


async def _when_known(text: Callable[[], Awaitable[PreparedText]]) -> AsyncIterator[str]:
    """The text of a handler that first has to return it."""
    known = await text()
    if known is not None:
        async with Pieces(known) as pieces:
            async for piece in pieces:
                yield piece


def replying(handler: Handler, settings: ReplySettings) -> Callable[[Call], Awaitable[None]]:
    """A bot out of a handler."""

    async def bot(call: Call) -> None:
        await Replying(call, handler, settings).run()

    return bot
