"""What `/texml` answers: requests of a platform that wants to know how a call goes on.

The first document of a call is asked for at `/texml`, the next ones at `/texml/next`, by POST or by
GET. Each request is signed and answered once: a token for the call's socket is in the answer."""

from hashlib import sha256
from typing import Literal

import msgspec
from nacl.signing import VerifyKey

from callbridge.calls.registry import Calls
from callbridge.control import texml
from callbridge.control.signatures import SeenEvents, verify
from callbridge.timing.clock import Clock


class DocumentRequest(msgspec.Struct, frozen=True):
    """`content` is the body of a POST or the query of a GET, as it stands in the request.

    What the platform signs of a GET is not published. The local carrier signs the query; a
    signature over an empty body is refused, as it would let anybody write another query."""

    content: bytes
    signature: str | None
    timestamp: str | None
    first: bool


class DocumentAnswer(msgspec.Struct, frozen=True):
    """`outcome` is what it counts as among the webhooks."""

    outcome: Literal["accepted", "refused", "repeated"]
    status: int
    body: bytes
    media_type: str = "application/xml"


class Documents:
    """`when_full` is the setting of that name."""

    def __init__(
        self, calls: Calls, clock: Clock, key: VerifyKey, when_full: Literal["503", "reject"]
    ) -> None:
        self._calls, self._clock = calls, clock
        self._key, self._when_full = key, when_full
        self._seen = SeenEvents()

    def answer(self, request: DocumentRequest) -> DocumentAnswer:
        """Raises WebhookError for a request that is not the platform's, or makes no sense."""
        now = self._clock.wall()
        verify(request.content, request.signature, request.timestamp, key=self._key, now=now)
        asked = texml.read_request(request.content)
        if not self._seen.first_time(_name(request), now):
            return DocumentAnswer("repeated", 409, b"answered before\n", "text/plain")
        calls = self._calls
        new = request.first and not calls.knows(asked.call_sid)
        if new and (calls.full or calls.draining):
            calls.counts.refused += 1
            if self._when_full == "reject":
                return DocumentAnswer("refused", 200, texml.reject("busy"))
            return DocumentAnswer("refused", 503, b"no room for another call\n", "text/plain")
        return DocumentAnswer("accepted", 200, calls.document(asked, first=request.first))


def _name(request: DocumentRequest) -> str:
    """The same for a request that is sent again as it was; one that is repeated is signed anew."""
    signed = f"{request.first} {request.timestamp}|".encode() + request.content
    return sha256(signed).hexdigest()
