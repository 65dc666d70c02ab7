"""Callers for tests, in a line or two."""

from pathlib import Path

import msgspec
import numpy as np

from callbridge.carrier.config import Behaviour
from callbridge.carrier.net.files import loader
from callbridge.carrier.net.numbers import read_people
from callbridge.carrier.net.ring import read_script
from callbridge.carrier.people.echo import EchoPath
from callbridge.carrier.people.script import CallScript, parse_script
from callbridge.carrier.people.steps import HangUp, Play, Press, Say, Step, Wait
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


def caller_of(path: str | Path) -> CallScript:
    """The caller of a JSON script, as `callbridge call` reads it. What they `say`, a test says with
    its own voice. Raises CallbridgeError."""
    path = Path(path)
    return _with_files(parse_script(read_script(path)), path.parent)


def people_of(path: str | Path) -> dict[str, Behaviour]:
    """Who lives where, for `numbers` of a test, as `callbridge carrier --numbers` reads it. What
    they `say`, a test says with its own voice. Raises CallbridgeError."""
    path = Path(path)
    return read_people(path, lambda script: _with_files(script, path.parent))


def _with_files(script: CallScript, base: Path) -> CallScript:
    load = loader(base)
    steps = tuple(
        msgspec.structs.replace(step, sound=load(step.sound))
        if isinstance(step, Play) and isinstance(step.sound, str)
        else step
        for step in script.steps
    )
    return msgspec.structs.replace(script, steps=steps)


def says(what: str | Pcm, sample_rate: int = 8000, *, background: bool = False) -> Say | Play:
    """A step: say a text, or (n,) int16 samples; in the background the next step begins at once.

    A text is said so that the engines of the test understand it to the letter (`scripted` and
    `pitched` of `callbridge.testing.speech`); for other engines, with espeak-ng."""
    if isinstance(what, str):
        return Say(what, background=background)
    return Play(Clip(what, sample_rate), background)


def tone(seconds: float, hertz: float = 440.0, sample_rate: int = 8000) -> Pcm:
    """(n,) int16 of a sine: what a test recognises."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return (8000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def hum(text: str, sample_rate: int) -> Pcm:
    """The voice of a carrier in memory: 60 ms of 300 Hz for each character."""
    return tone(CHARACTER_S * len(text), 300.0, sample_rate)


__all__ = [
    "NUMBER",
    "HangUp",
    "Press",
    "Wait",
    "caller",
    "caller_of",
    "hum",
    "people_of",
    "says",
    "tone",
]
