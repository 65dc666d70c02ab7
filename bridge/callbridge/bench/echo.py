"""The bot that `callbridge bench` measures: it says what it hears.

After a stall it leaves out what came too late to be said in time, as whoever passes live audio on
must: without pauses nothing else would ever make up for it. The bench counts those frames as lost.

`CALLBRIDGE_BENCH_RATE` is the sample rate that it works at, 8000 unless set."""

import os

from callbridge import App, Call

BEHIND_S = 0.060  # three frames, besides those at the carrier

app = App(sample_rate=int(os.environ.get("CALLBRIDGE_BENCH_RATE", "8000")))


@app.call
async def echo(call: Call) -> None:
    async for pcm in call.audio():
        if call.queued_s <= BEHIND_S:
            await call.write(pcm)
