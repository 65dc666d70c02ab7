"""Minted stream tokens: who may open a call's WebSocket, and until when.

A token is an HMAC over our own reference of the call and an expiry, so that an address that leaks
opens one call for a minute and no other. The platform's ids are not in it: at the time of minting
they are often not known. Form: `reference.expiry.signature`, URL-safe."""

import hmac
import re
from base64 import urlsafe_b64encode
from hashlib import sha256

# In a query, and behind the name of any header that carries one: x-telnyx-streaming-auth-token.
_BEFORE_TOKEN = re.compile(r"(token=|-auth-token[^\w*]+)(?=[^*])", re.IGNORECASE)


def mint(reference: str, expires: float, secret: bytes) -> str:
    """`expires` in Unix seconds. A reference has no dot."""
    claim = f"{reference}.{int(expires)}"
    return f"{claim}.{_sign(claim, secret)}"


def read(token: str, secret: bytes) -> tuple[str, float] | None:
    """(reference, expiry) of a token that this secret minted, else None. Compares in constant time.

    Expiry is for the caller to judge: a call may come back for a lost stream."""
    claim, _, signature = token.rpartition(".")
    reference, _, expires = claim.rpartition(".")
    if not reference or not (expires.isascii() and expires.isdecimal() and len(expires) < 16):
        return None
    if not hmac.compare_digest(signature.encode(), _sign(claim, secret).encode()):
        return None
    return reference, float(expires)


def may_name_token(text: str) -> bool:
    """Whether the pattern, which takes 8 us for a sentence, might find something."""
    lower = text.lower()
    return "token=" in lower or "-auth-token" in lower


def masked(text: str) -> str:
    """Text fit for a log line: nothing remains after a `token=` or a token header's name."""
    if not may_name_token(text):
        return text
    found = _BEFORE_TOKEN.search(text)
    return text[: found.end()] + "***" if found else text


def _sign(claim: str, secret: bytes) -> str:
    digest = hmac.new(secret, claim.encode(), sha256).digest()
    return urlsafe_b64encode(digest[:24]).decode()
