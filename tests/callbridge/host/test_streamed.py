"""Sounds that are heard while they are still on their way, from a real web server."""

import asyncio
import contextlib
import io
import logging
import os
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callbridge.errors import AudioFileError
from callbridge.host import audiofile
from callbridge.host import download as web
from callbridge.host.audiofile import AudioSource, load, streamed
from callbridge.host.download import download
from callbridge.timing.jobs import InlineJobs, Jobs, ThreadJobs
from telecodecs import Pcm
from tests.callbridge.host.sound_files import (
    BEGINS_EARLY,
    CHANGES,
    FORMATS,
    RATES,
    by_ffmpeg,
    difference,
    index_first,
    made,
    sweep,
)

PIECE = 500  # bytes that the server sends at a time
BEGINNING = 70_000  # bytes after which every format has begun to sound
WHOLE_FIRST = {"m4a, index at the end", "caf"}  # read to their end before their first sample
LONG_S = 12.0  # of sound: each file of it is larger than its beginning, or begins well before that


class WebServer:
    """Sends one file, as far as `lets`; says what its header has of the length, if that is given.

    `gone` is set when whoever was listening has closed the connection."""

    def __init__(self) -> None:
        self.file = b""
        self.headers = ""
        self.status = "200 OK"
        self.lets = 1 << 60
        self.sent = 0
        self.more = asyncio.Event()
        self.gone = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {self.status}\r\nconnection: close\r\n{self.headers}\r\n"
        writer.write(head.encode())
        sending = asyncio.ensure_future(self._send(writer))
        with contextlib.suppress(ConnectionError):
            await reader.read()
        sending.cancel()
        writer.close()
        self.gone.set()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        while self.sent < len(self.file):
            while self.sent >= self.lets:
                self.more.clear()
                await self.more.wait()
            piece = self.file[self.sent : min(self.sent + PIECE, self.lets)]
            writer.write(piece)
            await writer.drain()
            self.sent += len(piece)
        writer.write_eof()

    def let_all(self) -> None:
        self.lets = 1 << 60
        self.more.set()


@pytest.fixture
async def server() -> AsyncGenerator[WebServer]:
    server = WebServer()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/sound"
    async with listening:
        yield server


def stream(
    source: AudioSource, rate: int = 8000, jobs: Jobs | None = None
) -> contextlib.AbstractAsyncContextManager[AsyncGenerator[Pcm]]:
    return streamed(source, rate, jobs=jobs or ThreadJobs(), download=download)


async def all_of(source: AudioSource, rate: int = 8000, jobs: Jobs | None = None) -> Pcm:
    async with stream(source, rate, jobs) as blocks:
        return np.concatenate([block async for block in blocks])


def threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("apart")]


def nothing_is_left(files_before: int) -> None:
    for thread in threads():
        thread.join(5.0)
    assert not threads()
    assert open_files() == files_before


def open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0


# ---- what is heard ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
async def test_every_format_is_heard_right_whole_and_from_the_web(
    name: str, server: WebServer
) -> None:
    server.file = made(name)
    rate = RATES[name]
    for heard in (load(server.file, rate), await all_of(server.url, rate)):
        error, late = difference(heard, sweep(rate))
        assert error <= CHANGES[name]
        assert late == BEGINS_EARLY.get(name, 0)
        assert len(heard) == pytest.approx(len(sweep(rate)), abs=0.06 * rate)


@pytest.mark.parametrize("source", ["bytes", "path", "address"])
@pytest.mark.parametrize("jobs", [ThreadJobs(), InlineJobs()])
async def test_blocks_are_the_whole_sound_without_a_seam(
    source: str, jobs: Jobs, tmp_path: Path, server: WebServer
) -> None:
    """Resampled block by block it is what it is when all of it is resampled at once."""
    path = tmp_path / "sweep.flac"
    soundfile.write(path, sweep(44100), 44100)
    server.file = path.read_bytes()
    sources: dict[str, AudioSource] = {
        "bytes": server.file,
        "path": path,
        "address": server.url,
    }
    assert np.array_equal(await all_of(sources[source], 8000, jobs), load(path, 8000))


async def test_channels_are_mixed(server: WebServer) -> None:
    left = sweep(16000)
    file = io.BytesIO()
    soundfile.write(file, np.stack((left, np.zeros_like(left)), axis=1), 16000, format="OGG")
    for data in (file.getvalue(), by_ffmpeg(left, 16000, "mp4", "aac")):
        server.file, server.sent = data, 0
        heard = await all_of(server.url, 16000)
        level = np.abs(heard[8000:-8000]).max() / np.abs(left).max()
        assert level == pytest.approx(0.5 if data[:4] == b"OggS" else 1.0, abs=0.05)


