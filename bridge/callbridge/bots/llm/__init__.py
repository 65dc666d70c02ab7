"""Bots that a language model talks for.

    from callbridge.bots import llm

    @app.reply(greeting="Hi, how can I help?")
    def receptionist(call: Call, turn: Turn) -> AsyncIterator[str]:
        return llm.reply(call, turn, "You are the receptionist of ...", tools=[llm.end_call])

`bot` is a ready one: `callbridge serve callbridge.bots.llm:bot`. docs/llm.md says the rest."""

from callbridge.bots.call_tools import (
    end_call,
    gather,
    handoff,
    record,
    send_digits,
    switch_language,
    transfer,
)
from callbridge.bots.llm.model import ChatModel, ModelLimits
from callbridge.bots.llm.ready import bot
from callbridge.bots.llm.replying import ReplyLimits, reply
from callbridge.bots.tools import Tool, Toolbox, ToolError, tool

__all__ = [
    "ChatModel",
    "ModelLimits",
    "ReplyLimits",
    "Tool",
    "ToolError",
    "Toolbox",
    "bot",
    "end_call",
    "gather",
    "handoff",
    "record",
    "reply",
    "send_digits",
    "switch_language",
    "tool",
    "transfer",
]
