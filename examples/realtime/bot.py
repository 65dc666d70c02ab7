"""A receptionist that is a model which hears and speaks: OpenAI Realtime on the call's own audio.

Without a key, against the local server of the repository, whose model answers by model.json:

    python -m tests.vendors.openai_realtime --rules examples/realtime/model.json -- \\
        callbridge demo examples/realtime/bot.py

With one, set OPENAI_API_KEY (https://platform.openai.com/api-keys) and leave the first line out.
"""

import os

from callbridge import App, Call
from callbridge.bots import realtime
from callbridge.bots.call_tools import end_call

app = App()

BRIEF = """You are the receptionist of Miller and Sons, on the telephone. Answer in one or two short
sentences. Say goodbye and end the call when the caller has no more questions."""


async def opening_hours(day: str) -> str:
    """When the shop is open on a day of the week."""
    return "closed" if day.lower() == "sunday" else "nine to six"


@app.call
async def receptionist(call: Call) -> None:
    await realtime.converse(
        call,
        BRIEF,
        greeting="Miller and Sons, good day. How can I help you?",
        tools=[opening_hours, end_call],
        model=os.environ.get("OPENAI_REALTIME_MODEL", realtime.MODEL),
    )
