"""Commands of conferences and their participants.

In the fields `call_control_ids`, None or nobody is everybody."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from callbridge.control.commands import Command, ConferenceBeep, ConferenceRole
from callbridge.control.lists import Listing
from callbridge.control.recording import AudioFileChannels, AudioFileFormat

_UNKNOWN_THERE = frozenset({"command_id", "client_state"})
_STATELESS = frozenset({"client_state"})

PlatformRegion = Literal["Australia", "Europe", "Middle East", "US"]


class ConferenceCreate(Command, frozen=True, kw_only=True):
    """Make a conference of an answered call. Its `client_state` is that of the conference.

    Refused while there is one of the name (90033). It ends when the last one has left, and after 4
    hours."""

    path = "/conferences"

    call_control_id: str
    conference_name: str = msgspec.field(name="name")
    beep_enabled: ConferenceBeep | None = None
    comfort_noise: bool | None = None
    duration_minutes: int | None = None
    hold_audio_url: str | None = None  # what is heard until it starts
    hold_media_name: str | None = None
    max_participants: int | None = None  # 2 to 800; the platform's default is 250
    region: PlatformRegion | None = None
    start_conference_on_create: bool | None = None  # the platform's default is True


class ConferenceJoin(Command, frozen=True, kw_only=True):
    """Let an answered call join a conference; a queued one leaves its queue for it."""

    path = "/conferences/{conference_id}/actions/join"

    conference_id: str
    call_control_id: str
    mute: bool | None = None
    hold: bool | None = None
    hold_audio_url: str | None = None
    hold_media_name: str | None = None
    beep_enabled: ConferenceBeep | None = None
    start_conference_on_enter: bool | None = None
    end_conference_on_exit: bool | None = None
    soft_end_conference_on_exit: bool | None = None  # ... once nobody else of that kind is there
    supervisor_role: ConferenceRole | None = None
    whisper_call_control_ids: Sequence[str] | None = None  # who hears a whisperer
    region: PlatformRegion | None = None


class ConferenceLeave(Command, frozen=True, kw_only=True):
    """Take a call out of a conference; it goes on, and awaits commands."""

    path = "/conferences/{conference_id}/actions/leave"
    never_sent = _STATELESS

    conference_id: str
    call_control_id: str
    beep_enabled: ConferenceBeep | None = None


class ConferenceEnd(Command, frozen=True, kw_only=True):
    """End a conference: all leave it."""

    path = "/conferences/{conference_id}/actions/end"
    never_sent = _STATELESS

    conference_id: str


class ConferenceUpdate(Command, frozen=True, kw_only=True):
    """Change whom a participant hears and is heard by: the supervisor's roles."""

    path = "/conferences/{conference_id}/actions/update"
    never_sent = _STATELESS

    conference_id: str
    call_control_id: str
    supervisor_role: ConferenceRole
    whisper_call_control_ids: Sequence[str] | None = None


class ConferenceHold(Command, frozen=True, kw_only=True):
    """Let participants neither hear nor be heard; meanwhile they may hear a file, or silence."""

    path = "/conferences/{conference_id}/actions/hold"
    never_sent = _UNKNOWN_THERE

    conference_id: str
    call_control_ids: Sequence[str] | None = None
    audio_url: str | None = None
    media_name: str | None = None


class ConferenceUnhold(Command, frozen=True, kw_only=True):
    """Take participants off hold. Here they have to be named."""

    path = "/conferences/{conference_id}/actions/unhold"
    never_sent = _UNKNOWN_THERE

    conference_id: str
    call_control_ids: Sequence[str]


class ConferenceMute(Command, frozen=True, kw_only=True):
    """Let participants hear and not be heard."""

    path = "/conferences/{conference_id}/actions/mute"
    never_sent = _UNKNOWN_THERE

    conference_id: str
    call_control_ids: Sequence[str] | None = None


class ConferenceUnmute(Command, frozen=True, kw_only=True):
    """Let participants be heard again."""

    path = "/conferences/{conference_id}/actions/unmute"
    never_sent = _UNKNOWN_THERE

    conference_id: str
    call_control_ids: Sequence[str] | None = None


