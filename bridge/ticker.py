"""One timer for the deadlines of all calls.

A timer per call wakes the loop a thousand times where fifty would do, and bunches up under load.
Here deadlines fall into slots of 5 ms, each slot wakes the loop once, and a loop without deadlines
is not woken at all. How late the slots come is the lag of the event loop: it is measured here."""

import asyncio
import heapq
import math
from collections.abc import Callable

SLOT_S = 0.005


class Ticker:
    """Calls back once at or after a deadline. Made for one event loop; starts on first use."""

    def __init__(self) -> None:
        self.lag_s = 0.0  # of the latest slot
        self.worst_lag_s = 0.0
        # Dictionaries for sets, as they keep the order: virtual time must run the same every time.
        self._slots: dict[int, dict[Callable[[], None], None]] = {}
        self._heap: list[int] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_slot = 0
        self._firing = False

    def at(self, deadline: float, callback: Callable[[], None]) -> int:
        """Plan `callback` for the slot at or after `deadline`, loop time; returns the slot.

        The same callback twice in a slot is one call. There is no cancelling: a callback looks at
        its own state, and one that comes too early costs a comparison."""
        slot = math.ceil(deadline / SLOT_S - 1e-6)
        planned = self._slots.get(slot)
        if planned is None:
            planned = self._slots[slot] = {}
            heapq.heappush(self._heap, slot)
            if not self._firing and (self._timer is None or slot < self._timer_slot):
                self._arm(slot)
        planned[callback] = None
        return slot

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._slots.clear()
        self._heap.clear()

    def _arm(self, slot: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_slot = slot
        self._timer = asyncio.get_running_loop().call_at(slot * SLOT_S, self._fire)

    def _fire(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._timer = None
        self._firing = True  # what is planned meanwhile may lie behind what is planned already
        self.lag_s = max(0.0, now - self._timer_slot * SLOT_S)
        self.worst_lag_s = max(self.worst_lag_s, self.lag_s)
        current = math.floor(now / SLOT_S + 1e-6)
        due: list[dict[Callable[[], None], None]] = []
        while self._heap and self._heap[0] <= current:
            due.append(self._slots.pop(heapq.heappop(self._heap)))
        for callbacks in due:
            for callback in callbacks:
                try:
                    callback()
                except Exception as error:  # one call's bug must not stop the pacing of all others
                    loop.call_exception_handler(
                        {"message": "a deadline's work failed", "exception": error}
                    )
        self._firing = False
        if self._heap:
            self._arm(self._heap[0])
