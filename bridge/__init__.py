"""Callbridge: an async media bridge for phone calls, and a phone company to try it against.

from bridge import App, Call

app = App()

@app.call
async def echo(call: Call) -> None:
    async for pcm in call.audio():
        await call.write(pcm)
"""

from bridge.app import App
from bridge.call import Call
from bridge.calls import Dialled
from bridge.conversation import Message, Turn
from bridge.errors import CallbridgeError, CallEnded, CallReleased, StreamLost
from bridge.outcomes import Gathered, Outcome, Transferred

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
