"""The bot that `callbridge bench --talk` measures: it talks without end, and listens to nobody.

It hands over ten seconds at a time; when they leave is the pacer's business."""

import numpy as np

from callbridge import App, Call

TURN_S = 10
HUM_HZ = 200

app = App()


@app.call
async def talk(call: Call) -> None:
    time = np.arange(TURN_S * call.sample_rate) / call.sample_rate
    hum = (6000 * np.sin(2 * np.pi * HUM_HZ * time)).astype(np.int16)
    while True:
        await call.write(hum)
