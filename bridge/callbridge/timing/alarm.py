"""Wakes the event loop at a time, as exactly as the platform can.

uvloop's own timers count whole milliseconds. On Linux a timerfd is exact to some microseconds and
costs less; elsewhere, and on loops that cannot watch a file descriptor, the loop's timer does."""

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable
from typing import Protocol

CLOCK_MONOTONIC = 1
TFD_NONBLOCK, TFD_CLOEXEC, TFD_TIMER_ABSTIME = 0o4000, 0o2000000, 1  # bits/timerfd.h


class Alarm(Protocol):
    """Calls its callback once after each `at`; a new `at` replaces the one before."""

    def at(self, deadline: float) -> None:
        """`deadline` in seconds of the monotonic clock."""
        ...

    def close(self) -> None: ...


def alarm(callback: Callable[[], None]) -> Alarm:
    """The most exact alarm that the running loop can have."""
    if sys.platform == "linux":
        try:
            return TimerFd(callback)
        except (OSError, NotImplementedError, AttributeError):
            pass  # a loop without file descriptors, or a libc without timerfd
    return LoopTimer(callback)


class LoopTimer:
    """The event loop's own timer: the only one in virtual time."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._timer: asyncio.TimerHandle | None = None

    def at(self, deadline: float) -> None:
        self.close()
        self._timer = asyncio.get_running_loop().call_at(deadline, self._callback)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


class _Setting(ctypes.Structure):
    _fields_ = [("interval", _Timespec), ("value", _Timespec)]


class TimerFd:
    """timerfd_create(2). Raises OSError, or what a loop without `add_reader` raises."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._loop = asyncio.get_running_loop()
        # The module has these functions itself only from Python 3.13 on.
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._setting = _Setting()
        self._fd: int = self._libc.timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        try:
            self._loop.add_reader(self._fd, self._expired)
        except BaseException:
            os.close(self._fd)
            raise

    def at(self, deadline: float) -> None:
        seconds = int(deadline)
        value = self._setting.value
        value.seconds = seconds
        # Both zero would disarm it.
        value.nanoseconds = max(1, int((deadline - seconds) * 1e9))
        self._libc.timerfd_settime(self._fd, TFD_TIMER_ABSTIME, ctypes.byref(self._setting), None)

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _expired(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return  # set anew since it expired
        self._callback()
