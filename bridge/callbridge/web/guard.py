"""Who may ask a server that is meant for the person at this machine, and what its pages may do.

A browser lets any page in the world send requests to 127.0.0.1, and open WebSockets there. It says
truthfully where they come from (Fetch Metadata, RFC 6454 for Origin), and with which name it found
us: a name of somebody else's that points here is DNS rebinding."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",  # AudioWorklets as well
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "media-src 'self' blob:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    # Not "no-referrer": with that, forms of our own pages come from the origin "null".
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
SAFE = frozenset({"GET", "HEAD"})  # methods that change nothing
A_YEAR = "public, max-age=31536000, immutable"


class Guarded:
    """An ASGI application whose pages obey `HEADERS`, asked only under the names given and, for
    all that changes something, only by its own pages.

    A refusal is 421 for a wrong name and 403 for a foreign page; a WebSocket is closed before it
    opens. What sends neither Origin nor Fetch Metadata is no browser, and is let through: it needs
    a key or a session like everybody."""

    def __init__(self, app: ASGIApp, names: frozenset[str] = LOOPBACK_NAMES) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if refused is None:
            await self._app(scope, receive, _with_headers(scope, send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refused[1]})
        else:
            status, why = refused
            await PlainTextResponse(f"{why}\n", status)(scope, receive, _with_headers(scope, send))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        if host_name(headers.get("host", "")) not in self._names:
            return 421, "this server is not known by that name"
        if scope.get("method") not in SAFE and not is_ours(headers):
            return 403, "only pages of this server may ask for that"
        return None


def is_ours(headers: Headers) -> bool:
    """Whether a request comes from one of our own pages, or from no page at all."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or _netloc(origin) == headers.get("host", "").lower()


def host_name(host: str) -> str:
    """`[::1]:8080` is `::1`; what is no host is empty."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _with_headers(scope: Scope, send: Send) -> Send:
    if scope["type"] != "http":
        return send
    keeps = scope["path"].startswith("/assets/") and b"v=" in scope["query_string"]

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            if keeps and message["status"] == 200:
                headers["cache-control"] = A_YEAR
            elif "cache-control" not in headers:
                headers["cache-control"] = "no-store"
        await send(message)

    return sending
