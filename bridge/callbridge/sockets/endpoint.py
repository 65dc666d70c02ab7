"""What is served at one path, as far as a server of sockets must know it.

This room names neither media streaming nor Conversation Relay, and neither of them imports it: both
have what these protocols ask for, and whoever wires a service says so (`serve/endpoints.py`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

OpeningFrame = TypeVar("OpeningFrame")  # the first frame, decoded


class SocketTransport(Protocol):
    """One open socket, as a stream sees it."""

    def send(self, text: str, /) -> None:
        """Queue a message; never waits."""
        ...

    def buffered(self) -> int:
        """Bytes that the socket has not taken yet."""
        ...

    def close(self, code: int, reason: str) -> None: ...


class SocketStream(Protocol):
    """The running end of a socket."""

    def feed(self, text: str | bytes) -> None:
        """One whole message, text or binary."""
        ...

    def close(self, code: int = ..., reason: str = ...) -> None:
        """Close the socket, once; what is fed after that does nothing."""
        ...


class StreamOwner(Protocol):
    """Whose stream a socket is: a leg, for one."""

    def attach(self, transport: SocketTransport) -> SocketStream:
        """Raises CallbridgeError if another socket was faster."""
        ...

    def detach(self, stream: Any) -> None:
        """The socket of this stream, one that `attach` returned, is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[OpeningFrame]):
    """`read_opening` decodes one of the first messages of a stream that nobody announced: the frame
    that tells whose stream it is, or None for any other. It raises MalformedFrame."""

    path: str  # below the mount point, "/media"
    token_header: str  # in lower case
    token_setting: str  # what the shared token is called where users set it
    max_chars: int  # of the longest message
    opens_with: str  # the event of the opening frame, "start"
    read_opening: Callable[[str | bytes], OpeningFrame | None]
