"""The documents of one call that TeXML leads: each says how the call goes on."""

from collections.abc import Callable

from callbridge.calls.leg import Leg
from callbridge.control import texml

CONNECTS = 3  # documents that connect, and no session begins: then no other one does


class CallDocuments:
    """`next_url` is where the platform asks for the next one."""

    __slots__ = ("_connects_left", "_leg", "_new_token", "_next_url", "_sessions", "bot_left")

    def __init__(self, leg: Leg, next_url: str, new_token: Callable[[Leg], str]) -> None:
        self.bot_left = False
        self._leg = leg
        self._next_url = next_url
        self._new_token = new_token
        self._connects_left = CONNECTS
        self._sessions = 0  # of the leg, at the last document

    def first(self) -> bytes:
        return self._connect()

    def next(self) -> bytes:
        """The platform asks when its session with us is over, whatever our socket looks like. A
        session that broke is begun anew; but where none ever begins, it would ask for ever."""
        leg = self._leg
        if leg.stream is not None:
            leg.stream.close()
        if leg.sessions > self._sessions:
            self._connects_left, self._sessions = CONNECTS, leg.sessions
        return self._connect()

    def _connect(self) -> bytes:
        leg = self._leg
        if leg.released:
            return texml.hold(self._next_url)
        if leg.gone or self.bot_left or not self._connects_left:
            return texml.hang_up()
        self._connects_left -= 1
        return texml.connect(leg.voice.opening(self._new_token(leg)), self._next_url)
