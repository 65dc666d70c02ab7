"""Beeps, and takes four digits from the keys of the caller's telephone.

callbridge serve mybot.py
"""

import numpy as np

from callbridge import App, Call
from telecodecs import Pcm

app = App()


def beep(hertz: float, sample_rate: int) -> Pcm:
    """Half a second, as (n,) int16 samples."""
    time = np.arange(sample_rate // 2) / sample_rate
    return (8000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


@app.call
async def answer(call: Call) -> None:
    # With the extra callbridge[speech] a prompt may be a text: "Please enter four digits."
    entry = await call.gather(4, prompt=beep(440, call.sample_rate))
    call.log.info("keys", extra={"digits": entry.digits})
    await call.play(beep(880 if len(entry.digits) == 4 else 220, call.sample_rate))
    # The end of the function hangs up.
