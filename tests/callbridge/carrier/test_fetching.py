"""The door through which sound files come in, against a real web server on this machine."""

import asyncio
import contextlib
import functools
import gzip
import io
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from callbridge.carrier.core.effects import FetchSound
from callbridge.carrier.net import fetching, sounds
from callbridge.carrier.net.fetching import FetchDoor, FetchRules, NotThere
from callbridge.carrier.net.sounds import SoundLoader
from callbridge.errors import AudioFileError, SettingsError
from callbridge.host.download import whole
from tests.callbridge.carrier.line import tone
from tests.callbridge.carrier.live import hooks

NOT_HERE = r"is no public address.*--allow-fetch"


def sound(form: str, ms: int = 500, rate: int = 8000) -> bytes:
    data = io.BytesIO()
    soundfile.write(data, tone(ms, rate), rate, format=form)
    return data.getvalue()


@functools.cache
def client() -> httpx.AsyncClient:
    """One for all tests; making one costs a third of a second for certificates."""
    return httpx.AsyncClient(trust_env=False, verify=False)


def door(allowed: Collection[str] = (), **options: bool) -> FetchDoor:
    return FetchDoor(client(), FetchRules(allowed, **options))


async def long_body() -> AsyncIterator[bytes]:
    for _ in range(50):
        yield bytes(100_000)
        await asyncio.sleep(0)


async def page(request: Request) -> Response:
    match request.url.path:
        case "/tone.wav":
            return Response(sound("WAV"))
        case "/tone.mp3":
            return Response(sound("MP3"))
        case "/packed":
            return Response(gzip.compress(bytes(100_000)), headers={"content-encoding": "gzip"})
        case "/home":
            return RedirectResponse("/tone.wav?secret=1")
        case "/round":
            return RedirectResponse("/round")
        case "/file":
            return RedirectResponse("file:///etc/passwd")
        case "/metadata":
            return RedirectResponse("http://169.254.169.254/latest")
        case "/host":
            return Response(request.headers["host"])
        case "/long":
            return StreamingResponse(long_body())
        case "/slow":
            await asyncio.sleep(0.5)
            return Response()
        case "/oops":
            return Response(status_code=500)
        case _:
            return Response(status_code=404)


def resolver(*addresses: str) -> Callable[..., Awaitable[list[Any]]]:
    """Names lead to these addresses, each time to the next one; the last one stays."""
    waiting: Iterator[str] = iter(addresses)
    last = addresses[-1]

    async def getaddrinfo(host: str, port: int, **_: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(waiting, last), port))]

    return getaddrinfo


async def test_files_of_this_machine_where_only_this_machine_can_ask() -> None:
    local = door(this_machine=True)
    async with hooks(page) as web:
        assert await local.fetch(f"{web.url}/tone.wav") == sound("WAV")
        assert await local.fetch(f"{web.url}/home") == sound("WAV")
        with pytest.raises(AudioFileError, match=NOT_HERE):
            await door().fetch(f"{web.url}/tone.wav")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/oops", "HTTP 500"),
        ("/packed", "packed as gzip"),
        ("/round", "more than 3 redirects"),
        ("/file", "only http and https"),
        ("/metadata", NOT_HERE),
    ],
)
async def test_what_does_not_come_in(path: str, why: str) -> None:
    async with hooks(page) as web:
        with pytest.raises(AudioFileError, match=why):
            await door(this_machine=True).fetch(f"{web.url}{path}")


async def test_a_file_that_is_not_there_is_told_apart() -> None:
    async with hooks(page) as web:
        with pytest.raises(NotThere, match="HTTP 404"):
            await door(this_machine=True).fetch(f"{web.url}/none.wav")


async def test_a_long_file_and_a_slow_server_are_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetching, "MAX_BYTES", 3_000_000)
    monkeypatch.setattr(fetching, "FETCH_S", 0.2)
    local = door(this_machine=True)
    async with hooks(page) as web:
        with pytest.raises(AudioFileError, match="more than 3 MB"):
            await local.fetch(f"{web.url}/long")
        with pytest.raises(AudioFileError, match=r"not there in 0\.2 s"):
            await local.fetch(f"{web.url}/slow")


async def test_in_pieces_a_slow_server_has_time_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "FETCH_S", 0.2)
    async with hooks(page) as web:
        with pytest.raises(AudioFileError, match=r"slow: nothing more of it in 0\.2 s"):
            await whole(door(this_machine=True).pieces(f"{web.url}/slow"))
        with pytest.raises(NotThere, match="HTTP 404"):
            await whole(door(this_machine=True).pieces(f"{web.url}/none.wav"))
        with pytest.raises(AudioFileError, match=NOT_HERE):
            await whole(door().pieces(f"{web.url}/tone.wav"))


