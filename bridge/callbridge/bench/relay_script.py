"""What callers ask over a relay, and how an answer is read: tokens that say when they were made.

A prompt says in words how many tokens it wants, how far apart, and its own number. A token has the
last hexadecimal digit of that number, then the time at which the bot had it: 24 bits of 1.024 us of
the machine's monotonic clock, which all its processes share. So each token finds its prompt, and
its way to the socket is timed. Eight characters, as a token of a model has, for the time that the
platform takes to speak them is part of a turn."""

import asyncio
import re
from collections.abc import AsyncIterator
from time import monotonic_ns

import msgspec

NUMBERS = 16
TICK_S = 1.024e-6
CHARACTERS = 8  # of a token
_TICKS = 1 << 24  # 17 s, then they come again
_TOKEN = re.compile(r" [0-9a-f]{7}")
_ASKED = re.compile(r"\d+")


class RelayLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What every caller asks for, again and again."""

    tokens: int = 20
    token_ms: int = 15  # from one to the next; the first comes at once
    every_s: float = 10.0  # from prompt to prompt

    @property
    def making_s(self) -> float:
        """From a prompt to the last token of its answer."""
        return self.tokens * self.token_ms / 1000


def prompt(tokens: int, token_ms: int, number: int) -> str:
    return f"Please say {tokens} tokens, {token_ms} milliseconds apart, number {number}"


async def answer(prompt: str) -> AsyncIterator[str]:
    """What a bot says to it. The first token comes at once."""
    tokens, token_ms, number = map(int, _ASKED.findall(prompt))
    for index in range(tokens):
        if index:
            await asyncio.sleep(token_ms / 1000)
        yield f" {number % NUMBERS:x}{(monotonic_ns() >> 10) % _TICKS:06x}"


def read_token(token: str, now: float) -> tuple[int, float] | None:
    """(number of its prompt, seconds since it was made), None for any other text.

    `now` in seconds of the monotonic clock."""
    if not _TOKEN.fullmatch(token):
        return None
    ticks = ((int(now * 1e9) >> 10) - int(token[2:], 16)) % _TICKS
    if ticks > _TICKS // 2:  # `now` is a rounded number
        ticks = 0
    return int(token[1], 16), ticks * TICK_S
