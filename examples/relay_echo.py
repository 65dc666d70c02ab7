"""The shortest bot on Conversation Relay: the platform hears and speaks, no engine is needed here.

callbridge serve examples/relay_echo.py
"""

from collections.abc import AsyncIterator

from callbridge import App, Call, Turn

app = App(voice="relay")


@app.reply(greeting="Hello. Say something, and I will say it back.")
async def echo(call: Call, turn: Turn) -> AsyncIterator[str]:
    yield "You said: "
    yield f"{turn.text}."
