"""Callbridge: an async media bridge for phone calls, and a phone company to try it against.

from callbridge import App, Call

app = App()

@app.call
async def echo(call: Call) -> None:
    async for pcm in call.audio():
        await call.write(pcm)
"""

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
    "SettingsError",
    "SpeechFailed",
    "StreamError",
    "StreamLost",
    "Transferred",
    "Turn",
]