class ConferencePlay(Command, frozen=True, kw_only=True):
    """Play a file, by its URL or the name it was uploaded under, `loop` times or for ever."""

    path = "/conferences/{conference_id}/actions/play"
    never_sent = _UNKNOWN_THERE
    at_most_once = True

    conference_id: str
    audio_url: str | None = None
    media_name: str | None = None
    loop: int | Literal["infinity"] | None = None  # 1 to 100
    call_control_ids: Sequence[str] | None = None


class ConferenceStop(Command, frozen=True, kw_only=True):
    """Stop what is played or spoken to the conference, or to participants of it."""

    path = "/conferences/{conference_id}/actions/stop"
    never_sent = _UNKNOWN_THERE

    conference_id: str
    call_control_ids: Sequence[str] | None = None


class ConferenceSpeak(Command, frozen=True, kw_only=True):
    """Text of up to 3000 characters, spoken by the platform. `voice`: Provider.Model.VoiceId."""

    path = "/conferences/{conference_id}/actions/speak"
    never_sent = _STATELESS

    conference_id: str
    payload: str
    voice: str
    payload_type: Literal["text", "ssml"] | None = None
    language: str | None = None  # as en-US
    call_control_ids: Sequence[str] | None = None


class ConferenceSendDtmf(Command, frozen=True, kw_only=True):
    """`digits` as of `SendDtmf`, heard by participants."""

    path = "/conferences/{conference_id}/actions/send_dtmf"
    never_sent = frozenset({"command_id"})
    at_most_once = True

    conference_id: str
    digits: str
    duration_millis: int | None = None  # 100 to 500, else 250
    call_control_ids: Sequence[str] | None = None


class ConferenceRecordStart(Command, frozen=True, kw_only=True):
    """Record a conference; `conference.recording.saved` tells of the file."""

    path = "/conferences/{conference_id}/actions/record_start"
    never_sent = _STATELESS

    conference_id: str
    format: AudioFileFormat = "mp3"
    channels: AudioFileChannels | None = None
    play_beep: bool | None = None
    trim: Literal["trim-silence"] | None = None
    custom_file_name: str | None = None  # 1 to 40 characters


class ConferenceRecordStop(Command, frozen=True, kw_only=True):
    """End a recording: the one of this id, or that which goes on."""

    path = "/conferences/{conference_id}/actions/record_stop"

    conference_id: str
    recording_id: str | None = None


class ConferenceRecordPause(Command, frozen=True, kw_only=True):
    """What is said until it is resumed is not in the file."""

    path = "/conferences/{conference_id}/actions/record_pause"
    never_sent = _STATELESS

    conference_id: str
    recording_id: str | None = None


class ConferenceRecordResume(Command, frozen=True, kw_only=True):
    """Go on with a recording that was paused."""

    path = "/conferences/{conference_id}/actions/record_resume"
    never_sent = _STATELESS

    conference_id: str
    recording_id: str | None = None


# ---- asked ---------------------------------------------------------------------------------------


class ConferenceStatus(Command, frozen=True, kw_only=True):
    """Ask for a conference: its `name`, and `status`: init, in_progress or completed."""

    path = "/conferences/{conference_id}"
    method = "GET"
    never_sent = _UNKNOWN_THERE

    conference_id: str


class ConferencesList(Listing, frozen=True, kw_only=True):
    """The conferences of the account; those that expire last come first."""

    path = "/conferences"

    conference_name: str | None = msgspec.field(name="filter[name]", default=None)
    status: Literal["init", "in_progress", "completed"] | None = msgspec.field(
        name="filter[status]", default=None
    )


class ParticipantsList(Listing, frozen=True, kw_only=True):
    """Who is in a conference."""

    path = "/conferences/{conference_id}/participants"

    conference_id: str


class ParticipantUpdate(Command, frozen=True, kw_only=True):
    """Change what happens when a participant leaves; `participant_id` may be a label."""

    path = "/conferences/{conference_id}/participants/{participant_id}"
    method = "PATCH"
    never_sent = _UNKNOWN_THERE

    conference_id: str
    participant_id: str
    beep_enabled: ConferenceBeep | None = None
    end_conference_on_exit: bool | None = None
    soft_end_conference_on_exit: bool | None = None
