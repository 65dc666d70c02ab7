"""What was asked of the platform and takes a while: a transfer, a handoff, a place in a queue.

An errand belongs to the leg. Who asked may wait for it; that nobody waits any more (a barge-in, a
merged turn, a time-out, a crash) neither cancels nor forgets it. While one is open nothing of ours
hangs up, and an answer that comes late still counts."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from callbridge.outcomes import Transferred
from callbridge.timing.signal import Signal

ErrandKind = Literal["transfer", "handoff", "bridge", "enqueue", "take", "refer", "takeover"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Whom a transfer rings, and how: for `timeout` seconds, with `headers` of SIP; `digits` are
    pressed when it answers, as for an extension."""

    to: str
    from_: str | None = None
    timeout: float = 30.0
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    digits: str = ""


@dataclass(slots=True, eq=False)
class Errand:
    """One of them. `number` leads webhooks of the leg that it makes back here.

    Answered, the call is somebody else's; unless it `stays` the bot's as well. One that is `ours`
    comes to its end by what we do, another one by the platform alone."""

    kind: ErrandKind
    number: int
    to: str
    outcome: "asyncio.Future[Transferred]"
    other_leg: str = ""  # call_control_id of the leg that it makes, once a webhook has named it
    in_doubt: bool = field(default=False)  # the platform should have answered by now
    stays: bool = False
    ours: bool = False
    under_way: bool = False  # of a referral: the far end has taken it

    @property
    def open(self) -> bool:
        return not self.outcome.done()


class Errands:
    """Those of one leg, open and done."""

    __slots__ = ("_all", "changed")

    def __init__(self) -> None:
        self.changed = Signal()
        self._all: list[Errand] = []

    def begin(
        self, kind: ErrandKind, to: str, *, stays: bool = False, ours: bool = False
    ) -> Errand:
        outcome: asyncio.Future[Transferred] = asyncio.get_running_loop().create_future()
        errand = Errand(kind, len(self._all), to, outcome, stays=stays, ours=ours)
        self._all.append(errand)
        self.changed.notify()
        return errand

    def numbered(self, number: int) -> Errand | None:
        return self._all[number] if 0 <= number < len(self._all) else None

    @property
    def open(self) -> list[Errand]:
        return [errand for errand in self._all if errand.open]

    @property
    def go_on(self) -> bool:
        """Whether one is open that the platform brings to its end without us."""
        return not all(errand.ours for errand in self.open)

    def settle(self, errand: Errand, outcome: Transferred) -> bool:
        """Its outcome is known; False if it was before."""
        if not errand.open:
            return False
        errand.outcome.set_result(outcome)
        self.changed.notify()
        return True

    def close(self) -> None:
        """The leg has ended: nothing more can come of them."""
        for errand in self.open:
            errand.outcome.cancel()
        self.changed.notify()
