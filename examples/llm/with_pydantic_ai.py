"""A pydantic-ai agent on the telephone: pip install "pydantic-ai-slim[openai]"

OPENAI_API_KEY=... CALLBRIDGE_LLM_MODEL=... callbridge serve examples/llm/with_pydantic_ai.py
"""

import os
from collections.abc import AsyncIterator

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, UserPromptPart
from pydantic_ai.models.openai import OpenAIChatModel

from callbridge import App, Call, Turn

app = App()
agent = Agent(
    OpenAIChatModel(os.environ["CALLBRIDGE_LLM_MODEL"]), instructions="You are on the telephone."
)


@agent.tool_plain
def opening_hours() -> str:
    """When the shop is open."""
    return "nine to six"


@app.reply(greeting="Good day. How can I help you?")
async def desk(call: Call, turn: Turn) -> AsyncIterator[str]:
    async with agent.run_stream(message_history=heard(call)) as answer:
        async for text in answer.stream_text(delta=True, debounce_by=None):
            yield text


def heard(call: Call) -> list[ModelMessage]:
    """What was heard of both sides."""
    return [
        ModelRequest([UserPromptPart(each["content"])])
        if each["role"] == "user"
        else ModelResponse([TextPart(each["content"])])
        for each in call.history
    ]
