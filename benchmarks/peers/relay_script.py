"""What relay bots are asked and what they answer: that of `callbridge.bench.relay_script`.

By hand, as a peer is without Callbridge. A prompt names how many tokens it wants, how many
milliseconds apart, and its number; a token has that number's last hexadecimal digit and the time,
24 bits of 1.024 us of the monotonic clock."""

import asyncio
import re
import time
from collections.abc import AsyncIterator


async def answer(prompt: str) -> AsyncIterator[str]:
    tokens, token_ms, number = map(int, re.findall(r"\d+", prompt))
    for index in range(tokens):
        if index:
            await asyncio.sleep(token_ms / 1000)
        yield f" {number % 16:x}{time.monotonic_ns() >> 10 & 0xFFFFFF:06x}"
