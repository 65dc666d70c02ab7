"""Whatever yields text is a reply: here a stream of the openai SDK, with nothing in between.

OPENAI_API_KEY=... CALLBRIDGE_LLM_MODEL=... callbridge serve examples/llm/with_anything.py
"""

import os
from collections.abc import AsyncIterator
from typing import Any

from openai import AsyncOpenAI

from callbridge import App, Call, Turn

app = App()
client = AsyncOpenAI()


@app.reply(greeting="Good day. How can I help you?")
async def desk(call: Call, turn: Turn) -> AsyncIterator[str]:
    messages: Any = [{"role": "system", "content": "You are on the telephone."}, *call.history]
    model = os.environ["CALLBRIDGE_LLM_MODEL"]
    stream = await client.chat.completions.create(model=model, messages=messages, stream=True)
    async with stream:
        async for chunk in stream:
            if chunk.choices and (text := chunk.choices[0].delta.content):
                yield text
