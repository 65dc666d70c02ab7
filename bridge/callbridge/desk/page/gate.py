"""Who asks, by the cookie; what a form holds; and the way in and out."""

import logging
from typing import NamedTuple
from urllib.parse import parse_qs, quote

from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callbridge.desk.page.attempts import LoginAttempts
from callbridge.desk.page.sessions import LASTS_S, LOGIN_LASTS_S, DeskSession, DeskSessions
from callbridge.desk.page.users import DeskUser, DeskUsers
from callbridge.timing.clock import Clock
from callbridge.web.pages import Pages

MOST_OF_A_FORM = 16 * 1024  # bytes
WRONG = "That name and that password do not belong together."
STALE = "The form was too old, or of another window. Here is a new one."

log = logging.getLogger("callbridge.desk")


class TurnedAway(Exception):
    """The request is answered with this, and nothing is done."""

    def __init__(self, response: Response) -> None:
        self.response = response


class DeskGate(NamedTuple):
    """`here` is who sits at a desk without users, which is for this machine alone."""

    users: DeskUsers
    sessions: DeskSessions
    attempts: LoginAttempts
    clock: Clock
    pages: Pages
    here: DeskUser | None
    read_only: bool
    secure: bool  # browsers come by https, to us or to the proxy

    # ---- who asks -------------------------------------------------------------------------------

    @property
    def cookie(self) -> str:
        """With its prefix a browser takes it from nobody else, and sends it to nobody else."""
        return "__Host-callbridge-desk" if self.secure else "callbridge-desk"

    @property
    def _login_cookie(self) -> str:
        return f"{self.cookie}-login"

    def may_act(self, session: DeskSession) -> bool:
        return session.user.role == "supervisor" and not self.read_only

    def session(self, request: Request) -> DeskSession | None:
        return self.sessions.find(request.cookies.get(self.cookie, ""), self.clock.now())

    def seen(self, request: Request) -> DeskSession:
        """Who asks for a page. Raises TurnedAway, which leads to the form."""
        session = self.session(request)
        if session is not None:
            return session
        to = _path(request.url)
        if self.here is not None:
            raise TurnedAway(self._begun(self.here, to))
        raise TurnedAway(RedirectResponse(f"/login?to={quote(to, safe='')}", 303))

    async def acts(self, request: Request) -> tuple[DeskSession, dict[str, str]]:
        """Who sends a form, and what it holds. Raises TurnedAway."""
        session = self.session(request)
        if session is None:
            raise TurnedAway(self._no("You are not logged in, and nothing was done.", 401))
        form = await form_of(request)
        if not self.sessions.is_form_token(session, form.pop("csrf", "")):
            raise TurnedAway(
                self._no(
                    "That form is not of this session, and nothing was done. Go back, load the "
                    "page again and repeat it.",
                    403,
                )
            )
        return session, form

    async def commands(self, request: Request) -> tuple[DeskSession, dict[str, str]]:
        """Who sends a form that does something to calls. Raises TurnedAway."""
        session, form = await self.acts(request)
        if not self.may_act(session):
            why = (
                "This desk was started to be looked at only (--read-only)"
                if self.read_only
                else f"{session.user.name} may look and not act: that takes a supervisor"
            )
            raise TurnedAway(self._no(f"{why}. Nothing was done.", 403))
        return session, form

    def _no(self, sentence: str, status: int) -> Response:
        return self.pages.page("refusal.html", status, sentence=sentence)

    # ---- in and out -----------------------------------------------------------------------------

    async def login_page(self, request: Request) -> Response:
        if self.here is not None or self.session(request) is not None:
            return RedirectResponse("/", 303)
        return self._login_form("", 200, _local(request.query_params.get("to", "")))

    def _login_form(self, sentence: str, status: int, to: str, name: str = "") -> Response:
        nonce, token = self.sessions.login_form(self.clock.now())
        values = {"sentence": sentence, "token": token, "to": to, "name": name}
        response = self.pages.page("login.html", status, **values)
        self._set(response, self._login_cookie, nonce, LOGIN_LASTS_S)
        return response

    async def login(self, request: Request) -> Response:
        form = await form_of(request)
        name, to = form.get("name", "").strip(), _local(form.get("to", ""))
        nonce = request.cookies.get(self._login_cookie, "")
        now = self.clock.now()
        if not self.sessions.is_login_form(nonce, form.get("csrf", ""), now):
            return self._login_form(STALE, 403, to, name)
        address = request.client.host if request.client else ""
        if wait := self.attempts.begin(address, name, now):
            log.warning("desk: too many logins that failed, from %s", address)
            sentence = f"Too many attempts. Try again in {_minutes(wait)}."
            response = self._login_form(sentence, 429, to, name)
            response.headers["retry-after"] = str(wait)
            return response
        user = await self.users.checked(name, form.get("password", ""))
        if user is None:
            log.warning("desk: a login failed, from %s", address)
            return self._login_form(WRONG, 403, to, name)
        self.attempts.succeeded(address, name)
        if (old := self.session(request)) is not None:
            self.sessions.end(old)
        log.info("desk: %s has logged in, from %s", user.name, address)
        return self._begun(user, to)

    async def logout(self, request: Request) -> Response:
        try:
            session, _ = await self.acts(request)
        except TurnedAway as refused:
            return refused.response
        self.sessions.end(session)
        log.info("desk: %s has logged out", session.user.name)
        response = RedirectResponse("/login", 303)
        response.delete_cookie(self.cookie, secure=self.secure, httponly=True, samesite="strict")
        response.headers["clear-site-data"] = '"cache", "storage"'
        return response

    def _begun(self, user: DeskUser, to: str) -> Response:
        _, cookie = self.sessions.begin(user, self.clock.now())
        response = RedirectResponse(to, 303)
        self._set(response, self.cookie, cookie, LASTS_S)
        return response

    def _set(self, response: Response, name: str, value: str, lasts_s: float) -> None:
        response.set_cookie(
            name, value, max_age=int(lasts_s), httponly=True, samesite="strict", secure=self.secure
        )


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form as pages send them; of one that is there twice, the last. Raises
    TurnedAway."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_OF_A_FORM:
            raise TurnedAway(Response("the form is too long\n", 413))
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=50)
    except (UnicodeDecodeError, ValueError):
        raise TurnedAway(Response("that is no form\n", 400)) from None
    return {name: values[-1] for name, values in fields.items()}


def _path(url: URL) -> str:
    return url.path + (f"?{url.query}" if url.query else "")


def _local(to: str) -> str:
    """A path of ours to go to, or the first page: nobody is led elsewhere."""
    sound = to.startswith("/") and not to.startswith("//") and "\\" not in to and to.isprintable()
    return to if sound and not to.startswith("/live/") else "/"


def _minutes(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"
