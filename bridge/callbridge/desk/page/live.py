"""Pages that keep themselves up to date: what has changed of them, as server-sent events."""

from collections.abc import AsyncGenerator

from callbridge.desk.page.board import DeskBoard
from callbridge.desk.page.gate import DeskGate
from callbridge.desk.page.lookout import Lookout
from callbridge.desk.page.sessions import DeskSession
from callbridge.desk.page.views import DeskViews, Values, view_of
from callbridge.timing.signal import changed

MOST_OPEN = 12  # pages of one session
PING_S = 15.0  # proxies close what is silent


class DeskLive:
    """One stream for each page that is open. Nothing is asked of the platform for it."""

    def __init__(self, gate: DeskGate, lookout: Lookout, views: DeskViews) -> None:
        self._gate, self._lookout, self._views = gate, lookout, views
        self._lists: dict[str, str] = {}  # the same for all who look at them
        self._lists_of: DeskBoard | None = None

    def has_room(self, session: DeskSession) -> bool:
        return session.open < MOST_OPEN

    async def events(self, session: DeskSession, kind: str, name: str) -> AsyncGenerator[str]:
        """Ends with the session, and says so."""
        view = view_of(kind, name, self._lookout.board)
        if view is None:
            return
        shown: dict[str, str] = {}
        session.open += 1
        try:
            with self._lookout.watched(*view.topics):
                while self._gate.sessions.goes_on(session, self._gate.clock.now()):
                    news = False
                    for place, text in self._pieces(session, kind, name).items():
                        if shown.get(place) != text:
                            shown[place], news = text, True
                            yield event(place, text)
                    if not news:
                        yield ": here\n\n"
                    await changed(self._lookout.changed, timeout=PING_S)
            yield event("gone", self._gate.pages.text("gone.html"))
        finally:
            session.open -= 1

    def _pieces(self, session: DeskSession, kind: str, name: str) -> dict[str, str]:
        view = view_of(kind, name, self._lookout.board)
        if view is None:
            return {}
        values = self._views.values(kind, name, session, acts=self._gate.may_act(session))
        values["csrf"] = self._gate.sessions.form_token(session)
        pages = self._gate.pages
        pieces = {"top": pages.text("top.html", **values)}
        for place, template in view.pieces.items():
            shown = self._listed(template, values) if not name else pages.text(template, **values)
            pieces[place] = shown
        return pieces

    def _listed(self, template: str, values: Values) -> str:
        """A list, which holds no form and nothing of a session: made once for each look."""
        if self._lists_of is not self._lookout.board:
            self._lists, self._lists_of = {}, self._lookout.board
        if template not in self._lists:
            self._lists[template] = self._gate.pages.text(template, **values)
        return self._lists[template]


def event(name: str, text: str) -> str:
    """HTML, spec of server-sent events, section 9.2.5: a line of data for each line."""
    lines = "\n".join(f"data: {line}" for line in text.splitlines())
    return f"event: {name}\n{lines}\n\n"
