"""A line that echoes: part of what the caller hears goes back into their microphone."""

from collections import deque
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from callbridge.carrier.people import checks
from telecodecs import Pcm

TICK_S = 0.020


class EchoPath(msgspec.Struct, frozen=True):
    """Hands-free telephones do -15 to -30 dB after 80 to 400 ms; the delay counts in 20 ms."""

    db: Annotated[float, Meta(description="How loud the echo is, -60 to 0.")] = -20.0
    delay_s: Annotated[float, Meta(description="How late it comes, 0.02 to 1.")] = 0.160

    def __post_init__(self) -> None:
        checks.number("db", self.db, -60, 0)
        checks.number("delay_s", self.delay_s, 0.02, 1)


class LineEcho:
    """The memory of one echo path."""

    def __init__(self, path: EchoPath) -> None:
        self._gain = np.float32(10 ** (path.db / 20))
        self._on_the_way: deque[Pcm | None] = deque([None] * round(path.delay_s / TICK_S))

    def heard(self, pcm: Pcm | None) -> None:
        """20 ms that sound at the caller's; None is silence."""
        self._on_the_way.append(pcm)

    def comes_back(self) -> Pcm | None:
        """20 ms of echo for the caller's microphone."""
        pcm = self._on_the_way.popleft()
        return None if pcm is None else (pcm * self._gain).astype(np.int16)
