"""The bots of `benchmarks/conversation.py`: a parrot to talk to, an echo, and an endless tone.

The recogniser says when it worked: what other calls felt of it can be told from all the rest."""

from collections.abc import AsyncIterator
from dataclasses import replace
from time import monotonic

import numpy as np
from decodings import Decoding, DecodingFile

from callbridge import App, Call, Turn
from callbridge.speech.engines import Recogniser
from callbridge.speech.offline import offline
from telecodecs import Pcm

PARROT, ECHO, TONE = "+13125550100", "+13125550101", "+13125550102"
RATE = 8000


class Timed:
    """A recogniser that writes down when each recognition began and ended."""

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser
        self._decodings = DecodingFile()
        recogniser.transcribe(hum(1.0), RATE)  # loads the model: no call is to pay for that

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        began = monotonic()
        text = self._recogniser.transcribe(pcm, sample_rate)
        self._decodings.write(Decoding(began, monotonic(), len(pcm) / sample_rate))
        return text


def hum(seconds: float) -> Pcm:
    time = np.arange(round(seconds * RATE)) / RATE
    return (3000 * np.sin(2 * np.pi * 200 * time)).astype(np.int16)


_engines = offline()
app = App(speech=replace(_engines, recogniser=Timed(_engines.recogniser)))


@app.reply(number=PARROT)
async def parrot(call: Call, turn: Turn) -> AsyncIterator[str]:
    yield f"You said: {turn.text}"


@app.call(ECHO)
async def echo(call: Call) -> None:
    async for pcm in call.audio():
        await call.write(pcm)


@app.call(TONE)
async def tone(call: Call) -> None:
    while True:
        await call.write(hum(1.0))
