"""A table of structs by their ids."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

Kept = TypeVar("Kept", bound=msgspec.Struct)

COMPARISONS = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
LARGEST = 2**63 - 1  # of SQLite's integers


class Shelf(Generic[Kept]):
    """Structs as JSON in the order in which they came; what they are found by is read out of it,
    which takes 4 us a row where it is not `indexed`."""

    def __init__(
        self, db: sqlite3.Connection, table: str, kind: type[Kept], *, indexed: Sequence[str] = ()
    ) -> None:
        self._db, self._table, self._kind = db, table, kind
        db.execute(
            f"create table if not exists {table} "
            "(number integer primary key, id text unique not null, body text not null)"
        )
        for field in indexed:
            db.execute(
                f"create index if not exists {table}_by_{field} on {table} ({_read_out(field)})"
            )

    def keep(self, id: str, item: Kept) -> None:
        """New, or in the place of the one of its id."""
        self._db.execute(
            f"insert into {self._table} values (null, ?, ?) "
            "on conflict (id) do update set body = excluded.body",
            (id, msgspec.json.encode(item).decode()),  # SQLite's JSON is text
        )

    def get(self, id: str) -> Kept | None:
        sql = f"select body from {self._table} where id = ?"
        row = self._db.execute(sql, (id,)).fetchone()
        return None if row is None else self._read(row[0])

    def drop(self, id: str) -> None:
        self._db.execute(f"delete from {self._table} where id = ?", (id,))

    def keep_newest(self, count: int) -> None:
        newest = f"(select max(number) from {self._table})"
        self._db.execute(f"delete from {self._table} where number <= {newest} - ?", (count,))

    def find(
        self, wanted: Mapping[str, str], *, number: int = 1, size: int = LARGEST
    ) -> tuple[list[Kept], int]:
        """One page, the newest first, and how many there are in all. `wanted` gives fields their
        value, with a comparison behind a colon where it is not equality: `created_at:gte`."""
        where = "true"
        for name in wanted:
            field, _, comparison = name.partition(":")
            where += f" and {_read_out(field)} {COMPARISONS[comparison or 'eq']} ?"
        values = list(wanted.values())
        sql = f"from {self._table} where {where}"
        [total] = self._db.execute(f"select count(*) {sql}", values).fetchone()
        offset = min((number - 1) * size, LARGEST)
        rows = self._db.execute(
            f"select body {sql} order by number desc limit ? offset ?", [*values, size, offset]
        )
        return [self._read(body) for (body,) in rows], total

    def _read(self, body: str) -> Kept:
        return msgspec.json.decode(body, type=self._kind)


def _read_out(field: str) -> str:
    """In SQL; an index is used for what is written in the same way."""
    return f"json_extract(body, '$.{field}')"
