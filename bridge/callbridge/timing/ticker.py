"""One timer for the deadlines of all calls.

A timer per call wakes the loop a thousand times where fifty would do, and bunches up under load.
Here deadlines fall into slots of 5 ms, each slot wakes the loop once, and a loop without deadlines
is not woken at all. How late the slots come is the lag of the event loop: it is measured here."""

import asyncio
import heapq
import math
from collections.abc import Callable

from callbridge.timing.alarm import Alarm, LoopTimer, alarm
from callbridge.timing.clock import Clock, SystemClock
from callbridge.timing.histogram import Histogram

SLOT_S = 0.005
BEAT_S = 0.25  # each wakes the process
LAG_BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)


class Ticker:
    """Calls back once at or after a deadline. Made for one event loop; starts on first use."""

    def __init__(self, clock: Clock) -> None:
        self.lag = Histogram(LAG_BOUNDS_S)  # of every slot, in seconds
        self.worst_lag_s = 0.0
        self._clock = clock
        # Dictionaries for sets, as they keep the order: virtual time must run the same every time.
        self._slots: dict[int, dict[Callable[[], None], None]] = {}
        self._heap: list[int] = []
        self._alarm: Alarm | None = None
        self._armed = math.inf  # the slot that the alarm is set for
        self._firing = False

    def at(self, deadline: float, callback: Callable[[], None]) -> int:
        """Plan `callback` for the slot at or after `deadline`, the clock's; returns the slot.

        The same callback twice in a slot is one call. There is no cancelling: a callback looks at
        its own state, and one that comes too early costs a comparison."""
        slot = math.ceil(deadline / SLOT_S - 1e-6)
        planned = self._slots.get(slot)
        if planned is None:
            planned = self._slots[slot] = {}
            heapq.heappush(self._heap, slot)
            if not self._firing and slot < self._armed:
                self._arm(slot)
        planned[callback] = None
        return slot

    def beat(self) -> None:
        """From now on have a slot every 250 ms, so that lag is seen though nobody has deadlines."""
        self.at(self._clock.now() + BEAT_S, self.beat)

    def close(self) -> None:
        if self._alarm is not None:
            self._alarm.close()
            self._alarm = None
        self._armed = math.inf
        self._slots.clear()
        self._heap.clear()

    def _arm(self, slot: int) -> None:
        if self._alarm is None:
            # Only the real clock runs on while the loop sleeps.
            real = isinstance(self._clock, SystemClock)
            self._alarm = alarm(self._fire) if real else LoopTimer(self._fire)
        self._armed = slot
        self._alarm.at(slot * SLOT_S)

    def _fire(self) -> None:
        now = self._clock.now()
        self._armed = math.inf
        self._firing = True  # what is planned meanwhile may lie behind what is planned already
        current = math.floor(now / SLOT_S + 1e-6)
        due: list[dict[Callable[[], None], None]] = []
        while self._heap and self._heap[0] <= current:
            slot = heapq.heappop(self._heap)
            due.append(self._slots.pop(slot))
            self._count(now - slot * SLOT_S)
        for callbacks in due:
            for callback in callbacks:
                try:
                    callback()
                except Exception as error:  # one call's bug must not stop the pacing of all others
                    asyncio.get_running_loop().call_exception_handler(
                        {"message": "a deadline's work failed", "exception": error}
                    )
        self._firing = False
        if self._heap:
            self._arm(self._heap[0])

    def _count(self, lag_s: float) -> None:
        lag_s = max(0.0, lag_s)
        self.lag.add(lag_s)
        if lag_s > self.worst_lag_s:
            self.worst_lag_s = lag_s
