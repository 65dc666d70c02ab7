"""A bot that is Gemini Live: `realtime` with another model. docs/realtime.md says what it lacks.

@app.call
async def bot(call: Call) -> None:
    await gemini.converse(call, "You are the receptionist of ...", tools=[opening_hours])
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from callbridge.bots.conversing import ModelBrief
from callbridge.bots.realtime import forms_of, talk
from callbridge.bots.tools import Tool, Toolbox
from callbridge.calls.call import Call
from callbridge.errors import SettingsError
from callbridge.realtime.gemini import MODEL, URL, GeminiSession, GeminiSettings
from callbridge.realtime.socket import Connect, connect

__all__ = ["MODEL", "converse"]

NO_KEY = "GEMINI_API_KEY is not set: a key from https://aistudio.google.com/apikey, or api_key="


async def converse(
    call: Call,
    instructions: str = "",
    *,
    tools: Sequence[Tool | Callable[..., Any]] = (),
    greeting: str = "",
    voice: str = "Kore",
    model: str = MODEL,
    keys: bool = True,
    api_key: str | None = None,
    url: str = URL,
    more: Mapping[str, object] | None = None,
    connect: Connect = connect,
) -> None:
    """Let a model of Gemini Live talk with the caller, until the call is over or handed over.

    As `realtime.converse`; `more` are further fields of the setup message. Raises SettingsError
    without a key, VoiceCannot on the relay, and ModelFailed."""
    key = api_key or os.environ.get("GEMINI_API_KEY", "")
    if not key:
        raise SettingsError(NO_KEY)
    toolbox = Toolbox(tools)
    settings = GeminiSettings(
        api_key=key,
        url=url,
        model=model,
        voice=voice,
        instructions=instructions,
        tools=forms_of(toolbox),
        more=more or {},
    )
    brief = ModelBrief(greeting, keys=keys)
    await talk(call, lambda: GeminiSession(settings), toolbox, brief, connect)