# ---- as it comes ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in WHOLE_FIRST])
async def test_it_begins_before_the_rest_of_it_was_sent(name: str, server: WebServer) -> None:
    """The server sends the rest when the first samples are there, and would wait for ever."""
    server.file = made(name, LONG_S)
    server.lets = min(BEGINNING, len(server.file) * 2 // 3)
    async with stream(server.url) as blocks:
        first = await anext(blocks)
        assert len(first)
        assert server.sent == server.lets < len(server.file)
        server.let_all()
        rest = [block async for block in blocks]
    assert sum(map(len, rest), len(first)) == pytest.approx(LONG_S * 8000, abs=700)


async def test_an_m4a_begins_at_once_where_its_index_comes_first(
    server: WebServer, tmp_path: Path
) -> None:
    server.file = index_first(made("m4a, index at the end", LONG_S), tmp_path)
    server.lets = len(server.file) // 2
    async with stream(server.url) as blocks:
        assert len(await anext(blocks))
        assert server.sent < len(server.file)


@pytest.mark.parametrize("name", sorted(WHOLE_FIRST))
async def test_what_has_its_index_at_the_end_is_awaited(name: str, server: WebServer) -> None:
    server.file = made(name)
    server.lets = len(server.file) - 1
    async with contextlib.AsyncExitStack() as stack:
        entering = asyncio.ensure_future(stack.enter_async_context(stream(server.url)))
        while server.sent < server.lets:  # noqa: ASYNC110  the server tells nobody
            await asyncio.sleep(0)
        server.let_all()
        assert len(await anext(await entering))


async def test_mp3_without_ffmpeg_is_awaited_and_heard_as_well(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    server.file = made("mp3")
    assert difference(await all_of(server.url, 24000), sweep(24000)) == (
        pytest.approx(0.0, abs=CHANGES["mp3"]),
        0,
    )


async def test_an_hour_is_not_read_before_it_is_asked_for(server: WebServer) -> None:
    """What nobody asks for stays with its sender, but for what the network holds."""
    server.file = made("wav", 60.0)
    server.file = server.file[:44] + server.file[44:] * 60
    async with stream(server.url) as blocks:
        await anext(blocks)
        for _ in range(100):
            await asyncio.sleep(0)
        assert server.sent < len(server.file) / 4
    await server.gone.wait()


# ---- where it ends ------------------------------------------------------------------------------


async def test_behind_the_block_nothing_is_left(server: WebServer) -> None:
    server.file = made("flac", LONG_S)
    await all_of(made("wav"))  # what is imported and opened once is
    files = open_files()
    server.lets = BEGINNING
    async with stream(server.url) as blocks:
        await anext(blocks)
    await server.gone.wait()
    nothing_is_left(files)


async def test_a_wait_for_a_sound_that_does_not_come_can_be_cancelled(server: WebServer) -> None:
    server.file, server.lets = made("wav"), 20
    await all_of(made("wav"))
    files = open_files()
    waiting = asyncio.ensure_future(all_of(server.url))
    while server.sent < 20:  # noqa: ASYNC110  the server tells nobody
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await server.gone.wait()
    nothing_is_left(files)


async def test_a_server_that_stalls_in_the_middle_is_heard_as_far_as_it_came(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(web, "PATIENCE_S", 0.3)
    server.file, server.lets = made("wav"), 44 + 32000
    heard = await all_of(server.url, 16000)
    assert np.array_equal(heard, sweep(16000)[:16000])
    assert told(caplog) == [
        f"{server.url}: breaks off after 1.0 s: {server.url}: nothing more of it in 0.3 s"
    ]


async def test_a_server_that_stalls_before_the_first_sample_is_an_error(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "PATIENCE_S", 0.3)
    server.file, server.lets = made("wav"), 20
    with pytest.raises(
        AudioFileError, match=r"^http://127\.0\.0\.1:\d+/sound: nothing more of it in 0\.3 s$"
    ):
        await all_of(server.url)


async def test_a_server_that_drips_for_ever_without_a_sound_is_given_up(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audiofile, "BEGINS_S", 0.3)
    server.file, server.lets = made("mp3"), 20
    with pytest.raises(AudioFileError, match=r"no sound of it in 0\.3 s"):
        await all_of(server.url)
    await server.gone.wait()


async def test_a_server_that_lies_about_the_length(
    server: WebServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.file = made("wav")
    server.headers = f"content-length: {len(server.file) * 2}\r\n"
    assert np.array_equal(await all_of(server.url, 16000), sweep(16000))
    assert len(told(caplog)) == 1
    assert "breaks off after 4.0 s" in told(caplog)[0]


@pytest.mark.parametrize("name", ["wav", "flac", "mp3", "ogg", "m4a, in fragments"])
async def test_of_a_file_that_was_cut_off_is_heard_what_is_there(
    name: str, server: WebServer
) -> None:
    whole, rate = made(name, LONG_S), RATES[name]
    server.file = whole[: len(whole) * 2 // 3]
    for source in (server.url, server.file):
        heard = await all_of(source, rate)
        assert LONG_S / 4 < len(heard) / rate < LONG_S * 5 / 6
        assert difference(heard, sweep(rate, LONG_S)[: len(heard)])[0] <= CHANGES[name]


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


# ---- what does not come in ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: b"<html>" + b"<p>Not found.</p>" * 5000, id="a page"),
        pytest.param(lambda: b"ffconcat version 1.0\nfile /etc/hostname\n", id="a list"),
        pytest.param(lambda: b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n", id="a playlist"),
        pytest.param(lambda: bytes(100_000), id="zeros"),
    ],
)
async def test_what_is_no_sound_is_refused_whatever_its_server_calls_it(
    make: Callable[[], bytes], server: WebServer
) -> None:
    server.file = make()
    server.headers = "content-type: audio/mpeg\r\n"
    with pytest.raises(AudioFileError, match=r"sound: not an audio file \(") as error:
        await all_of(server.url)
    assert "\n" not in str(error.value)


async def test_an_answer_that_is_none_is_an_error(server: WebServer) -> None:
    server.status = "404 Not Found"
    with pytest.raises(AudioFileError, match="404"):
        await all_of(server.url)


async def test_redirects_are_followed_and_not_for_ever(server: WebServer) -> None:
    server.status = "302 Found"
    server.headers = f"location: {server.url}\r\ncontent-length: 0\r\n"
    with pytest.raises(AudioFileError, match=r"[Rr]edirects"):
        await all_of(server.url)


async def test_more_bytes_than_a_file_may_have_are_not_taken(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(web, "MAX_BYTES", 1_000_000)
    server.file = made("wav", 60.0)
    heard = await all_of(server.url, 16000)
    assert 0.9 < len(heard) * 2 / 1_000_000 <= 1.0
    assert "more than 1 MB" in told(caplog)[0]
    server.file, server.sent = made("caf", 60.0), 0
    assert 0.9 < len(await all_of(server.url, 16000)) * 2 / 1_000_000 <= 1.0


@pytest.mark.parametrize("form", ["FLAC", "OGG"])
async def test_a_small_file_of_hours_is_cut_where_a_sound_may_end(
    form: str,
    server: WebServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(audiofile, "MAX_S", 20.0)
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 8000, 1, format=form) as sound:
        for _ in range(20):
            sound.write(np.zeros(60 * 8000, np.int16))
    server.file = file.getvalue()
    assert len(server.file) < 200_000
    assert len(await all_of(server.url)) == pytest.approx(20 * 8000, abs=1)
    assert told(caplog) == [f"{server.url}: cut after 20 s, the most of one sound"]


async def test_a_broadcast_that_never_ends_is_heard_until_then(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one tunes in anywhere: its first frame is broken."""
    monkeypatch.setattr(audiofile, "MAX_S", 30.0)
    server.file = made("mp3", 60.0)[5000:]
    heard = await all_of(server.url, 24000)
    assert len(heard) == pytest.approx(30 * 24000, abs=1)
    assert difference(heard, sweep(24000, 60.0)[: len(heard)], 12 * 24000)[0] < 0.1


# ---- what is missing ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "missing", "why"),
    [
        ("mp3", ("av", "soundfile"), r"callbridge\[audio\]'.*m4a, webm and amr .*\[hd\]"),
        ("m4a, index at the end", ("av",), r"if it is m4a.*pip install 'callbridge\[hd\]'"),
    ],
)
async def test_an_error_says_what_to_install(
    name: str,
    missing: tuple[str, ...],
    why: str,
    server: WebServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.file = made(name)
    for module in missing:
        monkeypatch.setitem(sys.modules, module, None)
    for source in (server.file, server.url):
        server.sent = 0
        with pytest.raises(AudioFileError, match=why):
            await all_of(source)


async def test_mp3_needs_libsndfile_or_ffmpeg_and_not_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    pytest.importorskip("av", reason="pip install 'callbridge[hd]'")
    assert difference(load(made("mp3"), 24000), sweep(24000))[0] < CHANGES["mp3"]
