"""The bot that `callbridge bench` measures: it says what it hears.

`CALLBRIDGE_BENCH_RATE` is the sample rate that it works at, 8000 unless set."""

import os

from bridge import App, Call

app = App(sample_rate=int(os.environ.get("CALLBRIDGE_BENCH_RATE", "8000")))


@app.call
async def echo(call: Call) -> None:
    async for pcm in call.audio():
        await call.write(pcm)
