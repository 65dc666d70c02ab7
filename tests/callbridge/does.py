"""A bot in a line: it does what it is told, in order, and keeps what comes of it."""

from collections.abc import Awaitable, Callable
from typing import Any

from callbridge import Call


class Does:
    """`results` has what each act returned; one that raises is the bot that raises."""

    def __init__(self, *acts: Callable[[Call], Awaitable[Any]]) -> None:
        self._acts = acts
        self.results: list[Any] = []

    async def __call__(self, call: Call) -> None:
        for act in self._acts:
            self.results.append(await act(call))
