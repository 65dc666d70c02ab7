"""Whether a conversation was a good one, for a judge to say: a person's rules, or another model.

    judge_call(report, by_model("The bot says when the order comes, and makes nothing up."))

A judge is an asynchronous function of the transcript. The one that is here asks a chat model."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple, cast

from callbridge.errors import ModelFailed
from callbridge.testing.words import Conversation

if TYPE_CHECKING:
    from callbridge.bots.llm import ChatModel


class CallVerdict(NamedTuple):
    good: bool
    why: str = ""


Judge = Callable[[str], Awaitable[CallVerdict]]
"""Of a transcript: a line for each turn with its time, what was cut and not heard, each tool."""

ASKED = """You judge a telephone call between a caller and a bot. Each line is a time in seconds,
who spoke, and what the other side heard; what it did not hear stands in brackets. Lines of tools
are what the bot looked up or did. You are told what a good call is. Answer with one JSON object and
nothing else: {"good": true or false, "why": "one sentence"}."""


def judge_call(report: Conversation, judge: Judge) -> CallVerdict:
    """The verdict, in real time. Raises AssertionError with the transcript if it is a bad one.

    In an asynchronous test: `await asyncio.to_thread(judge_call, report, judge)`."""

    async def ask() -> CallVerdict:
        return await judge(str(report))

    verdict = asyncio.run(ask())
    assert verdict.good, f"the judge: {verdict.why}\n{report}"
    return verdict


def by_model(good: str, make: "Callable[[], ChatModel] | None" = None) -> Judge:
    """A judge that asks a chat model whether a call is `good`: a sentence or two. `make` makes the
    model, for one judgement; that of the environment unless it is given.

    The judge raises ModelFailed, also for an answer that is no verdict."""
    from callbridge.bots.llm.settings import ModelSettings  # needs the extra `llm`

    async def judge(transcript: str) -> CallVerdict:
        asked = make() if make is not None else ModelSettings.load().chat_model()
        told = f"A good call: {good}\n\nThe call:\n{transcript}"
        answer = asked.answer(
            [{"role": "system", "content": ASKED}, {"role": "user", "content": told}]
        )
        async with asked.client, aclosing(answer.pieces()) as pieces:
            text = "".join([piece async for piece in pieces])
        try:
            found = cast(
                "dict[str, object]", json.loads(text[text.index("{") : text.rindex("}") + 1])
            )
            return CallVerdict(found["good"] is True, str(found.get("why", "")))
        except (ValueError, KeyError):
            raise ModelFailed(f"{asked.name}: no verdict: {text!r}") from None

    return judge
