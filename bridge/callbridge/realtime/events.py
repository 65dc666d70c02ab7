"""What happens in the session of a model that hears and speaks, whoever made it.

A `Dialect` is one protocol: text of a socket in, events out; what a call has to say in, text for
the socket out. It does no I/O and reads no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

SaidBy = Literal["assistant", "user"]


@dataclass(frozen=True, slots=True)
class AudioForm:
    """What the audio of a session is: a codec of `telecodecs` by its name, and its rate in Hz."""

    encoding: str
    sample_rate: int

    @property
    def octets_per_s(self) -> int:
        return self.sample_rate * (2 if self.encoding == "L16" else 1)


@dataclass(frozen=True, slots=True)
class SaidBefore:
    """A message of the conversation so far, for a session that has to go on with it."""

    speaker: SaidBy
    text: str


@dataclass(frozen=True, slots=True)
class ToolUsed:
    """A tool that was used in the conversation so far, and what came of it."""

    call_id: str
    name: str
    arguments: str
    output: str


Recalled = SaidBefore | ToolUsed


@dataclass(frozen=True, slots=True)
class ToolForm:
    """A tool as the model is told of it; `parameters` is a JSON schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


# ---- events -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """The session is as it was asked for. `expires_at` is in Unix seconds, if it is known."""

    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class CallerBegan:
    """The caller has begun to speak: what the model was saying is cut. `start_ms` is where, in the
    audio that was sent in this session."""

    start_ms: float | None = None


@dataclass(frozen=True, slots=True)
class CallerEnded:
    """The caller's turn is over. `end_ms` is where their last sound was, in the audio that was sent
    in this session; None if that is not told."""

    item: str
    end_ms: float | None = None


@dataclass(frozen=True, slots=True)
class CallerSaid:
    """What the caller has said in a turn, in words. Comes late, if at all, and may be empty."""

    item: str
    text: str


@dataclass(frozen=True, slots=True)
class ModelSound:
    """Audio of the model, in the form that was asked for; faster than it is to be heard."""

    item: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class ModelWords:
    """What the audio of an item says, piece by piece, about when it comes."""

    item: str
    text: str


@dataclass(frozen=True, slots=True)
class ModelSoundEnded:
    """The item has no more audio and no more words."""

    item: str


@dataclass(frozen=True, slots=True)
class ToolAsked:
    """The model wants a tool to be used. `arguments` are JSON, if the model has made no mistake."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The model has nothing more to say for now. `failed` says why it could not."""

    failed: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """The other side complains. A fatal one would come again however often one tried."""

    code: str
    message: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class SessionEnding:
    """The other side will end the session soon."""

    left_s: float


SessionEvent = (
    Ready
    | SessionEnding
    | CallerBegan
    | CallerEnded
    | CallerSaid
    | ModelSound
    | ModelWords
    | ModelSoundEnded
    | ToolAsked
    | ReplyEnded
    | Trouble
)


class Dialect(Protocol):
    """One session. Texts that it returns go to the socket, in order."""

    @property
    def hears(self) -> AudioForm: ...

    @property
    def speaks(self) -> AudioForm: ...

    @property
    def url(self) -> str: ...

    @property
    def headers(self) -> dict[str, str]: ...

    @property
    def waits_for_ready(self) -> bool:
        """Whether nothing but the opening may be sent before it is `Ready`."""
        ...

    @property
    def idle(self) -> bool:
        """Whether the model has nothing to say, and no tool is in use."""
        ...

    def opening(self, conversation: Sequence[Recalled]) -> list[str]:
        """What a new socket is told first; the conversation so far included."""
        ...

    def receive(self, text: str | bytes) -> list[SessionEvent]:
        """Raises MalformedFrame for what makes no sense."""
        ...

    def to_send(self) -> list[str]:
        """What has become due by what was received."""
        ...

    def hear(self, payload: bytes) -> str:
        """The caller's audio."""
        ...

    def turn_ended(self) -> list[str]:
        """The caller has said what they had to say; where we decide that."""
        ...

    def forget_audio(self) -> list[str]:
        """What was heard since the last turn was no turn; where we decide that."""
        ...

    def stop_reply(self) -> list[str]:
        """The model is to say no more of what it is saying; where we decide that."""
        ...

    def heard_until(self, item: str, heard_ms: int) -> list[str]:
        """The caller has heard so much of an item, and will hear no more."""
        ...

    def reply(self, instruction: str = "") -> list[str]:
        """Let the model say something, though nobody has spoken; the instruction is for this time
        alone."""
        ...

    def remember(self, each: Recalled) -> list[str]:
        """Something that the model is to know, as a part of the conversation."""
        ...

    def tool_used(self, call_id: str, output: str) -> list[str]:
        """What came of a tool. The model goes on when nothing is missing that it has asked for."""
        ...

    def refused_by(self, code: int, reason: str) -> Trouble | None:
        """What the end of a socket says about us: a close code or the status of an HTTP answer."""
        ...
