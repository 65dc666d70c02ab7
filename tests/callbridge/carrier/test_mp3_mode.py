"""The mp3 mode of a media stream, the platform's default: a payload is a whole file."""

import base64
import io
import json

import soundfile
from websockets.asyncio.server import ServerConnection

from callbridge.carrier.config import CarrierConfig
from tests.callbridge.carrier.line import CLEAR, Line, mark, media, sounding, tone
from tests.callbridge.carrier.live import KEY, carrier, customer

MP3 = {"stream_url": "ws://127.0.0.1:9/", "stream_bidirectional_target_legs": "self"}


def streaming() -> tuple[Line, str]:
    line = Line()
    return line, line.streaming(params=MP3)


def decoded(line: Line, ms: int, which: int = 0) -> None:
    """The shell has decoded a file."""
    line.switch.fetched(line.to_fetch[which].sound_id, tone(ms), line.now)
    line.settle()


def heard_ms(line: Line, call: str) -> int:
    return 20 * sum(sounding(line.report(call).bot))


def test_files_are_played_in_the_order_in_which_they_came() -> None:
    line, call = streaming()
    line.send(media(b"ID3 first"))
    line.send(mark("one"))
    line.tick(50)
    line.send(media(b"ID3 second"))
    line.send(mark("two"))
    assert [wish.content for wish in line.to_fetch] == [b"ID3 first"]  # one at a time
    decoded(line, 300)
    assert [wish.content for wish in line.to_fetch] == [b"ID3 first", b"ID3 second"]
    line.tick(5)
    assert (heard_ms(line, call), line.marks()) == (100, [])
    decoded(line, 200, 1)
    line.tick(12)
    assert line.marks() == ["one"]
    line.tick(20)
    assert (heard_ms(line, call), line.marks()) == (500, ["one", "two"])
    assert line.errors() == []


def test_more_than_one_a_second_is_an_error() -> None:
    line, _ = streaming()
    line.send(media(b"ID3"))
    line.send(media(b"ID3"))
    assert line.errors() == [100005]
    line.tick(50)
    line.send(media(b"ID3"))
    assert line.errors() == [100005]


def test_what_is_no_mp3_is_an_error_and_its_mark_comes_back() -> None:
    line, call = streaming()
    line.send(media(b"\x7f" * 160))
    line.send(mark("after"))
    why = "playback_content: not an audio file"
    line.switch.fetched(line.to_fetch[0].sound_id, None, line.now, why)
    line.settle()
    line.tick(50)
    line.send(media(b"RIFF\0\0\0\0WAVEfmt "))
    line.tick()
    assert line.errors() == [100004, 100004]
    assert line.marks() == ["after"]
    assert line.report(call).stream_errors == 2


def test_a_clear_drops_the_file_that_is_not_there_yet() -> None:
    line, call = streaming()
    line.send(media(b"ID3"))
    line.send(mark("dropped"))
    line.send(CLEAR)
    assert line.marks() == ["dropped"]
    decoded(line, 300)
    line.tick(20)
    assert heard_ms(line, call) == 0


def test_a_hang_up_while_a_file_is_decoded() -> None:
    line, call = streaming()
    line.send(media(b"ID3"))
    line.send(mark("never"))
    line.command(call, "hangup")
    decoded(line, 300)
    line.tick(5)
    assert line.marks() == []


async def test_a_real_file_is_heard() -> None:
    data = io.BytesIO()
    soundfile.write(data, tone(600), 8000, format="MP3")
    payload = base64.b64encode(data.getvalue()).decode()

    async def play(connection: ServerConnection) -> None:
        async for message in connection:
            if json.loads(message)["event"] == "start":
                for frame in ({"event": "media", "media": {"payload": payload}},
                              {"event": "mark", "mark": {"name": "end"}}):  # fmt: skip
                    await connection.send(json.dumps(frame))

    async with customer(play) as url, carrier(CarrierConfig(api_key=KEY)) as live:
        call = await live.ring(steps=[{"wait": "bot_speaking", "for": 0.5}, {"hangup": True}])
        fields = MP3 | {"stream_url": url}
        assert await live.command(call, "answer", **fields) == 200
        summary = await live.finished(call)
    assert summary["failed"] == []
    assert summary["stream_errors"] == 0
