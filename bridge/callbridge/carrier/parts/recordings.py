"""The recordings of all calls: who is recorded, what the shell has to save, and what was saved."""

import msgspec

from callbridge.carrier.core.effects import DropRecordingFile, SaveRecording, WriteRecording
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.core.links import DownloadLinks, RecordingServer
from callbridge.carrier.parts.recording import (
    RecordedSound,
    RecordingOwner,
    RecordingParams,
    RecordingPart,
)
from callbridge.carrier.store.recordings import RecordingStore, RecordingText, SavedRecording

FAILED = "Internal server error"  # the platform's words for what is nobody's fault but its own


class _Saving(msgspec.Struct, frozen=True, eq=False):
    recording: SavedRecording
    owner: RecordingOwner
    transcribe: bool


class CarrierRecordings:
    def __init__(self, exchange: Exchange, store: RecordingStore, server: RecordingServer) -> None:
        self._exchange, self._store = exchange, store
        self.mp3 = server.mp3
        self._links = DownloadLinks(server, exchange.config.api_key)
        self._saving: dict[str, _Saving] = {}
        self._transcribing: dict[str, tuple[RecordingText, RecordingOwner]] = {}

    # ---- on legs ------------------------------------------------------------------------------

    def start(self, leg: CarrierLeg, params: RecordingParams) -> str:
        """At once, or when the leg is answered. Returns its id."""
        recording_id = self._exchange.new_uuid()
        leg.add(RecordingPart(leg, self._exchange, self, recording_id, params))
        return recording_id

    def of(self, leg: CarrierLeg) -> list[RecordingPart]:
        """Those that go on, or will from the answer on."""
        return [part for part in leg.parts if isinstance(part, RecordingPart)]

    # ---- for parts ----------------------------------------------------------------------------

    def write(self, recording_id: str, frames: bytes) -> None:
        self._exchange.wish(WriteRecording(recording_id, frames))

    def save(
        self,
        recording: SavedRecording,
        sound: RecordedSound,
        owner: RecordingOwner,
        *,
        transcribe: bool,
    ) -> None:
        """`owner` is told what becomes of it."""
        sound.flush()
        begin, end = sound.kept
        where = self._store.storage.get(recording.connection_id)
        self._saving[recording.id] = _Saving(recording, owner, transcribe)
        self._exchange.wish(
            SaveRecording(
                recording_id=recording.id,
                file_name=recording.file_name,
                format=recording.format,
                channels=2 if recording.channels == "dual" else 1,
                sample_rate=sound.sample_rate,
                begin=begin,
                end=end,
                transcribe=transcribe,
                storage=where.storage if where is not None else None,
            )
        )

    # ---- what the shell answers ---------------------------------------------------------------

    def saved(self, recording_id: str, location: str) -> None:
        saving = self._saving.pop(recording_id)
        now = self._exchange.timestamp()
        recording = msgspec.structs.replace(saving.recording, created_at=now, location=location)
        self._store.recordings.keep(recording_id, recording)
        if saving.transcribe:
            text = RecordingText(
                id=self._exchange.new_uuid(),
                recording_id=recording_id,
                duration_millis=recording.duration_millis,
                created_at=now,
                updated_at=now,
            )
            self._store.texts.keep(text.id, text)
            self._transcribing[recording_id] = text, saving.owner
        saving.owner.recording_saved(recording, self.url(recording))

    def failed(self, recording_id: str, reason: str) -> None:
        self._saving.pop(recording_id).owner.recording_failed(reason)

    def transcribed(self, recording_id: str, said: str | None) -> None:
        """None when it could not be."""
        text, owner = self._transcribing.pop(recording_id)
        if said is None:
            self._store.texts.drop(text.id)
            owner.recording_failed(FAILED)
            return
        now = self._exchange.timestamp()
        text = msgspec.structs.replace(text, status="completed", text=said, updated_at=now)
        self._store.texts.keep(text.id, text)
        owner.recording_transcribed(text)

    # ---- what was saved -----------------------------------------------------------------------

    def url(self, recording: SavedRecording) -> str:
        """Where it is downloaded, for ten minutes; or its address in the customer's storage."""
        if recording.location:
            return recording.location
        return self._links.link(recording.id, recording.file_name, self._exchange.unix_time)

    def delete(self, recording: SavedRecording) -> None:
        self._store.recordings.drop(recording.id)
        if not recording.location:
            self._exchange.wish(DropRecordingFile(recording.id, recording.format))

    def asked_for(
        self, recording_id: str, file_name: str, expires: str, signature: str
    ) -> SavedRecording | None:
        """The recording that a link leads to; None for a link that is not good, or not any more."""
        now = self._exchange.unix_time
        if not self._links.is_good(recording_id, file_name, expires, signature, now):
            return None
        return self._store.recordings.get(recording_id)
