"""How often somebody may fail to log in: by the address they come from, and by the name tried."""

from collections import deque
from math import ceil

WITHIN_S = 900.0
MOST_OF_ADDRESS = 20
MOST_OF_NAME = 10
MOST_KEPT = 10_000  # addresses and names; then those that failed longest ago are forgotten


class LoginAttempts:
    """Failures of the last quarter of an hour; `now` in seconds of one clock.

    A name that somebody else tries is shut, too: better than a password that is found."""

    def __init__(self) -> None:
        self._failures: dict[tuple[str, str], deque[float]] = {}

    def begin(self, address: str, name: str, now: float) -> int:
        """0, or in how many seconds they may try again.

        An attempt counts as a failure from its beginning: a thousand at once are a thousand."""
        waits = [self._wait(key, most, now) for key, most in _keys(address, name)]
        if any(waits):
            return max(waits)
        for key, _ in _keys(address, name):
            failures = self._failures.pop(key, deque[float]())
            failures.append(now)
            self._failures[key] = failures  # at the end: the order is that of the last failure
        while len(self._failures) > MOST_KEPT:
            del self._failures[next(iter(self._failures))]
        return 0

    def succeeded(self, address: str, name: str) -> None:
        for key, _ in _keys(address, name):
            failures = self._failures.get(key)
            if failures:
                failures.pop()
                if not failures:
                    del self._failures[key]

    def _wait(self, key: tuple[str, str], most: int, now: float) -> int:
        failures = self._failures.get(key)
        if failures is None:
            return 0
        while failures and failures[0] <= now - WITHIN_S:
            failures.popleft()
        return ceil(failures[0] + WITHIN_S - now) if len(failures) >= most else 0


def _keys(address: str, name: str) -> tuple[tuple[tuple[str, str], int], ...]:
    return (("address", address), MOST_OF_ADDRESS), (("name", name[:64]), MOST_OF_NAME)
