"""An agent of the OpenAI Agents SDK on the telephone: pip install openai-agents

OPENAI_API_KEY=... CALLBRIDGE_LLM_MODEL=... callbridge serve examples/llm/with_openai_agents.py
"""

import os
from collections.abc import AsyncIterator

from agents import Agent, Runner, function_tool, set_default_openai_api, set_tracing_disabled
from openai.types.responses import ResponseTextDeltaEvent

from callbridge import App, Call, Turn

app = App()
set_default_openai_api("chat_completions")  # which every service speaks
set_tracing_disabled(True)  # or what callers say is sent there, too


@function_tool
def opening_hours() -> str:
    """When the shop is open."""
    return "nine to six"


agent = Agent(
    "desk",
    instructions="You are on the telephone.",
    model=os.environ["CALLBRIDGE_LLM_MODEL"],
    tools=[opening_hours],
)


@app.reply(greeting="Good day. How can I help you?")
async def desk(call: Call, turn: Turn) -> AsyncIterator[str]:
    run = Runner.run_streamed(agent, [*call.history])
    try:
        async for event in run.stream_events():
            if event.type == "raw_response_event" and isinstance(
                event.data, ResponseTextDeltaEvent
            ):
                yield event.data.delta
    finally:
        run.cancel()  # it runs in a task of its own
