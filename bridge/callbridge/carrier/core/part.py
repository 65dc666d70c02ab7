"""What runs on a leg: speech, a stream, a keypad. The exchange calls its parts and names none."""

from callbridge.carrier.core.routing import Routing
from telecodecs import Pcm


class Part:
    """One thing that a customer started on a leg. A part overrides what it has use for; what it
    plays is a channel of its leg."""

    routing: Routing | None = None  # of its webhooks; None: where those of its leg go

    @property
    def doing(self) -> str:
        """What goes on, in a word for those who watch; empty for nothing worth one."""
        return ""

    def leg_answered(self) -> None:
        """The leg is answered: audio flows from the next tick on."""

    def begin_tick(self) -> None:
        """What was taken from the channels in the last tick has been heard."""

    def end_tick(self, said: Pcm | None, heard: Pcm | None) -> None:
        """The leg's 20 ms of both directions; None is silence."""

    def digit(self, digit: str, occurred_at: str) -> None:
        """The far end has pressed a key."""

    def leg_moves(self) -> None:
        """The leg is about to be joined with others: with those it has been with, it is no more."""

    def leg_ended(self) -> None:
        """Called once, before the leg says so itself; `leg.ending` is known."""
