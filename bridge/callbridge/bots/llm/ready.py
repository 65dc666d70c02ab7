"""A ready bot: a prompt in a file, the name of a model, and no code.

CALLBRIDGE_LLM_MODEL=... CALLBRIDGE_LLM_PROMPT=prompt.md callbridge serve callbridge.bots.llm:bot
"""

from collections.abc import AsyncIterator

from callbridge.bots.call_tools import end_call
from callbridge.bots.llm.replying import ReplyLimits, reply
from callbridge.bots.llm.settings import ModelSettings
from callbridge.bots.reply import ReplyBot, ReplySettings
from callbridge.bots.tools import Toolbox
from callbridge.calls.call import Call
from callbridge.voice.turn import Turn

STILL_THERE = "Are you still there?"


def bot() -> ReplyBot:
    """Greets, answers, and may hang up. Raises SettingsError."""
    settings = ModelSettings.load()
    model, instructions = settings.chat_model(), settings.instructions()
    toolbox, limits = Toolbox([end_call]), ReplyLimits(characters=settings.characters)

    def answer(call: Call, turn: Turn) -> AsyncIterator[str]:
        return reply(call, turn, instructions, tools=toolbox, model=model, limits=limits)

    return ReplyBot(answer, ReplySettings(greeting=settings.greeting, idle=STILL_THERE))
