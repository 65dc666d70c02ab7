"""Numbers where somebody is at home for a while, beside those of the settings."""

from collections.abc import Callable
from typing import Protocol

from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.people.script import LegCodec


class Home(Protocol):
    @property
    def codec(self) -> LegCodec:
        """What a leg to this number negotiates."""
        ...

    @property
    def is_busy(self) -> bool:
        """Nobody there has a hand free: the call is refused."""
        ...

    def ring(self, leg: CarrierLeg) -> None:
        """It rings there, until somebody picks up, or hangs up, or the caller gives up."""
        ...


HomeAt = Callable[[str], Home | None]  # None: nobody lives at that number


def nobody(number: str) -> None:
    return None
