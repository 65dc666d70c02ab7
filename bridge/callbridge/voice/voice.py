"""How a call hears and speaks: one protocol, two voices.

`AudioVoice` is raw media and our own engines. Conversation Relay, where the platform listens and
speaks and only text crosses the wire, is to be the other; it is not built yet."""

from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import Protocol

from callbridge.control import commands as control
from callbridge.media.ledger import Certainty
from callbridge.media.playout import EndReason
from callbridge.tape.waterfall import Waterfall
from callbridge.voice.turn import Message, TurnQueue


@dataclass(frozen=True, slots=True)
class Can:
    """What a voice can do besides text."""

    frames: bool  # `audio` and `write`
    files: bool  # `play`
    marks: bool  # what was heard is measured, not reported
    withhold: bool  # playout can wait while it is unclear whether the caller interrupts


class Heard(Protocol):
    """What became of a text that was said."""

    @property
    def sent_at(self) -> float | None:
        """When its first sound left; None before."""
        ...

    def outcome(self) -> tuple[EndReason, int, Certainty, str]:
        """Why it ended, samples heard, how certain that is, and their text."""
        ...


class Voice(Protocol):
    can: Can

    @property
    def turns(self) -> TurnQueue: ...

    @property
    def history(self) -> list[Message]: ...

    @property
    def busy(self) -> bool:
        """Whether the caller is speaking, or what was said is not yet known."""
        ...

    def opening(self, token: str) -> control.Stream:
        """What goes into the answer or dial command, so that the platform opens our socket."""
        ...

    async def say(
        self,
        text: str | AsyncIterable[str],
        *,
        interruptible: bool = True,
        answers: Waterfall | None = None,
    ) -> Heard: ...

    def interrupt(self) -> None:
        """Stop speaking, at once."""
        ...

    async def drain(self, patience: float) -> bool:
        """Wait until all was heard or cut; False after `patience` seconds without progress."""
        ...

    def close(self) -> None:
        """The call is over."""
        ...
