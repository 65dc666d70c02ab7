"""Something to say while a reply is not there yet: "One moment." Off unless a bot asks for it.

It is the beginning of the reply's text, so that it is cut with it, and is in the history as what
was heard of it."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator

from callbridge.voice.source import Pieces


async def filled(text: AsyncIterable[str], filler: str, after: float) -> AsyncIterator[str]:
    """`text`, with the filler before it if its first piece takes longer than `after` seconds."""
    async with Pieces(text) as pieces:
        first = asyncio.ensure_future(anext(pieces, ""))
        try:
            await asyncio.wait([first], timeout=after)
            if not first.done():
                yield f"{filler} "
            yield await first
        finally:
            if not first.done():  # what is still running cannot be closed
                first.cancel()
                await asyncio.wait([first])
        async for piece in pieces:
            yield piece
