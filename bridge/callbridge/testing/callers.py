"""Callers for tests, in a line or two."""

import numpy as np

from callbridge.carrier.people.echo import EchoPath
from callbridge.carrier.people.script import CallScript, HangUp, Play, Press, Step, Wait
from callbridge.host.audiofile import Clip
from telecodecs import Pcm

NUMBER = "+13125550100"
CHARACTER_S = 0.06


def caller(*steps: Step, to: str = NUMBER, echo: EchoPath | None = None) -> CallScript:
    """Somebody who rings `to`, waits for the stream, does the steps and then hangs up.

    A caller whose last step is `Wait("hangup")` leaves that to the other side."""
    last = steps[-1] if steps else None
    ending = () if isinstance(last, Wait) and last.event == "hangup" else (HangUp(),)
    opening = (Wait("answered"), Wait("streaming"))
    return CallScript(to=to, steps=(*opening, *steps, *ending), echo=echo)


def says(pcm: Pcm, sample_rate: int = 8000, *, background: bool = False) -> Play:
    """A step: say (n,) int16 samples; in the background the next step begins at once."""
    return Play(Clip(pcm, sample_rate), background)


def tone(seconds: float, hertz: float = 440.0, sample_rate: int = 8000) -> Pcm:
    """(n,) int16 of a sine: what a test recognises."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return (8000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def hum(text: str, sample_rate: int) -> Pcm:
    """The voice of a carrier in memory: 60 ms of 300 Hz for each character."""
    return tone(CHARACTER_S * len(text), 300.0, sample_rate)


__all__ = ["NUMBER", "HangUp", "Press", "Wait", "caller", "hum", "says", "tone"]
