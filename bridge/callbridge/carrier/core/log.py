"""Where what happened on a leg is written down for later: `GET /v2/call_events` reads it."""

from typing import Protocol

from callbridge.carrier.core.leg import Identity
from callbridge.carrier.shapes import JsonObject


class EventLog(Protocol):
    def webhook(self, leg: Identity, event: JsonObject, at: str) -> None:
        """`event` is the `data` of its body; `at` is when it occurred, in ISO 8601."""
        ...

    def command(self, leg: Identity, name: str, at: str, fields: JsonObject) -> None:
        """A command that was carried out; `at` is an instant in ISO 8601."""
        ...

    def attempt(self, event: JsonObject, attempt: JsonObject, *, last: bool) -> None:
        """One attempt to deliver an event, as the platform shows it."""
        ...
