"""Which address of a webhook has its turn next, and when."""

from collections.abc import Sequence
from typing import Literal

ATTEMPTS_PER_URL = 2

DeliveryVerdict = Literal["delivered", "again", "elsewhere"]


def judge(status: int) -> DeliveryVerdict:
    """Any 2xx is success. Of the refusals only 408 and 429 are worth asking the same address
    again; a redirect here is one too many."""
    if 200 <= status < 300:
        return "delivered"
    return "elsewhere" if 400 <= status < 500 and status not in (408, 429) else "again"


class Trail:
    """From the first address to the last.

    The next address has its turn when one failed twice, or said that it will not take the event.
    A policy's `retries_ms` are the repetitions at the first address in place of the usual one; the
    platform's own schedule is not published."""

    def __init__(
        self, urls: Sequence[str], backoff_s: float, retries_ms: Sequence[int] | None
    ) -> None:
        self._urls, self._backoff_s = list(urls), backoff_s
        self._pauses = self._usual
        if retries_ms is not None:
            self._pauses = [pause / 1000 for pause in retries_ms]
        self.attempt = 1

    @property
    def _usual(self) -> list[float]:
        return [self._backoff_s] * (ATTEMPTS_PER_URL - 1)

    @property
    def url(self) -> str:
        """Whose turn it is."""
        return self._urls[0]

    def failed(self, verdict: DeliveryVerdict) -> float | None:
        """Seconds until the next attempt; None when there is none any more."""
        self.attempt += 1
        if verdict == "again" and self._pauses:
            return self._pauses.pop(0)
        if len(self._urls) == 1:
            return None
        self._urls.pop(0)
        self._pauses = self._usual
        return 0.0 if verdict == "elsewhere" else self._backoff_s
