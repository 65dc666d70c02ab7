"""What `/texml` answers: requests of a platform that wants to know how a call goes on.

The first document of a call is asked for at `/texml`, the next ones at `/texml/next`, or at
`/texml/held` when the call was handed over; by POST or by GET. Each request is signed, and answered
once: a token for the call's socket is in the answer."""

from hashlib import sha256
from typing import Literal

import msgspec
from nacl.signing import VerifyKey

from callbridge.calls.documents import held
from callbridge.calls.registry import Calls
from callbridge.control import texml
from callbridge.control.events import FORM, read_event
from callbridge.control.signatures import SeenEvents, verify
from callbridge.timing.clock import Clock

WhichDocument = Literal["first", "next", "held"]


class DocumentRequest(msgspec.Struct, frozen=True):
    """`content` is the body of a POST or the query of a GET, as it stands in the request.

    What the platform signs of a GET is not published. The local carrier signs the query; a
    signature over an empty body is refused, as it would let anybody write another query."""

    content: bytes
    signature: str | None
    timestamp: str | None
    which: WhichDocument


class DocumentAnswer(msgspec.Struct, frozen=True):
    """`outcome` is what it counts as among the webhooks."""

    outcome: Literal["accepted", "refused", "repeated"]
    status: int
    body: bytes
    media_type: str = "application/xml"


class Documents:
    """`when_full` is the setting of that name; `texml_url` is how the platform reaches this."""

    def __init__(
        self,
        calls: Calls,
        clock: Clock,
        key: VerifyKey,
        when_full: Literal["503", "reject"],
        texml_url: str,
    ) -> None:
        self._calls, self._clock = calls, clock
        self._key, self._when_full = key, when_full
        self._texml_url = texml_url
        self._seen = SeenEvents()

    def answer(self, request: DocumentRequest) -> DocumentAnswer:
        """Raises WebhookError for a request that is not the platform's, or makes no sense."""
        now = self._clock.wall()
        verify(request.content, request.signature, request.timestamp, key=self._key, now=now)
        asked = texml.read_request(request.content)
        if not self._seen.first_time(_name(request), now):
            return DocumentAnswer("repeated", 409, b"answered before\n", "text/plain")
        calls = self._calls
        if asked.is_news:
            calls.on_event(read_event(request.content, FORM))
            return DocumentAnswer("accepted", 200, b"ok\n", "text/plain")
        if request.which == "held":
            return DocumentAnswer("accepted", 200, held(self._texml_url))
        first = request.which == "first"
        new = first and not calls.knows(asked.call_sid)
        if new and (calls.full or calls.draining):
            calls.counts.refused += 1
            if self._when_full == "reject":
                return DocumentAnswer("refused", 200, texml.reject("busy"))
            return DocumentAnswer("refused", 503, b"no room for another call\n", "text/plain")
        return DocumentAnswer("accepted", 200, calls.document(asked, first=first))


def _name(request: DocumentRequest) -> str:
    """The same for a request that is sent again as it was, to whichever of the addresses; one that
    the platform repeats is signed anew."""
    return sha256(f"{request.timestamp}|".encode() + request.content).hexdigest()
