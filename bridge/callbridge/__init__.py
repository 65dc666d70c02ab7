"""Callbridge: an async media bridge for phone calls, and a phone company to try it against.

from callbridge import App, Call

app = App()

@app.call
async def echo(call: Call) -> None:
    async for pcm in call.audio():
        await call.write(pcm)
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from callbridge.app import App
    from callbridge.calls.beside import Handoff
    from callbridge.calls.call import Call
    from callbridge.calls.incoming import Ringing
    from callbridge.calls.recording import Recording
    from callbridge.calls.registry import Dialled
    from callbridge.errors import (
        AudioFileError,
        CallbridgeError,
        CallEnded,
        CallGone,
        CallReleased,
        CommandError,
        CommandRefused,
        ModelFailed,
        SettingsError,
        SpeechFailed,
        StreamLost,
    )
    from callbridge.handoff.conference import Conference
    from callbridge.handoff.events import (
        ConferenceEnded,
        ConferenceRecorded,
        FloorChanged,
        ParticipantJoined,
        ParticipantLeft,
    )
    from callbridge.handoff.participant import Participant
    from callbridge.handoff.queue import Queue
    from callbridge.outcomes import Gathered, Outcome, RecordingOutcome, Transferred
    from callbridge.speech.expecting import choice, digits
    from callbridge.speech.language import Language
    from callbridge.tape.events import PlatformTold, StreamError
    from callbridge.voice.relay_voice import RelaySettings
    from callbridge.voice.turn import HistoryItem, Message, Turn

__all__ = [
    "App",
    "AudioFileError",
    "Call",
    "CallEnded",
    "CallGone",
    "CallReleased",
    "CallbridgeError",
    "CommandError",
    "CommandRefused",
    "Conference",
    "ConferenceEnded",
    "ConferenceRecorded",
    "Dialled",
    "FloorChanged",
    "Gathered",
    "Handoff",
    "HistoryItem",
    "Language",
    "Message",
    "ModelFailed",
    "Outcome",
    "Participant",
    "ParticipantJoined",
    "ParticipantLeft",
    "PlatformTold",
    "Queue",
    "Recording",
    "RecordingOutcome",
    "RelaySettings",
    "Ringing",
    "SettingsError",
    "SpeechFailed",
    "StreamError",
    "StreamLost",
    "Transferred",
    "Turn",
    "choice",
    "digits",
]

_HOME = {
    "App": "callbridge.app",
    "AudioFileError": "callbridge.errors",
    "Call": "callbridge.calls.call",
    "CallEnded": "callbridge.errors",
    "CallGone": "callbridge.errors",
    "CallReleased": "callbridge.errors",
    "CallbridgeError": "callbridge.errors",
    "CommandError": "callbridge.errors",
    "CommandRefused": "callbridge.errors",
    "Conference": "callbridge.handoff.conference",
    "ConferenceEnded": "callbridge.handoff.events",
    "ConferenceRecorded": "callbridge.handoff.events",
    "Dialled": "callbridge.calls.registry",
    "FloorChanged": "callbridge.handoff.events",
    "Gathered": "callbridge.outcomes",
    "Handoff": "callbridge.calls.beside",
    "HistoryItem": "callbridge.voice.turn",
    "Language": "callbridge.speech.language",
    "Message": "callbridge.voice.turn",
    "ModelFailed": "callbridge.errors",
    "Outcome": "callbridge.outcomes",
    "PlatformTold": "callbridge.tape.events",
    "Recording": "callbridge.calls.recording",
    "RecordingOutcome": "callbridge.outcomes",
    "Participant": "callbridge.handoff.participant",
    "ParticipantJoined": "callbridge.handoff.events",
    "ParticipantLeft": "callbridge.handoff.events",
    "Queue": "callbridge.handoff.queue",
    "RelaySettings": "callbridge.voice.relay_voice",
    "Ringing": "callbridge.calls.incoming",
    "SettingsError": "callbridge.errors",
    "SpeechFailed": "callbridge.errors",
    "StreamError": "callbridge.tape.events",
    "StreamLost": "callbridge.errors",
    "Transferred": "callbridge.outcomes",
    "Turn": "callbridge.voice.turn",
    "choice": "callbridge.speech.expecting",
    "digits": "callbridge.speech.expecting",
}


def __getattr__(name: str) -> object:
    """Loads what is asked for: the command line has to set things up before numpy loads."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
