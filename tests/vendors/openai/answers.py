"""What a scripted model answers: what it writes, at which pace, and what goes wrong on the way."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Finish = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True)
class Text:
    """Written token by token: a word and the space behind it. With `cut_characters` every chunk
    ends within a character that has several bytes, where there is one."""

    text: str
    cut_characters: bool = False

    def tokens(self) -> list[str]:
        return re.findall(r"\s*\S+\s?|\s+$", self.text)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the model says in the field for refusals."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is JSON, or what the model takes for it."""

    name: str
    arguments: str = "{}"

    @classmethod
    def of(cls, name: str, **arguments: Any) -> "ToolCall":
        return cls(name, json.dumps(arguments))


@dataclass(frozen=True, slots=True)
class Stall:
    """Nothing comes for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Raw:
    """These bytes, in the middle of the stream."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection breaks."""


Part = Text | Refusal | ToolCall | Stall | Raw | Drop


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer of the model. `finish` is what follows from the parts unless it is given."""

    parts: Sequence[Part]
    first_token_s: float = 0.2
    token_s: float = 0.02
    finish: Finish | None = None

    @property
    def reason(self) -> Finish:
        calls = any(isinstance(part, ToolCall) for part in self.parts)
        return self.finish or ("tool_calls" if calls else "stop")


@dataclass(frozen=True, slots=True)
class HttpError:
    """The request is answered by an error of the vendor's form."""

    status: int
    message: str
    code: str | None = None
    type: str = "invalid_request_error"
    param: str | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])


Answer = Completion | HttpError
Script = Callable[[dict[str, Any]], Answer]
"""Out of a request that was found right, as the client has sent it."""


def writes(text: str, *, first_token_s: float = 0.2, token_s: float = 0.02) -> Completion:
    return Completion([Text(text)], first_token_s, token_s)


def calls(name: str, **arguments: Any) -> Completion:
    return Completion([ToolCall.of(name, **arguments)])


def rate_limited(retry_after: str) -> HttpError:
    return HttpError(
        429, "Too many requests.", "rate_limit_exceeded", "requests", None,
        {"retry-after": retry_after},
    )  # fmt: skip


def in_order(*answers: Answer) -> Script:
    """One after the other; a request too many is an error of the server."""
    left = list(answers)

    def script(request: dict[str, Any]) -> Answer:
        if not left:
            return HttpError(400, "The script of this server is over.", "script_over")
        return left.pop(0)

    return script


def repeats(request: dict[str, Any]) -> Answer:
    """The model of a server that has no script."""
    last = request["messages"][-1]["content"]
    return writes(f"You said: {last}" if isinstance(last, str) else "You sent something.")
