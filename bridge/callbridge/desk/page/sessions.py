"""Who is logged in. A session lives in this process, and a cookie holds only its name, signed: so
a restart, a logout and the end of a shift end it for good."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from callbridge.desk.page.users import DeskUser

LASTS_S = 8 * 3600.0  # a shift
MOST_OF_ONE = 20  # sessions of one user; then the oldest ends
LOGIN_LASTS_S = 1800.0  # how long the form to log in is good for


@dataclass(slots=True)
class DeskSession:
    """`said` are sentences that wait for the next page; `open` counts its live streams."""

    id: str
    user: DeskUser
    ends_at: float
    said: list[tuple[bool, str]] = field(default_factory=list[tuple[bool, str]])
    open: int = 0

    def tell(self, sentence: str, *, good: bool) -> None:
        del self.said[:-4]
        self.said.append((good, sentence))

    def told(self) -> list[tuple[bool, str]]:
        said, self.said = self.said, []
        return said

    def __repr__(self) -> str:
        return f"DeskSession({self.user.name})"


class DeskSessions:
    """All of them; times are of one clock, in seconds."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)
        self._sessions: dict[str, DeskSession] = {}

    def begin(self, user: DeskUser, now: float) -> tuple[DeskSession, str]:
        """The session, and what its cookie holds. A new name for every login: nobody can have
        planted it."""
        self._forget_the_old(now)
        theirs = [each for each in self._sessions.values() if each.user.name == user.name]
        for oldest in theirs[: max(0, len(theirs) - MOST_OF_ONE + 1)]:
            self.end(oldest)
        session = DeskSession(secrets.token_urlsafe(32), user, now + LASTS_S)
        self._sessions[session.id] = session
        return session, f"{session.id}.{self._signed('session', session.id)}"

    def find(self, cookie: str, now: float) -> DeskSession | None:
        id, _, signature = cookie.partition(".")
        if not _same(signature, self._signed("session", id)):
            return None
        session = self._sessions.get(id)
        return session if session is not None and self.goes_on(session, now) else None

    def goes_on(self, session: DeskSession, now: float) -> bool:
        return session.id in self._sessions and now < session.ends_at

    def end(self, session: DeskSession) -> None:
        self._sessions.pop(session.id, None)

    # ---- forms ------------------------------------------------------------------------------

    def form_token(self, session: DeskSession) -> str:
        """What every form of the session carries."""
        return self._signed("form", session.id)

    def is_form_token(self, session: DeskSession, token: str) -> bool:
        return _same(token, self.form_token(session))

    def login_form(self, now: float) -> tuple[str, str]:
        """What the cookie and the form to log in hold: each is of no use without the other."""
        nonce = f"{secrets.token_urlsafe(16)}.{int(now + LOGIN_LASTS_S)}"
        return nonce, self._signed("login", nonce)

    def is_login_form(self, nonce: str, token: str, now: float) -> bool:
        if not nonce or not _same(token, self._signed("login", nonce)):
            return False
        return now < float(nonce.rpartition(".")[2])  # it is signed, so it is ours

    def _signed(self, what: str, text: str) -> str:
        message = f"{what}\0{text}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def _forget_the_old(self, now: float) -> None:
        for session in list(self._sessions.values()):
            if now >= session.ends_at:
                self.end(session)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode())
