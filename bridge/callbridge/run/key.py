"""The key to the pages: who has started `callbridge run` sees the calls, and no other account of
this machine.

The address that is opened carries it once; then it is a cookie of that browser. It lies beside the
recordings, so that a page finds its way back when the server was away."""

import hmac
import os
import secrets
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from callbridge.errors import CallbridgeError

NEEDED = "Open the address that callbridge run has printed: it carries the key to this page.\n"
OPEN = ("/assets/",)  # what is the same for everybody


def read_key(folder: Path) -> str:
    """The key of that folder, made at the first time. Raises CallbridgeError."""
    path = folder / "run.key"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            key = path.read_text("ascii").strip()
            if len(key) >= 32:
                return key
            path.unlink()
            return read_key(folder)
        with open(file, "w", encoding="ascii") as new:
            key = secrets.token_urlsafe(32)
            new.write(key)
            return key
    except (OSError, UnicodeError) as error:
        raise CallbridgeError(f"{path}, the key to the page, cannot be used: {error}") from None


class Keyed:
    """An ASGI application for those who have the key."""

    def __init__(self, app: ASGIApp, key: str, port: int) -> None:
        self._app, self._key = app, key
        self._cookie = f"callbridge_run_{port}"  # cookies do not tell ports apart

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith(OPEN) or self._has_cookie(scope):
            await self._app(scope, receive, send)
            return
        given = parse_qs(scope["query_string"].decode("latin-1")).get("key", [""])[0]
        if not self._is_key(given):
            await PlainTextResponse(NEEDED, 403)(scope, receive, send)
            return
        answer = RedirectResponse(scope["path"], 303)  # so that the key is in no history or link
        answer.set_cookie(self._cookie, self._key, httponly=True, samesite="strict")
        await answer(scope, receive, send)

    def _has_cookie(self, scope: Scope) -> bool:
        given = cookie_parser(Headers(scope=scope).get("cookie", "")).get(self._cookie)
        return given is not None and self._is_key(given)

    def _is_key(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._key.encode())
