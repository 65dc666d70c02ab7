"""How much an account may ask for: requests a second, and calls of one that is not verified."""

from collections import deque

from callbridge.carrier.api.problems import Refused, refused

WINDOW_S = 1.0
HOUR_S, DAY_S = 3600.0, 86400.0
L1_AN_HOUR, L1_A_DAY = 10, 100


class RateLimit:
    """`per_s` None is none. The platform does not say how it counts: here by whole windows."""

    def __init__(self, per_s: int | None) -> None:
        self._per_s = per_s
        self._since = float("-inf")
        self._count = 0

    def check(self, now: float) -> None:
        """Raises Refused for a request too many."""
        if self._per_s is None:
            return
        if now - self._since >= WINDOW_S:
            self._since, self._count = now, 0
        self._count += 1
        if self._count > self._per_s:
            raise self._refusal(WINDOW_S - (now - self._since))

    def _refusal(self, left_s: float) -> Refused:
        seconds = str(max(1, round(left_s)))
        refusal = refused("10011", f"at most {self._per_s} requests a second", status=429)
        return refusal.with_headers(
            {
                "retry-after": seconds,
                "x-ratelimit-limit": str(self._per_s),
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": seconds,
            }
        )


class CallLimit:
    """Of an L1 account: its calls in the last hour and in the last day."""

    def __init__(self, *, is_l1: bool) -> None:
        self._is_l1 = is_l1
        self._calls: deque[float] = deque(maxlen=L1_A_DAY)

    def check(self, now: float, calls: int = 1) -> None:
        """Before that many new legs. Raises Refused."""
        if not self._is_l1:
            return
        for within_s, most, what in ((HOUR_S, L1_AN_HOUR, "hour"), (DAY_S, L1_A_DAY, "day")):
            recent = sum(now - each < within_s for each in self._calls)
            if recent + calls > most:
                detail = f"an L1 account makes at most {most} calls in one {what}"
                raise refused("10039", detail, status=403)
        self._calls.extend([now] * calls)
