"""What happens in a conference, as those who listen are told."""

from msgspec import Struct


class ParticipantJoined(Struct, frozen=True):
    call_control_id: str


class ParticipantLeft(Struct, frozen=True):
    call_control_id: str


class FloorChanged(Struct, frozen=True):
    """Who speaks now."""

    call_control_id: str


class ConferenceEnded(Struct, frozen=True):
    """The last event. `reason`: all_left, host_left, time_exceeded; empty if it was not said."""

    reason: str


class ConferenceRecorded(Struct, frozen=True):
    """A recording has been saved; `urls` by format."""

    recording_id: str
    urls: dict[str, str]


ConferenceEvent = (
    ParticipantJoined | ParticipantLeft | FloorChanged | ConferenceEnded | ConferenceRecorded
)
