"""What lasts of recordings: the recordings themselves, their texts, and where they are to go."""

import sqlite3
from typing import Literal

import msgspec

from callbridge.carrier.core.effects import RecordingFormat
from callbridge.carrier.core.storage import Storage
from callbridge.carrier.store.shelf import Shelf


class SavedRecording(msgspec.Struct, frozen=True, kw_only=True):
    """A recording of a call or a conference. `location` is its address in the customer's own
    storage; without one the carrier has the file."""

    id: str
    file_name: str
    format: RecordingFormat
    channels: Literal["single", "dual"]
    source: Literal["call", "conference"]
    initiated_by: str  # in the platform's words: StartCallRecordingAPI
    started_at: str
    ended_at: str
    duration_millis: int
    connection_id: str
    created_at: str = ""
    call_control_id: str | None = None
    call_leg_id: str | None = None
    call_session_id: str | None = None
    conference_id: str | None = None
    from_: str | None = None
    to: str | None = None
    location: str = ""


class RecordingText(msgspec.Struct, frozen=True, kw_only=True):
    """What is said in a recording."""

    id: str
    recording_id: str
    duration_millis: int
    created_at: str
    updated_at: str
    status: Literal["in-progress", "completed"] = "in-progress"
    text: str = ""


class StorageOfConnection(msgspec.Struct, frozen=True):
    connection_id: str
    storage: Storage


class RecordingStore:
    def __init__(self, db: sqlite3.Connection) -> None:
        self.recordings = Shelf(
            db,
            "saved_recordings",
            SavedRecording,
            indexed=("call_control_id", "call_leg_id", "call_session_id", "conference_id"),
        )
        self.texts = Shelf(db, "recording_texts", RecordingText, indexed=("recording_id", "status"))
        self.storage = Shelf(db, "recording_storage", StorageOfConnection)
        unfinished, _ = self.texts.find({"status": "in-progress"})
        for text in unfinished:  # the carrier that was at it has ended
            self.texts.drop(text.id)
