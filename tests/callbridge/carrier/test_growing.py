"""Files that are heard before they are whole: what commands and documents play, as it comes."""

from pathlib import Path

import numpy as np
import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import HangUp, Wait
from tests.callbridge.carrier.line import Line, sounding, tone
from tests.callbridge.carrier.live import KEY, carrier, hooks, read_stereo
from tests.callbridge.carrier.playing_line import PlayingLine
from tests.callbridge.carrier.texml.texml_line import VOICE, TexmlLine
from tests.callbridge.host.sound_files import difference, made, sweep
from tests.callbridge.host.web_server import web_server

A, B = "http://files/a.mp3", "http://files/b.mp3"
PLAY = f"{VOICE.rpartition('/')[0]}/a.mp3"


class SlowWeb(PlayingLine):
    """Nothing comes but what a test lets come."""

    def __init__(self, config: CarrierConfig | None = None) -> None:
        super().__init__(config=config)

    def settle(self) -> None:
        """What is asked for stays in `to_fetch`."""
        Line.settle(self)


class SlowDocuments(TexmlLine):
    """Documents come at once, and sounds do not."""

    def settle(self) -> None:
        Line.settle(self)
        while requests := self.requests:
            self.requests = []
            for request in requests:
                self._answer(request)
            Line.settle(self)


def comes(line: Line, ms: int, number: int = -1) -> bool:
    """The next of a sound; whether it is wanted."""
    return line.switch.fetched_piece(line.to_fetch[number].sound_id, tone(ms), line.now)


def is_whole(line: Line, ms: int, number: int = -1) -> None:
    line.switch.fetched(line.to_fetch[number].sound_id, tone(ms), line.now)


def heard_ms(line: Line, call: str) -> int:
    return 20 * sum(sounding(line.report(call).bot))


def playing(**fields: object) -> tuple[SlowWeb, str]:
    line = SlowWeb()
    call = line.answered()
    line.does(call, "playback_start", audio_url=A, **fields)
    return line, call


def test_it_begins_at_its_first_samples_and_a_slow_web_is_heard_as_silence() -> None:
    line, call = playing()
    line.tick(5)
    assert line.told() == []
    assert comes(line, 100)
    line.tick(10)
    assert line.told() == [("playback.started",)]
    assert comes(line, 200)
    line.tick(30)
    assert line.told() == [("playback.started",)], "it is not over before it is whole"
    is_whole(line, 400)
    line.tick(10)
    assert line.told("status") == [("playback.started",), ("playback.ended", "completed")]
    assert heard_ms(line, call) == 400


def test_what_goes_round_goes_round_when_it_is_whole() -> None:
    line, call = playing(loop=3)
    comes(line, 100)
    line.tick(20)
    is_whole(line, 200)
    line.tick(40)
    assert heard_ms(line, call) == 600
    assert line.told()[-1] == ("playback.ended",)


def test_what_came_before_its_turn_is_heard_in_its_turn() -> None:
    line, call = playing()
    line.does(call, "playback_start", audio_url=B)
    comes(line, 100, 1)
    comes(line, 100, 1)
    line.tick(5)
    assert line.told() == []
    is_whole(line, 60, 0)
    line.tick(20)
    assert line.told("media_url") == [
        ("playback.started", A),
        ("playback.ended", A),
        ("playback.started", B),
    ]
    is_whole(line, 300, 1)
    line.tick(20)
    assert heard_ms(line, call) == 360


def test_what_is_stopped_is_not_wanted_any_more() -> None:
    line, call = playing()
    comes(line, 100)
    line.tick(2)
    line.does(call, "playback_stop")
    assert not comes(line, 100)
    line.tick(10)
    assert line.told("status") == [("playback.started",), ("playback.ended", "cancelled")]
    assert heard_ms(line, call) <= 60


def test_nor_is_what_was_played_to_somebody_who_hung_up() -> None:
    line = SlowWeb()
    call = line.answered(Wait("answered"), Wait("bot_speaking"), HangUp())
    line.does(call, "playback_start", audio_url=A)
    comes(line, 1000)
    line.tick(20)
    assert not comes(line, 100)
    assert ("playback.ended", "call_hangup") in line.told("status")


def test_a_file_is_kept_when_it_is_whole() -> None:
    line, call = playing()
    comes(line, 100)
    is_whole(line, 200)
    line.tick(15)
    line.does(call, "playback_start", audio_url=A)
    line.tick(15)
    assert len(line.to_fetch) == 1
    assert heard_ms(line, call) == 400


def test_what_is_heard_behind_the_announcement_comes_whole() -> None:
    line = SlowWeb(config=CarrierConfig(announces=True))
    line.does(line.answered(), "playback_start", audio_url=A)
    assert not line.to_fetch[0].in_pieces


@pytest.mark.parametrize(
    "page",
    ["<Play>a.mp3</Play><Hangup/>", "<Gather timeout='1'><Play>a.mp3</Play></Gather><Hangup/>"],
)
def test_a_document_plays_what_is_still_coming(page: str) -> None:
    line = SlowDocuments({VOICE: page})
    call = line.ring(Wait("hangup"))
    line.tick(5)
    assert line.to_fetch[0].url == PLAY
    assert comes(line, 100)
    line.tick(20)
    assert heard_ms(line, call) == 100
    is_whole(line, 300)
    line.until_ended(call)
    assert heard_ms(line, call) == 300


async def test_over_the_web_it_is_heard_before_the_rest_was_sent(tmp_path: Path) -> None:
    """The server sends the rest when the webhook says that it has begun."""
    async with web_server() as server, hooks() as app:
        server.file = made("mp3", 3.0)
        server.lets = len(server.file) // 2
        config = CarrierConfig(api_key=KEY, webhook_url=app.url)
        async with carrier(config, out_dir=tmp_path) as live:
            call = await live.ring(steps=[{"wait": "hangup"}])
            assert await live.command(call, "answer") == 200
            assert await live.command(call, "playback_start", audio_url=server.url) == 200
            await app.event("call.playback.started")
            assert server.sent <= server.lets < len(server.file)
            server.let_all()
            assert (await app.event("call.playback.ended"))["status"] == "completed"
            await live.command(call, "hangup")
            summary = await live.finished(call)
    _, heard, rate = read_stereo(summary["files"]["wav"])
    error, _ = difference(heard[np.flatnonzero(heard)[0] :], sweep(rate, 3.0), 1000)
    assert error < 0.1


async def test_a_stop_closes_the_connection() -> None:
    async with web_server() as server, hooks() as app:
        server.file = made("wav", 600.0)
        server.lets = 200_000
        async with carrier(CarrierConfig(api_key=KEY, webhook_url=app.url)) as live:
            call = await live.ring(steps=[{"wait": "hangup"}])
            assert await live.command(call, "answer") == 200
            assert await live.command(call, "playback_start", audio_url=server.url) == 200
            await app.event("call.playback.started")
            assert await live.command(call, "playback_stop") == 200
            server.let_all()
            await server.gone.wait()
            assert server.sent < len(server.file)
