"""What became of it: the return values of a call's operations. Each is true when it went well."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from callbridge.media.ledger import Certainty

StopReason = Literal["finished", "interrupted", "key", "stream_lost", "call_ended"]

Result = Literal[
    "answered",
    "declined",
    "busy",
    "no_answer",
    "voicemail",
    "failed",
    "caller_hung_up",
    "unknown",
]
"""How a call, a transfer or a handoff came out: the same words for all of them."""


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
    spoken_digits: str = ""  # of that: 4412 of "forty-four twelve"

    def __bool__(self) -> bool:
        return self.stop != "timeout"


@dataclass(frozen=True, slots=True)
class RecordingOutcome:
    """What became of a recording. True when there is a file.

    `urls` has its address by the format ("mp3"); in the platform's own storage it is good for ten
    minutes. Failed: `cause` is why, in the platform's words. Unknown means that the platform has
    told nothing of it, also when it was asked; it may be saved all the same."""

    result: Literal["saved", "failed", "unknown"]
    id: str = ""
    urls: Mapping[str, str] = field(default_factory=dict[str, str])
    duration_s: float | None = None
    cause: str = ""

    def __bool__(self) -> bool:
        return self.result == "saved"


@dataclass(frozen=True, slots=True)
class Transferred:
    """How a transfer ended. Answered means that the call is no longer the bot's.

    When the caller has hung up first, `cause` is the platform's word for it. Unknown means that the
    platform has told nothing, also when it was asked. The transfer may still be answered; until
    that is known nothing of ours hangs up."""

    result: Result
    cause: str = ""
    to: str = ""  # who has answered, where several were rung

    def __bool__(self) -> bool:
        return self.answered

    @property
    def answered(self) -> bool:
        return self.result == "answered"
