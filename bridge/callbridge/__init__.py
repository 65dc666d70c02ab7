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
