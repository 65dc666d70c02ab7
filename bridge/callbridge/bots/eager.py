"""A reply that is prepared while the caller pauses, and is heard only when the turn is over.

A language model takes a few hundred milliseconds for its first words; a pause becomes an end only
after as many. So the handler runs as soon as the words are known, and its text waits here. If the
caller goes on, it is cancelled, and nothing was said. What it asks of the call (a transfer, a
hang-up, a question) waits for the end of the turn, as it waits for the text before it otherwise."""

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable

from callbridge.timing.signal import Signal, changed
from callbridge.voice.source import Pieces, TextBeingSaid, failure_of, saying_now, source_of
from callbridge.voice.turn import Turn

PIECES = 200  # that wait, until their source does

PreparedText = str | AsyncIterable[str] | None


class Prepared:
    """The reply to a turn that is probably over. A `TextBeingSaid` for what it asks of the call."""

    def __init__(self, turn: Turn, reply: Callable[[], Awaitable[PreparedText]], name: str) -> None:
        self.turn = turn
        self.cut: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reply = reply
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._saying: TextBeingSaid | None = None
        self._pieces: deque[str] = deque()
        self._begun = False  # a piece has come
        self._moved = Signal()  # a piece has come, or was taken
        self.task = asyncio.create_task(self._prepare(), name=f"eager {name}")

    async def _prepare(self) -> None:
        source_of(self)
        text = await self._reply()
        if text is None:
            return
        async with Pieces(text) as pieces:
            async for piece in pieces:
                self._pieces.append(piece)
                self._begun = True
                self._moved.notify()
                while len(self._pieces) >= PIECES:
                    await changed(self._moved)

    async def text(self) -> AsyncIterator[str] | None:
        """The turn is over: what is to be said, if anything. Raises what the handler raises."""
        if not self._over.done():
            self._over.set_result(None)
        while not self._pieces and not self.task.done():
            await changed(self._moved, done=self.task)
        if not self._pieces:
            self.task.result()
            return None
        return self._all()

    async def _all(self) -> AsyncIterator[str]:
        self._saying = saying = saying_now()
        if saying is not None:
            saying.cut.add_done_callback(self._cut)
        self._moved.notify()
        while self._pieces or not self.task.done():
            while self._pieces:
                piece = self._pieces.popleft()
                self._moved.notify()
                yield piece
            await changed(self._moved, done=self.task)
        if failure := failure_of(self.task):
            raise failure

    def _cut(self, _: "asyncio.Future[None]") -> None:
        if not self.cut.done():
            self.cut.set_result(None)

    async def caught_up(self, *, heard: bool = True) -> None:
        """Until the turn is over, and then until what was yielded has been said."""
        while not self._over.done():
            await changed(self._moved, done=self._over)
        while self._pieces or (self._saying is None and self._begun):
            await changed(self._moved)
        if self._saying is not None:
            await self._saying.caught_up(heard=heard)
