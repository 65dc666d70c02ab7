"""What stubs of other products keep: what was asked for, and the numbers that were ordered."""

import sqlite3

import msgspec

from callbridge.carrier.shapes import JsonObject
from callbridge.carrier.store.shelf import Shelf

KEPT_ASKED = 1000


class AskedOfStub(msgspec.Struct, frozen=True):
    """One request; `operation` is named as in the SDK."""

    id: str
    operation: str
    asked_at: str
    given: JsonObject


class OrderedNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A number of the customer's."""

    id: str
    phone_number: str
    created_at: str
    connection_id: str | None = None
    messaging_profile_id: str | None = None
    customer_reference: str | None = None


class OtherProductStore:
    """`numbers` are by the number itself."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.asked = Shelf(db, "asked", AskedOfStub)
        self.numbers = Shelf(db, "ordered_numbers", OrderedNumber)

    def note(self, asked: AskedOfStub) -> None:
        self.asked.keep(asked.id, asked)
        self.asked.keep_newest(KEPT_ASKED)
