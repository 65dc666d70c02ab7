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
    from callbridge.calls.call import Call
    from callbridge.calls.registry import Dialled
    from callbridge.errors import (
        AudioFileError,
        CallbridgeError,
        CallEnded,
        CallGone,
        CallReleased,
        CommandError,
        CommandRefused,
        SettingsError,
        SpeechFailed,
        StreamLost,
    )
    from callbridge.outcomes import Gathered, Outcome, Transferred
    from callbridge.speech.language import Language
    from callbridge.tape.events import StreamError
    from callbridge.voice.relay_voice import RelaySettings
    from callbridge.voice.turn import Message, Turn

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
    "Dialled",
    "Gathered",
    "Language",
    "Message",
    "Outcome",
    "RelaySettings",
    "SettingsError",
    "SpeechFailed",
    "StreamError",
    "StreamLost",
    "Transferred",
    "Turn",
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
    "Dialled": "callbridge.calls.registry",
    "Gathered": "callbridge.outcomes",
    "Language": "callbridge.speech.language",
    "Message": "callbridge.voice.turn",
    "Outcome": "callbridge.outcomes",
    "RelaySettings": "callbridge.voice.relay_voice",
    "SettingsError": "callbridge.errors",
    "SpeechFailed": "callbridge.errors",
    "StreamError": "callbridge.tape.events",
    "StreamLost": "callbridge.errors",
    "Transferred": "callbridge.outcomes",
    "Turn": "callbridge.voice.turn",
}


def __getattr__(name: str) -> object:
    """Loads what is asked for: the command line has to set things up before numpy loads."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
