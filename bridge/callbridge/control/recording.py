"""Commands that record a call."""

from typing import Literal

import msgspec

from callbridge.control.commands import Command
from callbridge.control.lists import Listing

AudioFileFormat = Literal["wav", "mp3"]
AudioFileChannels = Literal["single", "dual"]


class RecordStart(Command, frozen=True, kw_only=True):
    """Record an answered call; `call.recording.saved` tells of the file.

    `dual` has each side in a channel of its own. `timeout_secs` of silence end it, counted from the
    first word on; 0, as None, is never."""

    path = "/calls/{call_control_id}/actions/record_start"

    call_control_id: str
    format: AudioFileFormat = "mp3"
    channels: AudioFileChannels = "dual"
    recording_track: Literal["both", "inbound", "outbound"] | None = None
    play_beep: bool | None = None
    max_length: int | None = None  # s, up to 14,400; 0, as None, is no limit
    timeout_secs: int | None = None
    trim: Literal["trim-silence"] | None = None
    custom_file_name: str | None = None  # 1 to 40 characters
    transcription: bool | None = None
    transcription_engine: Literal["A", "B", "deepgram/nova-3"] | None = None
    transcription_language: str | None = None  # as en-US


class RecordStop(Command, frozen=True, kw_only=True):
    """End a recording: the one of this id, or all of the call."""

    path = "/calls/{call_control_id}/actions/record_stop"

    call_control_id: str
    recording_id: str | None = None


class RecordPause(Command, frozen=True, kw_only=True):
    """What is said until it is resumed is not in the file: the number of a card, say."""

    path = "/calls/{call_control_id}/actions/record_pause"

    call_control_id: str
    recording_id: str | None = None


class RecordResume(Command, frozen=True, kw_only=True):
    """Go on with a recording that was paused."""

    path = "/calls/{call_control_id}/actions/record_resume"

    call_control_id: str
    recording_id: str | None = None


class RecordingsList(Listing, frozen=True, kw_only=True):
    """What was saved of a call, the newest first: `download_urls`, `duration_millis`."""

    path = "/recordings"

    call_control_id: str = msgspec.field(name="filter[call_control_id]")
