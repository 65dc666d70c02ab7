"""What a command of the Voice API is, and the HTTP request that it becomes.

Its fields are the body, `path` is where it goes. Fields that the path names go there and not into
the body; of a GET the others are its query."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, cast
from urllib.parse import quote, urlencode
from uuid import uuid4

import msgspec

from callbridge.errors import LocalProtocolError

SECRET = ("token", "password", "secret", "api_key")  # how the names of secrets end


class Discreet(msgspec.Struct, frozen=True):
    """Shows what is set, and no secret: not a token, nor what a URL carries in its query."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        fields = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return [(name, _fit_to_show(name, value)) for name, value in fields if value is not None]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"


def _fit_to_show(name: str, value: object) -> object:
    if isinstance(value, Mapping):
        fields = cast(Mapping[str, object], value)
        return {name: _fit_to_show(name, value) for name, value in fields.items()}
    if name.endswith(SECRET):
        return "***"
    if name.endswith("url") and "?" in str(value):
        return str(value).partition("?")[0] + "?***"
    return value


class Command(Discreet, frozen=True, kw_only=True):
    """What every command has. A field that is None is not sent.

    The platform carries out a `command_id` once in 60 s, however often it arrives. `client_state`
    is base64 and comes back in every later webhook of the leg."""

    path: ClassVar[str]
    method: ClassVar[str] = "POST"
    safe: ClassVar[str] = ":"  # in a path, besides letters: ids begin with `v3:`
    never_sent: ClassVar[frozenset[str]] = frozenset()  # what is declared and not taken there
    at_most_once: ClassVar[bool] = False  # no `command_id` is taken, and twice is not as once
    of_another_call: ClassVar[frozenset[str]] = frozenset()  # where an error points that is of it

    command_id: str = msgspec.field(default_factory=lambda: str(uuid4()))
    client_state: str | None = None

    @property
    def name(self) -> str:
        """What errors call it."""
        return type(self).__name__


class Request(NamedTuple):
    """`path` is relative to the API's base URL and begins with a slash."""

    method: str
    path: str
    body: bytes


_PATH_FIELD = re.compile(r"{(\w+)}")
_encoder = msgspec.json.Encoder()


def request(command: Command) -> Request:
    """The HTTP request of a command. Raises LocalProtocolError for an empty id in its path."""
    declared: dict[str, Any] = msgspec.to_builtins(command)
    undeclared: dict[str, Any] = declared.pop("fields", {})
    method: str = declared.pop("verb", command.method)

    def moved(field: re.Match[str]) -> str:
        value: str = declared.pop(field[1])
        if not value:
            raise LocalProtocolError(f"{command.name} without a {field[1]}")
        return quote(value, safe=command.safe)

    path = _PATH_FIELD.sub(moved, command.path)
    for beside in ("stream", "relay"):
        declared.update(declared.pop(beside, None) or {})
    for name in command.never_sent:
        declared.pop(name, None)
    fields = declared | undeclared
    body = {name: value for name, value in fields.items() if value is not None}
    if (relay := body.get("conversation_relay_config")) is not None:
        set_ones = cast("dict[str, object]", relay).items()
        body["conversation_relay_config"] = {
            name: value for name, value in set_ones if value is not None
        }
    if method == "GET":
        return Request(method, f"{path}?{urlencode(body)}" if body else path, b"")
    return Request(method, path, _encoder.encode(body) if body or method != "DELETE" else b"")
