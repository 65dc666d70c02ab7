"""The bot of `benchmarks/handoff.py`: it plays a tone and hands the caller over.

Nothing here takes time to think: what passes between its decision and two people who hear each
other is Callbridge, the carrier and the telephone that rings."""

import numpy as np

from callbridge import App, Call
from telecodecs import Pcm

AT_ONCE, BY_KEY = "+13125550100", "+13125550101"  # the agent accepts by picking up, or by a key
DECIDES = "decides"  # on the call's tape
RATE = 8000
# Hertz of who is heard: a whole number of periods in 20 ms, so that one frame tells them apart.
CALLER, BOT, AGENT = 400, 1000, 600


def tone(hertz: float, seconds: float) -> Pcm:
    time = np.arange(round(seconds * RATE)) / RATE
    return (6000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def agent_of(caller: str) -> str:
    """Each caller has an agent of their own, known by their last four digits."""
    return f"+1312666{caller[-4:]}"


app = App(sample_rate=RATE)


@app.call(AT_ONCE)
async def hands_over(call: Call) -> None:
    await call.play(tone(BOT, 0.3))
    call.log.info(DECIDES)
    await call.handoff(agent_of(call.from_), accept="")


@app.call(BY_KEY)
async def asks_first(call: Call) -> None:
    await call.play(tone(BOT, 0.3))
    call.log.info(DECIDES)
    await call.handoff(agent_of(call.from_), whisper=tone(BOT, 0.1), ask=tone(BOT, 2.0))
