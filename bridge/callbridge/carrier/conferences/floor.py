"""Who has the floor of a conference: the one who speaks while the last speaker does not.

The platform publishes no rule; the times here are ours."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from telecodecs import Pcm

K = TypeVar("K")

LOUD = 500  # a sample beyond this (-36 dBFS) is speech
TAKES_AFTER = 10  # ticks of speech more than ticks of silence: 200 ms
KEEPS_FOR = 25  # ticks of silence: 500 ms


class Floor(Generic[K]):
    """Speakers are `K`s."""

    def __init__(self) -> None:
        self.holder: K | None = None
        self._silent = KEEPS_FOR  # ticks for which the holder has said nothing
        self._spoken: dict[K, int] = {}  # ticks of speech of those who may take it

    def taken(self, spoken: Mapping[K, Pcm]) -> K | None:
        """What was said in one tick; returns who has taken the floor with it."""
        loud = {who for who, pcm in spoken.items() if len(pcm) and pcm.max() > LOUD}
        self._silent = 0 if self.holder in loud else self._silent + 1
        for who in self._spoken.keys() - loud:
            self._spoken[who] -= 1
        for who in loud - {self.holder}:
            self._spoken[who] = min(self._spoken.get(who, 0) + 1, 2 * TAKES_AFTER)
        self._spoken = {who: ticks for who, ticks in self._spoken.items() if ticks > 0}
        if self._silent < KEEPS_FOR:
            return None
        ready = [who for who in spoken if self._spoken.get(who, 0) >= TAKES_AFTER]
        if not ready:
            return None
        self.holder, self._silent = max(ready, key=self._spoken.__getitem__), 0
        del self._spoken[self.holder]
        return self.holder

    def leave(self, who: K) -> None:
        self._spoken.pop(who, None)
        if self.holder == who:
            self.holder, self._silent = None, KEEPS_FOR
