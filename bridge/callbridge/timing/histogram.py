"""Durations counted in buckets, as Prometheus wants them."""

from bisect import bisect_left
from itertools import accumulate

BOUNDS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0)


class Histogram:
    """Adding costs two additions; reading sums up. Bounds are upper ones and belong to theirs."""

    def __init__(self, bounds: tuple[float, ...] = BOUNDS_S) -> None:
        self.total = 0.0
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)

    def add(self, value: float) -> None:
        self.total += value
        self._counts[bisect_left(self._bounds, value)] += 1

    def buckets(self) -> list[tuple[str, int]]:
        """Each upper bound, as text, with the count of all values up to it."""
        bounds = [*map(str, self._bounds), "+Inf"]
        return list(zip(bounds, accumulate(self._counts), strict=True))
