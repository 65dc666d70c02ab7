"""The documents of one call that TeXML leads: each says how the call goes on."""

from collections.abc import Callable

from callbridge.calls.leg import Leg
from callbridge.control import texml

CONNECTS = 3  # documents that connect, and no session begins: then no other one does


def held(texml_url: str) -> bytes:
    """Of a call that was handed over: it goes on beside its documents. The next one is asked for
    where nobody needs to know of the call any more."""
    return texml.hold(f"{texml_url}/held")


class CallDocuments:
    """The platform asks for the next ones below `texml_url`."""

    __slots__ = ("_connects_left", "_leg", "_new_token", "_sessions", "_texml_url", "bot_left")

    def __init__(self, leg: Leg, texml_url: str, new_token: Callable[[Leg], str]) -> None:
        self.bot_left = False
        self._leg = leg
        self._texml_url = texml_url
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
        done = leg.gone or self.bot_left or not self._connects_left
        if leg.released or (done and leg.errands.open):  # somebody may be about to answer
            return held(self._texml_url)
        if done:
            return texml.hang_up()
        self._connects_left -= 1
        opening = leg.voice.opening(self._new_token(leg))
        return texml.connect(opening, f"{self._texml_url}/next")
