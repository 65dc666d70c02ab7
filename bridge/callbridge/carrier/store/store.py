"""SQLite under the carrier: applications, what happened on calls, what is left of finished ones.

In memory unless a file is named. Reads and writes are done where they are asked for, on the event
loop: a row costs microseconds, and a file in WAL mode is only flushed to the disk now and then. A
crash of the process loses nothing; a power cut may lose the last seconds."""

import sqlite3
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from callbridge.carrier.core.leg import Identity
from callbridge.carrier.core.regions import region_of
from callbridge.carrier.core.routing import Routing
from callbridge.carrier.shapes import JsonObject, as_list, as_object
from callbridge.carrier.store.other_products import OtherProductStore
from callbridge.carrier.store.recordings import RecordingStore
from callbridge.carrier.store.shelf import COMPARISONS, LARGEST
from callbridge.errors import CallbridgeError

KEPT_EVENTS = 100_000
KEPT_DELIVERIES = 20_000
KEPT_RECORDINGS = 1000
TABLES = """
create table if not exists applications (id text primary key, body text not null);
create table if not exists recordings (
    number integer primary key, call_control_id text unique not null, body text not null);
create table if not exists events (
    number integer primary key, connection_id text, session_id text, leg_id text,
    "from" text, "to" text, type text, name text, at text, body text not null);
create table if not exists deliveries (
    number integer primary key, id text unique not null, status text, event_type text,
    started_at text, finished_at text, webhook text not null, attempts text not null);
create index if not exists events_of_a_leg on events (leg_id);
"""
DELIVERY = "select id, status, started_at, finished_at, webhook, attempts from deliveries"


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """A Call Control Application: where the webhooks of its calls go. `settings` are the other
    fields of the platform's object, as they were given."""

    id: str
    application_name: str
    webhook_event_url: str | None
    webhook_event_failover_url: str | None = None
    created_at: str = ""
    updated_at: str = ""
    settings: JsonObject = {}

    def routing(self) -> Routing:
        urls = (self.webhook_event_url, self.webhook_event_failover_url)
        timeout_s = self.settings.get("webhook_timeout_secs")
        return Routing(
            tuple(url for url in urls if url),
            timeout_s=float(timeout_s) if isinstance(timeout_s, int) else None,
            tags=tuple(str(tag) for tag in as_list(self.settings.get("tags")) or ()),
            tells_cost=self.settings.get("call_cost_in_webhooks") is True,
            tells_attestation=self._of_calls("inbound").get("shaken_stir_enabled") is True,
            api_version="1" if self.settings.get("webhook_api_version") == "1" else "2",
        )

    @property
    def region(self) -> str | None:
        """Where its calls are; None is anywhere."""
        return region_of(str(self.settings.get("anchorsite_override")))

    @property
    def is_active(self) -> bool:
        return self.settings.get("active") is not False

    def channel_limit(self, direction: Literal["inbound", "outbound"]) -> float:
        """Calls at once."""
        limit = self._of_calls(direction).get("channel_limit")
        return limit if isinstance(limit, int) else float("inf")

    def _of_calls(self, direction: Literal["inbound", "outbound"]) -> JsonObject:
        """The settings of one direction."""
        return as_object(self.settings.get(direction)) or {}

    def command_within_s(self) -> float:
        """How long a call may come in before a command for it."""
        seconds = self.settings.get("first_command_timeout_secs", 30)
        wanted = self.settings.get("first_command_timeout") is True
        return float(seconds) if wanted and isinstance(seconds, int) else float("inf")


class Page(msgspec.Struct, frozen=True):
    """Some of a list; `number` counts from 1."""

    items: list[JsonObject]
    number: int
    size: int
    total: int


