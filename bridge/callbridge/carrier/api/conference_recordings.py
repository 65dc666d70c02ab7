"""Commands that record a conference."""

from dataclasses import dataclass

from callbridge.carrier.api.conference_actions import Once
from callbridge.carrier.api.operation import CarrierMeans
from callbridge.carrier.api.problems import refused
from callbridge.carrier.api.recordings import MOST_AT_ONCE, Trim, possible
from callbridge.carrier.conferences.conference import CarrierConference
from callbridge.carrier.conferences.recording import ConferenceRecording
from callbridge.carrier.core.effects import RecordingFormat
from callbridge.carrier.parts.recording import RecordingChannels, RecordingParams
from callbridge.carrier.shapes import JsonObject


@dataclass(frozen=True, kw_only=True)
class StartConferenceRecording(Once, operation_id="conferences.actions.record_start"):
    format: RecordingFormat
    channels: RecordingChannels = "single"
    custom_file_name: str | None = None
    play_beep: bool = False
    trim: Trim | None = None

    def carry_out(self, conference: CarrierConference, means: CarrierMeans) -> JsonObject:
        if len(conference.recordings) >= MOST_AT_ONCE:
            raise refused("90102", f"{MOST_AT_ONCE} recordings of this conference go on already")
        params = RecordingParams(
            format=self.format,
            channels=self.channels,
            initiated_by="StartConferenceRecordingAPI",
            track="both" if self.channels == "dual" else "inbound",
            beep=self.play_beep,
            trim=self.trim is not None,
            file_name=self.custom_file_name,
        )
        # Not in the documents; without it nobody could name one of several recordings.
        return {"recording_id": conference.record(possible(params, means), means.recordings)}


@dataclass(frozen=True, kw_only=True)
class OneOrAllConferenceRecordings(Once):
    """For the recording that is named, or for all of the conference."""

    recording_id: str | None = None

    def meant(self, conference: CarrierConference) -> list[ConferenceRecording]:
        """Raises Refused when there is none."""
        going_on = conference.recordings.values()
        meant = [each for each in going_on if self.recording_id in (None, each.recording_id)]
        if not meant:
            raise refused("10005", "this conference has no such recording under way",
                          "/recording_id", status=404)  # fmt: skip
        return meant


@dataclass(frozen=True, kw_only=True)
class StopConferenceRecording(
    OneOrAllConferenceRecordings, operation_id="conferences.actions.record_stop"
):
    client_state: str | None = None

    def carry_out(self, conference: CarrierConference, means: CarrierMeans) -> None:
        meant = self.meant(conference)
        conference.owner.client_state = self.client_state or conference.owner.client_state
        for recording in meant:
            conference.stop_recording(recording.recording_id)


@dataclass(frozen=True, kw_only=True)
class PauseConferenceRecording(
    OneOrAllConferenceRecordings, operation_id="conferences.actions.record_pause"
):
    def carry_out(self, conference: CarrierConference, means: CarrierMeans) -> None:
        for recording in self.meant(conference):
            recording.paused = True


@dataclass(frozen=True, kw_only=True)
class ResumeConferenceRecording(
    OneOrAllConferenceRecordings, operation_id="conferences.actions.record_resume"
):
    def carry_out(self, conference: CarrierConference, means: CarrierMeans) -> None:
        for recording in self.meant(conference):
            recording.paused = False
