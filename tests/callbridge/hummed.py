"""What the tests of whole spoken calls share: engines that hum, and what was heard of them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import numpy as np
import pytest

from callbridge import Call, Turn
from callbridge.carrier.people.script import Step
from callbridge.testing import CallReport, CallScript, Wait, caller, says, tone
from callbridge.testing.speech import CHARACTER_S, SPOKEN_HERTZ, pitched
from telecodecs import Pcm

T = TypeVar("T")

HELLO, STOP = 440.0, 600.0
TEXTS = {HELLO: "hello there", STOP: "stop that now"}
EAR = pitched(TEXTS)
APOLOGY_HERTZ = (950.0, 1400.0, 1800.0)  # ITU-T E.180
QUIET = Wait("bot_silent", 1.5)
LEAVES_IT = Wait("hangup", within_s=120)


class SlowJobs:
    """Work takes no time, but for what `takes` says of its result."""

    def __init__(self, takes: Callable[[object], float]) -> None:
        self._takes = takes

    async def run(self, work: Callable[[], T], *, takes: float = 0.0) -> T:
        result = work()
        await asyncio.sleep(self._takes(result))
        return result


async def parrot(call: Call, turn: Turn) -> AsyncIterator[str]:
    """Level 1, and what it heard."""
    yield f"You said {turn.text}."


def asks(*steps: Step) -> CallScript:
    """Somebody who says hello, waits for an answer and goes."""
    return caller(says(tone(1.0, HELLO)), *(steps or (Wait("bot_speaking", 0.3), QUIET)))


def hummed_s(report: CallReport) -> float:
    """Seconds in which the voice of the tests sounded: at 200 Hz."""
    return loud_s(report.bot, SPOKEN_HERTZ)


def apologised(report: CallReport) -> bool:
    """Whether the three rising tones of the network were heard."""
    return all(loud_s(report.bot, hertz) > 0.2 for hertz in APOLOGY_HERTZ)


def loud_s(pcm: Pcm, hertz: float) -> float:
    frames = pcm[: len(pcm) // 160 * 160].reshape(-1, 160).astype(np.float64)
    spectra = np.abs(np.fft.rfft(frames * np.hanning(160), 1600))
    there = (spectra.max(axis=1) > 5000) & (np.abs(spectra.argmax(axis=1) * 5.0 - hertz) < 30)
    return float(there.sum()) / 50


def says_s(text: str) -> float:
    return CHARACTER_S * len(text)


def errors(caplog: pytest.LogCaptureFixture, message: str) -> list[dict[str, Any]]:
    """The fields of the errors logged with this message; all have the ids of their call."""
    found = [vars(r) for r in caplog.records if r.levelno == logging.ERROR and message in r.message]
    assert all(each["call"] and each["call_control_id"] for each in found)
    return found
