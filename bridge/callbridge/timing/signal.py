"""Wakes those who wait for one kind of change, and nobody else."""

import asyncio
from typing import Any

from callbridge.timing.clock import first_of


class Signal:
    """Frames, keys, room in a queue, turns, phases: each has one of its own.

    A change without waiters costs a comparison. A signal is for one event loop."""

    __slots__ = ("_loop", "_waiters")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: list[asyncio.Future[None]] | None = None  # most never have any

    def wait(self) -> "asyncio.Future[None]":
        """Done at the next change."""
        if self._loop is None:  # asking costs a system call, 0.1 us of every frame
            self._loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = self._loop.create_future()
        if self._waiters is None:
            self._waiters = [waiter]
        else:
            self._waiters.append(waiter)
        return waiter

    def notify(self) -> None:
        if self._waiters:
            waiters, self._waiters = self._waiters, None
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def forget(self, waiter: "asyncio.Future[None]") -> None:
        """Nobody awaits this one any more."""
        if self._waiters is not None and waiter in self._waiters:
            self._waiters.remove(waiter)


async def changed(
    *signals: Signal, done: "asyncio.Future[Any] | None" = None, timeout: float | None = None
) -> None:
    """Wait until one of the signals changes, `done` is done, or `timeout` seconds have passed.

    Raises nothing for the time-out, and cancels nothing."""
    if done is None and timeout is None and len(signals) == 1:
        await _next_change(signals[0])
        return
    waiters = [signal.wait() for signal in signals]
    futures = waiters if done is None else [*waiters, done]
    try:
        await first_of(*futures, timeout=timeout)
    finally:
        for signal, waiter in zip(signals, waiters, strict=True):
            signal.forget(waiter)


async def _next_change(signal: Signal) -> None:
    """Woken by the change itself, one turn of the loop sooner than by `asyncio.wait`."""
    waiter = signal.wait()
    try:
        await waiter
    finally:
        signal.forget(waiter)