class Store:
    """Raises CallbridgeError for a file that is no database of this carrier."""

    def __init__(self, file: Path | None = None) -> None:
        try:
            # A test that runs in a thread may leave its carrier to the collector of another one.
            self._db = sqlite3.connect(
                file or ":memory:", isolation_level=None, check_same_thread=False
            )
            weakref.finalize(self, self._db.close)  # Python 3.13 warns of one that is left open
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = normal")
            self._db.executescript(TABLES)
            self.recorded = RecordingStore(self._db)
            self.other_products = OtherProductStore(self._db)
        except sqlite3.Error as error:
            raise CallbridgeError(f"{file} cannot be used by the carrier: {error}") from None

    def close(self) -> None:
        self._db.close()

    # ---- applications -------------------------------------------------------------------------

    def application(self, id: str) -> Application | None:
        row = self._db.execute("select body from applications where id = ?", (id,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Application)

    def applications(self) -> list[Application]:
        """In the order in which they were made."""
        rows = self._db.execute("select body from applications order by rowid")
        return [msgspec.json.decode(body, type=Application) for (body,) in rows]

    def keep_application(self, application: Application) -> None:
        """New, or in the place of the one of its id."""
        self._db.execute(
            "insert into applications values (?, ?) "
            "on conflict (id) do update set body = excluded.body",
            (application.id, msgspec.json.encode(application)),
        )

    def drop_application(self, id: str) -> None:
        self._db.execute("delete from applications where id = ?", (id,))

    # ---- what happened ------------------------------------------------------------------------

    def webhook(self, leg: Identity, event: JsonObject, at: str) -> None:
        self._event(leg, "webhook", event["event_type"], at, event["payload"])

    def command(self, leg: Identity, name: str, at: str, fields: JsonObject) -> None:
        self._event(leg, "command", name, at, fields)

    def _event(self, leg: Identity, type: str, name: object, at: object, body: object) -> None:
        added = self._db.execute(
            "insert into events values (null, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                leg.connection_id,
                leg.call_session_id,
                leg.call_leg_id,
                leg.from_,
                leg.to,
                type,
                name,
                at,
                msgspec.json.encode(body),
            ),
        )
        self._db.execute(
            "delete from events where number <= ?", ((added.lastrowid or 0) - KEPT_EVENTS,)
        )

    def events(self, wanted: Mapping[str, str], *, number: int, size: int) -> Page:
        """The newest first. `wanted` gives columns their value, with a comparison behind a colon
        where it is not equality: `at:gte`."""
        where, values = _conditions(wanted)
        [total] = self._db.execute(f"select count(*) from events where {where}", values).fetchone()
        rows = self._db.execute(
            "select session_id, leg_id, type, name, at, body from events "
            f"where {where} order by number desc limit ? offset ?",
            [*values, size, min((number - 1) * size, LARGEST)],
        )
        items: list[JsonObject] = [
            {
                "record_type": "call_event",
                "call_session_id": session,
                "call_leg_id": leg,
                "type": type,
                "name": name,
                "event_timestamp": at,
                "metadata": msgspec.json.decode(body),
            }
            for session, leg, type, name, at, body in rows
        ]
        return Page(items, number, size, total)

    # ---- how webhooks were delivered ----------------------------------------------------------

    def attempt(self, event: JsonObject, attempt: JsonObject, *, last: bool) -> None:
        before = self._db.execute(
            "select attempts from deliveries where id = ?", (event["id"],)
        ).fetchone()
        attempts = msgspec.json.decode(before[0], type=list[object]) if before else []
        finished_at = attempt["finished_at"] if last else None
        added = self._db.execute(
            "insert into deliveries values (null, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do update "
            "set status = excluded.status, finished_at = excluded.finished_at, "
            "attempts = excluded.attempts",
            (
                event["id"],
                attempt["status"],
                event["event_type"],
                attempt["started_at"],
                finished_at,
                msgspec.json.encode(event),
                msgspec.json.encode([*attempts, attempt]),
            ),
        )
        self._db.execute(
            "delete from deliveries where number <= ?", ((added.lastrowid or 0) - KEPT_DELIVERIES,)
        )

    def delivery(self, id: str) -> JsonObject | None:
        row = self._db.execute(f"{DELIVERY} where id = ?", (id,)).fetchone()
        return None if row is None else _delivery(row)

    def deliveries(self, wanted: Mapping[str, str], *, number: int, size: int) -> Page:
        """The newest first; `wanted` as for `events`, with `has` for what contains a text."""
        where, values = _conditions(wanted)
        [total] = self._db.execute(
            f"select count(*) from deliveries where {where}", values
        ).fetchone()
        rows = self._db.execute(
            f"{DELIVERY} where {where} order by number desc limit ? offset ?",
            [*values, size, min((number - 1) * size, LARGEST)],
        )
        return Page([_delivery(row) for row in rows], number, size, total)

    # ---- recordings ---------------------------------------------------------------------------

    def keep_recording(self, call_control_id: str, body: JsonObject) -> None:
        """What is left of a finished call, for as long as it is not among the oldest."""
        added = self._db.execute(
            "insert or replace into recordings values (null, ?, ?)",
            (call_control_id, msgspec.json.encode(body)),
        )
        self._db.execute(
            "delete from recordings where number <= ?", ((added.lastrowid or 0) - KEPT_RECORDINGS,)
        )

    def recording(self, call_control_id: str) -> JsonObject | None:
        row = self._db.execute(
            "select body from recordings where call_control_id = ?", (call_control_id,)
        ).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=dict[str, object])


def page_of(items: list[JsonObject], *, number: int, size: int) -> Page:
    """Of a list that is all here."""
    first = (number - 1) * size
    return Page(items[first : first + size], number, size, len(items))


def _conditions(wanted: Mapping[str, str]) -> tuple[str, list[str]]:
    """What stands behind `where`, and the values in it."""
    where = "true"
    for name in wanted:
        column, _, comparison = name.partition(":")
        if comparison == "has":
            where += f' and instr("{column}", ?)'
        else:
            where += f' and "{column}" {COMPARISONS[comparison or "eq"]} ?'
    return where, list(wanted.values())


def _delivery(row: tuple[str, str, str, str | None, bytes, bytes]) -> JsonObject:
    id, status, started_at, finished_at, webhook, attempts = row
    return {
        "record_type": "webhook_delivery",
        "id": id,
        "status": status,
        "started_at": started_at,
        "finished_at": finished_at,
        "webhook": msgspec.json.decode(webhook),
        "attempts": msgspec.json.decode(attempts),
    }
