"""Who may come in, whatever server a socket came through.

A stream that we asked for brings the token that we minted into its address. One that somebody else
started has at most a shared token; whose it is, only its opening frame tells."""

import hmac
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import parse_qs

from callbridge.errors import CallbridgeError
from callbridge.sockets.endpoint import Endpoint, OpeningFrame, StreamOwner

START_WITHIN_S = 10.0  # a stream that nobody announced must say what it is ...
FIRST_MESSAGES = 8  # ... within so many messages

Adopted = TypeVar("Adopted", contravariant=True)


class StreamRefused(CallbridgeError):
    """A socket that is not taken; `status` answers its upgrade request."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Admission(Protocol[Adopted]):
    """Whose stream a socket is. Both raise StreamRefused."""

    def admit(self, token: str, header: str | None) -> StreamOwner:
        """By the token that we minted into its address."""
        ...

    def adopt(self, opening: Adopted, /) -> StreamOwner:
        """By its own word: for streams that somebody else started."""
        ...


class Door:
    """The way in to one endpoint.

    With `shared_token` None every stream needs a minted token; otherwise the given one must come
    in the endpoint's header, or nothing if it is empty (loopback only: the settings see to it)."""

    def __init__(
        self,
        endpoint: Endpoint[OpeningFrame],
        admission: Admission[OpeningFrame],
        shared_token: str | None = None,
    ) -> None:
        self.endpoint: Endpoint[Any] = endpoint
        self._admission: Admission[Any] = admission
        self._shared = shared_token

    def admit(self, query: bytes, auth: str | None) -> StreamOwner | None:
        """The owner by the upgrade request, or None if only the opening frame can tell.

        `auth` is the endpoint's token header, if there was one. Raises StreamRefused."""
        token = parse_qs(query.decode("latin-1")).get("token", [""])[0]
        if token:
            return self._admission.admit(token, auth)
        if self._shared is None:
            raise StreamRefused(401, "the stream's address has no token")
        if self._shared and not hmac.compare_digest((auth or "").encode(), self._shared.encode()):
            endpoint = self.endpoint
            raise StreamRefused(401, f"{endpoint.token_header} is not {endpoint.token_setting}")
        return None

    def unannounced(self) -> "Unannounced[Any]":
        return Unannounced(self.endpoint, self._admission)


class Unannounced(Generic[OpeningFrame]):
    """The first messages of a stream that nobody announced, up to the one that tells whose it is.

    The server gives it START_WITHIN_S seconds; after that it says `missing`."""

    def __init__(
        self, endpoint: Endpoint[OpeningFrame], admission: Admission[OpeningFrame]
    ) -> None:
        self.messages: list[str | bytes] = []  # read so far, for the stream that they begin
        self.missing = f"no {endpoint.opens_with} frame"
        self._read_opening = endpoint.read_opening
        self._admission = admission

    def read(self, text: str | bytes) -> StreamOwner | None:
        """The owner, if this is the opening frame. Raises MalformedFrame and StreamRefused."""
        self.messages.append(text)
        opening = self._read_opening(text)
        if opening is not None:
            return self._admission.adopt(opening)
        if len(self.messages) == FIRST_MESSAGES:
            raise StreamRefused(400, self.missing)
        return None
