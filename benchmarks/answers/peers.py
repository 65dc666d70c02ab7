"""The same callers talk with bots of another framework: `benchmarks/peers/pipecat_turns.py` runs
in that one's own environment, and their recordings are judged as those of ours are."""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.answers.calls import HeardCall, greeting
from benchmarks.answers.overlaps import OverLine
from numpy.typing import NDArray
from tests.callbridge.speech.acoustics import RATE, Wave

from callbridge.carrier.people.echo import TICK_S, EchoPath
from callbridge.errors import CallbridgeError
from telecodecs import silence

PROGRAM = Path(__file__).parents[1] / "peers" / "pipecat_turns.py"
PACKAGES = '"pipecat-ai[websocket]==1.14.0"'
ENDINGS = {"smart": "pipecat, smart-turn", "silence": "pipecat, silence"}
AFTER_S = 3.0  # more of a line: for so long smart-turn waits

Arrays = dict[str, NDArray[Any]]


def missing(python: Path) -> str:
    """What to install; empty when it is there."""
    asked = "from pipecat.transports.websocket import fastapi"
    try:
        found = subprocess.run([python, "-c", asked], capture_output=True, check=False)
    except OSError as error:
        return f"{python}: {error.strerror}"
    return "" if not found.returncode else f"it has no pipecat: {python} -m pip install {PACKAGES}"


class PipecatBot:
    """A bot by pipecat, whose turns end in this way."""

    def __init__(self, python: Path, ending: str) -> None:
        self._python, self._ending = python, ending

    def answers(self, lines: Iterable[Wave]) -> list[HeardCall]:
        """To callers who sound like this; the bot answers each turn at once."""
        more = silence(round(AFTER_S * RATE))
        given = {f"{n:04}": np.concatenate([_pcm(line), more]) for n, line in enumerate(lines)}
        return self._calls("answers", given)

    def talks(self, lines: Sequence[OverLine]) -> list[HeardCall]:
        """Callers sound like this while the bot talks, which says nothing to what it hears."""
        given: Arrays = {"says": greeting(RATE)}
        for n, (line, echo) in enumerate(lines):
            given[f"{n:04}"] = _pcm(line)
            if echo is not None:
                given[f"{n:04}.echo"] = _path(echo)
        return self._calls("talks", given)

    def _calls(self, bot: str, given: Arrays) -> list[HeardCall]:
        """In the order of their names. Raises CallbridgeError."""
        with tempfile.TemporaryDirectory() as folder:
            said, heard = Path(folder) / "said.npz", Path(folder) / "heard.npz"
            # Named arrays and `allow_pickle` are one dictionary to a type checker.
            np.savez(said, **given)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            command: list[str | Path] = [
                self._python,
                PROGRAM,
                "--ending",
                self._ending,
                "--bot",
                bot,
                said,
                heard,
            ]
            alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            done = subprocess.run(command, env=alone, capture_output=True, check=False)
            if done.returncode:
                raise CallbridgeError(f"{PROGRAM.name}: {done.stderr.decode()[-2000:]}")
            with np.load(heard) as tracks:
                both = [tracks[name] for name in sorted(tracks)]
        return [HeardCall(caller, bot, RATE, ()) for caller, bot in both]


def _pcm(wave: Wave) -> NDArray[np.int16]:
    return np.clip(wave, -32768, 32767).astype(np.int16)


def _path(echo: EchoPath) -> NDArray[np.float64]:
    """Decibels, and ticks of 20 ms."""
    return np.array([echo.db, round(echo.delay_s / TICK_S)])
