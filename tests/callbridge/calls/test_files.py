"""Files on a call, in real time: what is heard of them, and what is left of one that is cut."""

import asyncio
import base64
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from callbridge import App, Call, Outcome
from callbridge.carrier.people.script import Step
from callbridge.host.audiofile import load
from callbridge.host.download import download
from callbridge.testing import Conversation, HangUp, Pair, Press, Wait, caller
from callbridge.timing.clock import SystemClock
from callbridge.timing.jobs import ThreadJobs
from telecodecs import Pcm, codec
from tests.callbridge.browser.phones import carrier_with
from tests.callbridge.carrier.live import read_stereo
from tests.callbridge.host.sound_files import difference, made, sweep
from tests.callbridge.host.web_server import WebServer, web_server

NUMBER = "+13125550100"
SECONDS = 2.0
LAW = 0.03  # what G.711 changes
CUTS: dict[str, Callable[[Call], object]] = {
    "interrupted": lambda call: call.interrupt(),
}


def on_the_line(seconds: float) -> Pcm:
    law = codec("PCMU")
    return law.decode(law.encode(sweep(8000, seconds)))


async def called(bot: Callable[[Call], Awaitable[None]], *steps: Step) -> Conversation:
    """A whole call in real time, both sides of which reach the web."""
    app = App()
    app.call(bot)
    pair = Pair(app, clock=SystemClock(), jobs=ThreadJobs(), web=download)
    report = await pair.call(caller(*steps))
    await pair.close()
    return report


class PlaysFromTheWeb:
    """Says when it begins to be heard, and cuts it where it is told to."""

    def __init__(self, server: WebServer, cut: Callable[[Call], object] | None = None) -> None:
        self.server, self.cut = server, cut
        self.outcome: Outcome | None = None

    async def __call__(self, call: Call) -> None:
        playing = asyncio.create_task(call.play(self.server.url, stop_on="5"))
        while not call.speaking:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)
        sent = self.server.sent
        assert sent < len(self.server.file), "it is heard before all of it was sent"
        if self.cut is None:
            self.server.let_all()
        else:
            self.cut(call)
        self.outcome = await playing


async def test_what_is_still_on_its_way_is_heard_without_a_gap() -> None:
    async with web_server() as server:
        server.file = made("wav, 32 bit", SECONDS)
        server.lets = len(server.file) // 2
        bot = PlaysFromTheWeb(server)
        report = await called(bot, Wait("hangup"))
    assert bot.outcome == Outcome("finished", SECONDS, "measured")
    heard = report.bot[np.flatnonzero(report.bot)[0] :]
    wanted = on_the_line(SECONDS)[1:]
    assert np.array_equal(heard[: len(wanted)], wanted)


@pytest.mark.parametrize(
    ("stop", "steps"),
    [
        ("interrupted", (Wait("hangup"),)),
        ("key", (Wait("bot_speaking"), Press("5"), Wait("hangup"))),
        ("stream_lost", (Wait("bot_speaking", 0.2), HangUp())),
    ],
)
async def test_of_a_sound_that_is_cut_nothing_is_left(stop: str, steps: tuple[Step, ...]) -> None:
    """Whatever is still to come, and though its server has stalled."""
    async with web_server() as server:
        server.file = made("flac", 60.0)
        server.lets = 200_000
        bot = PlaysFromTheWeb(server, CUTS.get(stop, lambda call: None))
        await called(bot, *steps)
        assert bot.outcome is not None
        assert bot.outcome.stop == stop
        async with asyncio.timeout(10):
            await server.gone.wait()
    for thread in threading.enumerate():
        if thread.name.startswith("apart"):
            thread.join(5.0)
            assert not thread.is_alive()


BOT = """
import asyncio
from callbridge import App, Call

app = App()


@app.call
async def plays(call: Call) -> None:
    await call.play("{url}")
    await asyncio.sleep(60)
"""


STEPS = [
    {"wait": "bot_speaking"},
    {"wait": "bot_silent", "for": 0.5},
    {"press": "1"},
    {"wait": "bot_speaking", "for": 3.0},
    {"wait": "bot_silent", "for": 1.0},
    {"hangup": True},
]


async def test_the_bridge_and_the_carrier_play_what_the_web_has(tmp_path: Path) -> None:
    """Processes and sockets: an mp3 file by the bot, then by commands an m4a and a WAV file."""
    async with web_server() as server, web_server() as other:
        server.file = made("mp3", SECONDS)
        other.file = made("m4a, index at the end", SECONDS)
        content = base64.b64encode(made("wav", SECONDS)).decode()
        bot = tmp_path / "plays.py"
        bot.write_text(BOT.format(url=server.url))
        async with carrier_with(bot, tmp_path) as (live, _):
            call = await live.ring(to=NUMBER, steps=STEPS)
            await live.until(call, "dtmf", 20)
            assert await live.command(call, "playback_start", audio_url=other.url) == 200
            assert await live.command(call, "playback_start", playback_content=content) == 200
            summary = await live.finished(call)
    _, heard, rate = read_stereo(summary["files"]["wav"])
    by_bot, by_commands = sounding(heard, rate)
    m4a_samples = len(load(other.file, rate))
    for part in (by_bot, by_commands[:m4a_samples], by_commands[m4a_samples:]):
        error, late = difference(part, sweep(rate, SECONDS))
        assert error < 0.1
        assert abs(late) < 0.05 * rate


def sounding(heard: Pcm, rate: int) -> list[Pcm]:
    """What lies between pauses of a tenth of a second."""
    loud = np.flatnonzero(np.abs(heard) > 200)
    ends = np.flatnonzero(np.diff(loud) > rate // 10)
    starts = [loud[0], *loud[ends + 1]]
    return [
        heard[start : end + 1] for start, end in zip(starts, [*loud[ends], loud[-1]], strict=True)
    ]
