"""Recordings of calls while they go on: started, held, and ended."""

import re
from dataclasses import dataclass
from typing import Literal

from callbridge.carrier.api.operation import CarrierMeans, LegCommand
from callbridge.carrier.api.problems import refused
from callbridge.carrier.core.effects import RecordingFormat
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.parts.recording import (
    RecordingChannels,
    RecordingParams,
    RecordingPart,
    RecordingTrack,
)
from callbridge.carrier.shapes import JsonObject

Trim = Literal["trim-silence"]
# Letters, digits, spaces and -_. : no path, nothing that a header or a file system reads otherwise.
FILE_NAME = re.compile(r"[\w-][\w .-]*")
MOST_AT_ONCE = 10  # on one leg; the platform gives no number


def possible(params: RecordingParams, means: CarrierMeans, prefix: str = "") -> RecordingParams:
    """`prefix` is that of the parameters' names. Raises Refused for what this carrier cannot do."""
    if params.file_name is not None and not FILE_NAME.fullmatch(params.file_name):
        detail = "a file name is made of letters, digits and -_. with spaces between"
        raise refused("10027", detail, f"/{prefix}custom_file_name")
    if params.format == "mp3" and not means.recordings.mp3:
        detail = "this local carrier writes no mp3: install callbridge[audio] and restart it"
        raise refused("90000", detail, f"/{prefix}format")
    return params


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What a command that begins or joins a leg says of its recording."""

    record: Literal["record-from-answer"] | None = None
    record_channels: RecordingChannels = "dual"
    record_custom_file_name: str | None = None
    record_format: RecordingFormat = "mp3"
    record_max_length: int = 0
    record_timeout_secs: int = 0
    record_track: RecordingTrack = "both"
    record_trim: Trim | None = None

    def recording(self, means: CarrierMeans) -> RecordingParams | None:
        """None without `record`. Raises Refused."""
        if self.record is None:
            return None
        params = RecordingParams(
            format=self.record_format,
            channels=self.record_channels,
            initiated_by="OutboundAPI",
            track=self.record_track,
            max_length_s=self.record_max_length,
            silence_s=self.record_timeout_secs,
            trim=self.record_trim is not None,
            file_name=self.record_custom_file_name,
        )
        return possible(params, means, "record_")


@dataclass(frozen=True, kw_only=True)
class StartRecording(LegCommand, operation_id="calls.actions.start_recording"):
    channels: RecordingChannels
    format: RecordingFormat
    custom_file_name: str | None = None
    max_length: int = 0
    play_beep: bool = False
    recording_track: RecordingTrack = "both"
    timeout_secs: int = 0
    transcription: bool = False
    transcription_language: str = "en-US"
    trim: Trim | None = None

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> JsonObject:
        if len(means.recordings.of(leg)) >= MOST_AT_ONCE:
            raise refused("90102", f"{MOST_AT_ONCE} recordings of this call go on already")
        if self.transcription:
            self._check_transcription(means)
        params = RecordingParams(
            format=self.format,
            channels=self.channels,
            initiated_by="StartCallRecordingAPI",
            track=self.recording_track,
            beep=self.play_beep,
            max_length_s=self.max_length,
            silence_s=self.timeout_secs,
            trim=self.trim is not None,
            file_name=self.custom_file_name,
            transcribe=self.transcription,
        )
        # Not in the documents; without it nobody could name one of several recordings.
        return {"recording_id": means.recordings.start(leg, possible(params, means))}

    def _check_transcription(self, means: CarrierMeans) -> None:
        if not means.exchange.converses:
            detail = "this local carrier cannot listen: install callbridge[speech] and restart it"
            raise refused("10027", detail, "/transcription")
        language = self.transcription_language.lower()
        if language != "auto" and language.partition("-")[0] != "en":
            detail = "this local carrier understands English alone"
            raise refused("10027", detail, "/transcription_language")


@dataclass(frozen=True, kw_only=True)
class OneOrAllRecordings:
    """What a command says of the recording that it is about."""

    recording_id: str | None = None

    def meant(self, leg: CarrierLeg, means: CarrierMeans) -> list[RecordingPart]:
        """All of the leg where none is named. Raises Refused when there is none."""
        going_on = means.recordings.of(leg)
        meant = [each for each in going_on if self.recording_id in (None, each.recording_id)]
        if not meant:
            raise refused("10005", "this call has no such recording under way", "/recording_id",
                          status=404)  # fmt: skip
        return meant


@dataclass(frozen=True, kw_only=True)
class StopRecording(OneOrAllRecordings, LegCommand, operation_id="calls.actions.stop_recording"):
    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        for recording in self.meant(leg, means):
            recording.stop()


@dataclass(frozen=True, kw_only=True)
class PauseRecording(OneOrAllRecordings, LegCommand, operation_id="calls.actions.pause_recording"):
    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        for recording in self.meant(leg, means):
            recording.paused = True


@dataclass(frozen=True, kw_only=True)
class ResumeRecording(
    OneOrAllRecordings, LegCommand, operation_id="calls.actions.resume_recording"
):
    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        for recording in self.meant(leg, means):
            recording.paused = False
