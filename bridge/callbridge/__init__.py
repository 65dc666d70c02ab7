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

if TYPE_CHECKING:
    from callbridge.app import App
    from callbridge.calls.call import Call
    from callbridge.calls.registry import Dialled
    from callbridge.errors import CallbridgeError, CallEnded, CallReleased, StreamLost
    from callbridge.outcomes import Gathered, Outcome, Transferred
    from callbridge.voice.turn import Message, Turn

__all__ = [
    "App",
    "Call",
    "CallEnded",
    "CallReleased",
    "CallbridgeError",
    "Dialled",
    "Gathered",
    "Message",
    "Outcome",
    "StreamLost",
    "Transferred",
    "Turn",
]

_HOME = {
    "App": "callbridge.app",
    "Call": "callbridge.calls.call",
    "CallEnded": "callbridge.errors",
    "CallReleased": "callbridge.errors",
    "CallbridgeError": "callbridge.errors",
    "Dialled": "callbridge.calls.registry",
    "Gathered": "callbridge.outcomes",
    "Message": "callbridge.voice.turn",
    "Outcome": "callbridge.outcomes",
    "StreamLost": "callbridge.errors",
    "Transferred": "callbridge.outcomes",
    "Turn": "callbridge.voice.turn",
}


def __getattr__(name: str) -> object:
    """Loads what is asked for: the command line has to set things up before numpy loads."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
