"""A bot that answers a few words, STEP_MS apart, as a model makes its tokens."""

import asyncio
import os
from collections.abc import AsyncIterator

from callbridge import App, Call, Turn

STEP_S = float(os.environ["STEP_MS"]) / 1000
WORDS = ("I ", "am ", "well, ", "thank ", "you.")

app = App()


@app.reply()
async def words(call: Call, turn: Turn) -> AsyncIterator[str]:
    for word in WORDS:
        await asyncio.sleep(STEP_S)
        yield word