async def test_an_error_shows_neither_query_nor_password() -> None:
    with pytest.raises(AudioFileError) as failure:
        await door().fetch("http://user:hush@127.0.0.1:9/a.wav?token=hush#hush")
    assert "hush" not in str(failure.value)
    assert "http://127.0.0.1:9/a.wav" in str(failure.value)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.1", "240.0.0.1",
    ],
)  # fmt: skip
async def test_a_name_that_leads_into_private_networks_is_not_followed(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolver(address))
    with pytest.raises(AudioFileError, match=NOT_HERE):
        await door().fetch("http://files.example/a.wav")


@pytest.mark.parametrize(
    "host",
    [
        "[::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[fe80::1]", "[fc00::1]", "[::]",
        "[2002:7f00:1::]", "[64:ff9b::7f00:1]", "2130706433", "0x7f.1", "localhost", "0",
    ],
)  # fmt: skip
async def test_other_spellings_of_this_machine_are_no_way_round(host: str) -> None:
    with pytest.raises(AudioFileError):
        await door().fetch(f"http://{host}:9/a.wav")


async def test_the_address_that_was_checked_is_the_one_that_is_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that answers first with a good address and then with a bad one gets one question."""
    loop = asyncio.get_running_loop()
    async with hooks(page) as web:
        port = web.url.rpartition(":")[2]
        answers = resolver("127.0.0.1", "10.0.0.1")
        monkeypatch.setattr(loop, "getaddrinfo", answers)
        host = await door(this_machine=True).fetch(f"http://files.example:{port}/host")
        assert host.decode() == f"files.example:{port}"
        with pytest.raises(AudioFileError, match=NOT_HERE):
            await door(this_machine=True).fetch(f"http://files.example:{port}/host")


@pytest.mark.parametrize("allowed", ["127.0.0.1", "127.0.0.0/8", "LOCALHOST", "localhost."])
async def test_what_is_allowed_may_be_anywhere(allowed: str) -> None:
    async with hooks(page) as web:
        url = web.url.replace("127.0.0.1", "localhost") if "l" in allowed.lower() else web.url
        with contextlib.suppress(AudioFileError):  # localhost may be ::1 alone
            assert await door([allowed]).fetch(f"{url}/tone.wav")
        with pytest.raises(AudioFileError, match=NOT_HERE):
            await door(["10.0.0.0/8", "files.internal"]).fetch(f"{url}/tone.wav")


@pytest.mark.parametrize("entry", ["", "http://files", "a b", "10.0.0.0/99", "user@host"])
def test_an_entry_that_is_no_host_is_an_error_at_the_start(entry: str) -> None:
    with pytest.raises(SettingsError, match="is no host to fetch from"):
        FetchRules([entry])


# ---- what is in the files -----------------------------------------------------------------------


def wish(**fields: Any) -> FetchSound:
    values: dict[str, Any] = {"url": "", "sample_rate": 8000}
    return FetchSound("id", **values | fields)


async def test_wav_and_mp3_are_the_same_sound() -> None:
    async with hooks(page) as web:
        loader = SoundLoader(door(this_machine=True))
        for form in ("wav", "mp3"):
            pcm = await loader.load(wish(url=f"{web.url}/tone.{form}", sample_rate=16000))
            assert len(pcm) == 8000
            assert abs(np.corrcoef(pcm[1000:7000], tone(500, 16000)[1000:7000])[0, 1]) > 0.99


async def test_content_of_a_command_is_what_it_is_and_not_what_it_is_called() -> None:
    loader = SoundLoader(door())
    for form in ("WAV", "MP3"):
        assert len(await loader.load(wish(content=sound(form)))) == 4000
    with pytest.raises(AudioFileError, match="playback_content: not an audio file"):
        await loader.load(wish(content=b"<html>"))


async def test_media_are_files_of_one_folder(tmp_path: Path) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / "menu.wav").write_bytes(sound("WAV"))
    (tmp_path / "secret.wav").write_bytes(sound("WAV"))
    loader = SoundLoader(door(), folder)
    for name in ("menu", "menu.wav"):
        assert len(await loader.load(wish(media_name=name))) == 4000
    for name in ("none", "../secret", "../secret.wav", str(tmp_path / "secret"), "..", "a\0b", "."):
        with pytest.raises(NotThere):
            await loader.load(wish(media_name=name))
    with pytest.raises(NotThere, match="--media"):
        await SoundLoader(door()).load(wish(media_name="menu"))


async def test_a_small_file_of_hours_costs_no_more_than_its_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sounds, "MAX_S", 20.0)
    data = io.BytesIO()
    with soundfile.SoundFile(data, "w", 48000, 1, format="FLAC", subtype="PCM_16") as file:
        for _ in range(5):
            file.write(np.zeros(60 * 48000, np.int16))
    assert len(data.getvalue()) < 300_000
    with pytest.raises(AudioFileError, match="longer than 20 s"):
        await SoundLoader(door()).load(wish(content=data.getvalue()))


async def test_a_rate_or_channels_that_nobody_has_are_refused() -> None:
    data = io.BytesIO()
    soundfile.write(data, np.zeros((100, 16), np.int16), 8000, format="W64")
    with pytest.raises(AudioFileError, match="16 channels"):
        await SoundLoader(door()).load(wish(content=data.getvalue()))
