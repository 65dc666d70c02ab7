"""What became of it: the return values of a call's operations. Each is true when it went well."""

from dataclasses import dataclass
from typing import Literal

from callbridge.media.ledger import Certainty

StopReason = Literal["finished", "interrupted", "key", "stream_lost", "call_ended"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of something that was played.

    `heard_s` is how much of it the caller heard, `certainty` how that is known: measured by marks
    that came back, or estimated by time. `digit` is the key that stopped it, if one did."""

    stop: StopReason
    heard_s: float
    certainty: Certainty
    text: str = ""
    digit: str = ""

    def __bool__(self) -> bool:
        """Heard to the end."""
        return self.stop == "finished"


@dataclass(frozen=True, slots=True)
class Gathered:
    """Keys, in the order in which they were pressed; without the key that ended them."""

    digits: str
    stop: Literal["complete", "end_key", "speech", "timeout"]
    text: str = ""  # what was said instead, if speech was asked for

    def __bool__(self) -> bool:
        return self.stop != "timeout"


@dataclass(frozen=True, slots=True)
class Transferred:
    """How a transfer ended. Answered means that the call is no longer the bot's.

    Unknown means that the platform has told nothing, also when it was asked. The transfer may
    still be answered; until that is known nothing of ours hangs up."""

    result: Literal["answered", "busy", "no_answer", "rejected", "failed", "unknown"]
    cause: str = ""

    def __bool__(self) -> bool:
        return self.result == "answered"
