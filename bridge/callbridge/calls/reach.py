"""What a call can reach beside its own leg: other telephones, and conferences.

The registry has it; a call is handed it, so that neither imports the other."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from callbridge.calls.dialling import Dialling
from callbridge.handoff.conferences import LiveConferences
from callbridge.outcomes import Result

if TYPE_CHECKING:
    from callbridge.calls.call import Call
    from callbridge.calls.leg import Leg
    from callbridge.calls.registry import Dialled

    Talks = Callable[[Call], Awaitable[None]]  # a bot


class OutgoingRing(Protocol):
    """A telephone that rings for us, or a call that has come of it."""

    @property
    def call(self) -> "Call": ...

    @property
    def leg(self) -> "Leg": ...

    async def picked_up(self) -> "Dialled":
        """Returns when somebody has answered, or nobody will."""
        ...

    def given_up(self, result: Result, cause: str) -> "Dialled":
        """How it came out, where it is not for the telephone to say."""
        ...

    def withdraw(self) -> None:
        """Nobody is to answer it any more. A call that is answered already goes on."""
        ...


class Reach(Protocol):
    @property
    def conferences(self) -> LiveConferences: ...

    def require_connection(self) -> str:
        """The id of what calls go out through. Raises SettingsError."""
        ...

    def ring_beside(
        self, dialling: Dialling, bot: "Talks", beside: "Leg", on_voicemail: "Talks | None" = None
    ) -> OutgoingRing:
        """Call a number; when it is answered the bot talks, by the same kind of voice as the leg
        `beside` has; with a machine, if there is one, `on_voicemail`. Raises SettingsError without
        a connection to call out through."""
        ...
