"""Lists of the platform, which come in pages."""

import msgspec

from callbridge.control.commands import Command


class Listing(Command, frozen=True, kw_only=True):
    """Asks for one page of a list: `page_number` from 1, `page_size` up to 250."""

    method = "GET"
    never_sent = frozenset({"command_id", "client_state"})

    page_number: int = msgspec.field(name="page[number]", default=1)
    page_size: int = msgspec.field(name="page[size]", default=250)


class ActiveCallsList(Listing, frozen=True, kw_only=True):
    """The calls of a connection that go on, with `call_duration` in seconds."""

    path = "/connections/{connection_id}/active_calls"

    connection_id: str


class CallEventsList(Listing, frozen=True, kw_only=True):
    """What happened on a leg: webhooks and commands, in the order of `occurred_at`.

    Without a leg or a session, of the last 24 h."""

    path = "/call_events"

    leg_id: str | None = msgspec.field(name="filter[leg_id]", default=None)
    session_id: str | None = msgspec.field(name="filter[application_session_id]", default=None)
    event_name: str | None = msgspec.field(name="filter[name]", default=None)
    connection_id: str | None = msgspec.field(name="filter[connection_id]", default=None)
    since: str | None = msgspec.field(name="filter[occurred_at][gte]", default=None)
