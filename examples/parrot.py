"""Repeats what it understood: the smallest bot that listens and speaks.

callbridge serve examples/parrot.py
"""

from collections.abc import AsyncIterator

from callbridge import App, Call, Turn

app = App()


@app.reply(greeting="Hello. Say something, and I will say it back.")
async def parrot(call: Call, turn: Turn) -> AsyncIterator[str]:
    yield f"You said: {turn.text}"
