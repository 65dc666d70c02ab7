"""A bot that is a model which hears and speaks: OpenAI Realtime, and who speaks like it.

    @app.call
    async def bot(call: Call) -> None:
        await realtime.converse(call, "You are the receptionist of ...", tools=[opening_hours])

The caller's audio goes to the model as it comes from the wire, and the model's to the caller; when
the caller interrupts, the model is told up to which millisecond it was heard. docs/realtime.md."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from callbridge.bots.conversing import ModelBrief, ModelTalk
from callbridge.bots.keeping import SessionMaker
from callbridge.bots.tools import Tool, Toolbox
from callbridge.calls.call import Call
from callbridge.errors import CallError, SettingsError
from callbridge.realtime.events import AudioForm, Dialect, ToolForm
from callbridge.realtime.openai import (
    BASE_URL,
    MODEL,
    PCM_RATE,
    TRANSCRIPTION,
    OpenAISession,
    OpenAISettings,
)
from callbridge.realtime.socket import Connect, connect

__all__ = ["MODEL", "converse", "talk"]

SERVER_VAD: Mapping[str, object] = {"type": "server_vad"}
NO_KEY = (
    "OPENAI_API_KEY is not set: a key from https://platform.openai.com/api-keys, in the "
    "environment or as api_key="
)


async def converse(
    call: Call,
    instructions: str = "",
    *,
    tools: Sequence[Tool | Callable[..., Any]] = (),
    greeting: str = "",
    voice: str = "marin",
    model: str = MODEL,
    turns: Mapping[str, object] | Literal["ours"] = SERVER_VAD,
    transcription: str | Mapping[str, object] | None = TRANSCRIPTION,
    keys: bool = True,
    api_key: str | None = None,
    base_url: str | None = None,
    more: Mapping[str, object] | None = None,
    connect: Connect = connect,
) -> None:
    """Let a model of OpenAI Realtime talk with the caller, until the call is over or handed over.

    `tools` are functions of yours, and those of `callbridge.bots.call_tools`. The model says
    `greeting` first, about in these words; without one it waits for the caller. `turns` is the
    service's `turn_detection`; with "ours" our own ear takes the turns and decides what is an
    interruption, which needs speech engines. `transcription` is the model that takes down what the
    caller says, for `call.history` and for a session that has to be begun anew: without one (None)
    a new one does not know what the caller has said. With `keys` the model is told which ones are
    pressed.
    `more` are further fields of the session, such as `{"reasoning": {"effort": "low"}}`.

    `api_key` and `base_url` are OPENAI_API_KEY and OPENAI_BASE_URL unless they are given.
    Raises SettingsError without a key, VoiceCannot on the relay, and ModelFailed where the model
    cannot be reached, refuses, or has failed too often."""
    key = api_key or os.environ.get("OPENAI_API_KEY", "")
    if not key:
        raise SettingsError(NO_KEY)
    toolbox = Toolbox(tools)
    ours = turns == "ours"
    if ours:
        transcription = None  # our ear knows what was said
    settings = OpenAISettings(
        api_key=key,
        base_url=base_url or os.environ.get("OPENAI_BASE_URL") or BASE_URL,
        model=model,
        voice=voice,
        instructions=instructions,
        tools=forms_of(toolbox),
        turn_detection=turns if not isinstance(turns, str) else None,
        transcription={"model": transcription} if isinstance(transcription, str) else transcription,
        more=more or {},
    )
    form = openai_form(*call.live.wire)

    def session() -> Dialect:
        return OpenAISession(settings, form, form)

    brief = ModelBrief(greeting, keys=keys, own_turns=ours)
    await talk(call, session, toolbox, brief, connect)


async def talk(
    call: Call, session: SessionMaker, toolbox: Toolbox, brief: ModelBrief, connect: Connect
) -> None:
    """The same for any dialect: `session` makes one for each socket."""
    conversing = ModelTalk(call, session, toolbox, brief, connect)
    try:
        await conversing.run()
    except CallError:
        return  # the call is over, or a tool has handed it over


def openai_form(encoding: str, sample_rate: int) -> AudioForm:
    """As the wire has it if it can be, for then it passes as it is."""
    known: tuple[Literal["PCMU", "PCMA"], ...] = ("PCMU", "PCMA")
    return AudioForm(encoding, sample_rate) if encoding in known else AudioForm("L16", PCM_RATE)


def forms_of(toolbox: Toolbox) -> tuple[ToolForm, ...]:
    return tuple(ToolForm(each.name, each.description, each.parameters) for each in toolbox.tools)
