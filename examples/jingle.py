"""Plays a tune until the caller presses a key, and then says how much of it was heard.

callbridge serve examples/jingle.py
"""

import asyncio

import numpy as np

from callbridge import App, Call
from telecodecs import Pcm

app = App()

NOTES = ("C4", "E4", "G4", "C5", "A4", "F4", "D4", "G4") * 2
SEMITONES = {"C": -9, "D": -7, "E": -5, "F": -4, "G": -2, "A": 0, "B": 2}  # from A4, 440 Hz
NOTE_S = 0.75


def tune(sample_rate: int) -> Pcm:
    """Twelve seconds of struck strings."""
    time = np.arange(round(NOTE_S * sample_rate)) / sample_rate
    notes: list[Pcm] = []
    for name in NOTES:
        hertz = 440 * 2 ** (SEMITONES[name[0]] / 12 + int(name[1]) - 4)
        wave = np.sin(2 * np.pi * hertz * time) + 0.3 * np.sin(4 * np.pi * hertz * time)
        notes.append((7000 * wave * np.exp(-3 * time)).astype(np.int16))
    return np.concatenate(notes)


@app.call
async def jingle(call: Call) -> None:
    music = tune(call.sample_rate)
    outcome = await call.play(music, name="jingle", stop_on="0123456789*#")
    call.log.info(
        "jingle",
        extra={
            "heard_s": round(outcome.heard_s, 3),
            "of_s": len(music) / call.sample_rate,
            "certainty": outcome.certainty,
            "key": outcome.digit,
        },
    )
    await asyncio.sleep(0.5)  # a breath, as people take one
    await call.speak(f"You heard {outcome.heard_s:.1f} seconds.")
