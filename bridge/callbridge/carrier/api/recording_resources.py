"""Recordings that are over, and the texts of them: lists, single ones, and their deletion."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from callbridge.carrier.api.operation import AccountOperation, CarrierMeans
from callbridge.carrier.api.problems import Refused, refused
from callbridge.carrier.shapes import JsonObject, as_object
from callbridge.carrier.store.recordings import RecordingText, SavedRecording
from callbridge.carrier.store.shelf import COMPARISONS
from callbridge.carrier.store.store import Page

RECORDING_FIELDS = {
    "call_control_id": "call_control_id",
    "call_leg_id": "call_leg_id",
    "call_session_id": "call_session_id",
    "conference_id": "conference_id",
    "connection_id": "connection_id",
    "created_at": "created_at",
    "end_time": "ended_at",
    "from": "from_",
    "start_time": "started_at",
    "to": "to",
}
TEXT_FIELDS = {"created_at": "created_at", "recording_id": "recording_id"}


def wanted(filter: JsonObject, fields: Mapping[str, str]) -> dict[str, str]:
    """What a filter asks for, as shelves find it. Raises Refused."""
    return dict(_comparisons(filter, fields))


def _comparisons(filter: JsonObject, fields: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in filter.items():
        if name not in fields:
            raise refused("10027", f"this local carrier does not filter by {name[:100]}", "/filter")
        bounds = as_object(value)
        if bounds is None:
            yield fields[name], str(value)
            continue
        for comparison, bound in bounds.items():
            if comparison not in COMPARISONS:
                raise refused("10032", f"compare with {', '.join(COMPARISONS)}", "/filter")
            yield f"{fields[name]}:{comparison}", str(bound)


# ---- recordings ---------------------------------------------------------------------------------


def shown(recording: SavedRecording, means: CarrierMeans) -> JsonObject:
    return {
        "record_type": "recording",
        "id": recording.id,
        "call_control_id": recording.call_control_id,
        "call_leg_id": recording.call_leg_id,
        "call_session_id": recording.call_session_id,
        "channels": recording.channels,
        "conference_id": recording.conference_id,
        "connection_id": recording.connection_id,
        "created_at": recording.created_at,
        "download_urls": {recording.format: means.recordings.url(recording)},
        "duration_millis": recording.duration_millis,
        "from": recording.from_,
        "initiated_by": recording.initiated_by,
        "recording_ended_at": recording.ended_at,
        "recording_started_at": recording.started_at,
        "source": recording.source,
        "status": "completed",
        "to": recording.to,
        "updated_at": recording.created_at,
    }


def unknown(id: str) -> Refused:
    return refused("10005", f"no recording {id[:100]!r}", "/recording_id", status=404)


def found(id: str, means: CarrierMeans) -> SavedRecording:
    recording = means.store.recorded.recordings.get(id)
    if recording is None:
        raise unknown(id)
    return recording


@dataclass(frozen=True, kw_only=True)
class ListRecordings(AccountOperation, operation_id="recordings.list"):
    """The newest first."""

    filter: JsonObject = field(default_factory=dict[str, object])
    page_number: int = 1
    page_size: int = 20

    def act(self, means: CarrierMeans) -> Page:
        recordings, total = means.store.recorded.recordings.find(
            wanted(self.filter, RECORDING_FIELDS), number=self.page_number, size=self.page_size
        )
        items = [shown(each, means) for each in recordings]
        return Page(items, self.page_number, self.page_size, total)


@dataclass(frozen=True, kw_only=True)
class RetrieveRecording(AccountOperation, operation_id="recordings.retrieve"):
    recording_id: str

    def act(self, means: CarrierMeans) -> JsonObject:
        return shown(found(self.recording_id, means), means)


@dataclass(frozen=True, kw_only=True)
class DeleteRecording(AccountOperation, operation_id="recordings.delete"):
    recording_id: str

    def act(self, means: CarrierMeans) -> JsonObject:
        recording = found(self.recording_id, means)
        means.recordings.delete(recording)
        return shown(recording, means)


@dataclass(frozen=True, kw_only=True)
class DeleteRecordings(AccountOperation, operation_id="recordings.actions.delete"):
    """All of them or, if one is unknown, none."""

    ids: list[str]

    def act(self, means: CarrierMeans) -> JsonObject:
        for recording in [found(id, means) for id in dict.fromkeys(self.ids)]:
            means.recordings.delete(recording)
        return {"status": "ok"}


# ---- texts --------------------------------------------------------------------------------------


def shown_text(text: RecordingText) -> JsonObject:
    return {
        "record_type": "recording_transcription",
        "id": text.id,
        "created_at": text.created_at,
        "duration_millis": text.duration_millis,
        "recording_id": text.recording_id,
        "status": text.status,
        "transcription_text": text.text,
        "updated_at": text.updated_at,
    }


def found_text(id: str, means: CarrierMeans, recording_id: str | None = None) -> RecordingText:
    """Of that recording, where one is named."""
    text = means.store.recorded.texts.get(id)
    if text is None or recording_id not in (None, text.recording_id):
        raise refused("10005", f"no transcription {id[:100]!r}", status=404)
    return text


def deleted_text(text: RecordingText, means: CarrierMeans) -> JsonObject:
    """Raises Refused for one that is still being written."""
    if text.status == "in-progress":
        raise refused("10027", "this transcription is still being made")
    means.store.recorded.texts.drop(text.id)
    return shown_text(text)


@dataclass(frozen=True, kw_only=True)
class ListTexts(AccountOperation, operation_id="recording_transcriptions.list"):
    """The newest first."""

    filter: JsonObject = field(default_factory=dict[str, object])
    page_number: int = 1
    page_size: int = 20

    def act(self, means: CarrierMeans) -> Page:
        texts, total = means.store.recorded.texts.find(
            wanted(self.filter, TEXT_FIELDS), number=self.page_number, size=self.page_size
        )
        items = [shown_text(each) for each in texts]
        return Page(items, self.page_number, self.page_size, total)


@dataclass(frozen=True, kw_only=True)
class RetrieveText(AccountOperation, operation_id="recording_transcriptions.retrieve"):
    recording_transcription_id: str

    def act(self, means: CarrierMeans) -> JsonObject:
        return shown_text(found_text(self.recording_transcription_id, means))


@dataclass(frozen=True, kw_only=True)
class DeleteText(AccountOperation, operation_id="recording_transcriptions.delete"):
    recording_transcription_id: str

    def act(self, means: CarrierMeans) -> JsonObject:
        return deleted_text(found_text(self.recording_transcription_id, means), means)


# ---- the same texts at the other path that the documents give -----------------------------------


@dataclass(frozen=True, kw_only=True)
class ListTextsOfRecording(AccountOperation, operation_id="recordings.transcriptions.list"):
    recording_id: str

    def act(self, means: CarrierMeans) -> Page:
        """All on one page: the documents give no parameters for others."""
        found(self.recording_id, means)
        texts, total = means.store.recorded.texts.find({"recording_id": self.recording_id})
        return Page([shown_text(each) for each in texts], 1, max(total, 1), total)


@dataclass(frozen=True, kw_only=True)
class RetrieveTextOfRecording(AccountOperation, operation_id="recordings.transcriptions.retrieve"):
    recording_id: str
    id: str

    def act(self, means: CarrierMeans) -> JsonObject:
        return shown_text(found_text(self.id, means, self.recording_id))


@dataclass(frozen=True, kw_only=True)
class DeleteTextOfRecording(AccountOperation, operation_id="recordings.transcriptions.delete"):
    recording_id: str
    id: str

    def act(self, means: CarrierMeans) -> JsonObject:
        return deleted_text(found_text(self.id, means, self.recording_id), means)
