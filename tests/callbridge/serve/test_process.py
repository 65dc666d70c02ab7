"""`callbridge serve` as a process: what stops it from starting, and how it ends."""

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from callbridge.carrier.config import CarrierConfig, TexmlApplication
from callbridge.errors import SettingsError
from callbridge.host.bind import bind
from callbridge.serve import process as serve
from callbridge.timing.loop import new_loop
from tests.callbridge.carrier.live import Live, carrier
from tests.callbridge.platform import API_KEY, Platform, certified, eventually

BOT = """
from callbridge import App, Call
app = App()

@app.call
async def echo(call: Call) -> None:
    async for pcm in call.audio():
        await call.write(pcm)
"""
WITHIN_S = 20.0


@pytest.fixture
def bot(tmp_path: Path) -> str:
    path = tmp_path / "bot.py"
    path.write_text(BOT)
    return str(path)


def bare_environment() -> dict[str, str]:
    """Ours, without what sets up a bridge."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TELNYX_", "CALLBRIDGE_"))
    } | {"PYTHONPATH": os.pathsep.join(sys.path)}


def environment(public_key: str, base_url: str, public_url: str, **more: str) -> dict[str, str]:
    return bare_environment() | {
        "TELNYX_API_KEY": API_KEY,
        "TELNYX_PUBLIC_KEY": public_key,
        "TELNYX_BASE_URL": base_url,
        "CALLBRIDGE_PUBLIC_URL": public_url,
        "CALLBRIDGE_LOG": "text",
        **more,
    }


class Process:
    """A running `callbridge serve`, and what it wrote to standard error."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.lines.append(line.decode().rstrip())

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    async def exit_code(self) -> int:
        async with asyncio.timeout(WITHIN_S):
            return await self.process.wait()


@asynccontextmanager
async def process(folder: Path, env: dict[str, str], *args: str) -> AsyncGenerator[Process]:
    running = Process(
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "callbridge",
            "serve",
            *args,
            cwd=folder,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    )
    reader = asyncio.create_task(running.read())
    try:
        yield running
    finally:
        if running.process.returncode is None:
            running.process.kill()
        await running.process.wait()
        await reader


def new_loop_closed() -> asyncio.AbstractEventLoop:
    loop = new_loop()
    loop.close()
    return loop


def free_port() -> int:
    with bind("127.0.0.1", 0) as listener:
        port: int = listener.getsockname()[1]
        return port


# ---- what stops it ------------------------------------------------------------------------------


async def failed(folder: Path, env: dict[str, str], *args: str) -> list[str]:
    """The lines of one that does not start."""
    async with process(folder, env, *args) as running:
        assert await running.exit_code() == 2
    assert not [line for line in running.lines if "Traceback" in line]
    return running.lines


async def test_all_missing_settings_are_named(tmp_path: Path, bot: str) -> None:
    said = "\n".join(await failed(tmp_path, bare_environment(), bot))
    for name in ("TELNYX_API_KEY", "TELNYX_PUBLIC_KEY", "CALLBRIDGE_PUBLIC_URL"):
        assert f"{name} is missing" in said


def complete() -> dict[str, str]:
    """Settings that are right, of a platform that is not there."""
    platform = Platform()
    return environment(platform.settings().public_key, "http://127.0.0.1:9/v2", "http://localhost")


async def test_a_port_in_use_is_one_line(tmp_path: Path, bot: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        (line,) = await failed(tmp_path, complete(), bot, "--port", port)
    assert line.startswith(f"callbridge: cannot listen on 127.0.0.1 port {port}: ")


async def test_a_bot_that_does_not_import_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("x = 1\nimport nothing_of_this_name\n")
    (line,) = await failed(tmp_path, complete(), "broken.py")
    assert line.startswith("callbridge: broken.py does not import: line 2: ModuleNotFoundError")


def locked_key() -> bytes:
    """An encrypted one: OpenSSL asks for its password on the terminal, where it is let."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"sesame")
    )


def test_why_a_certificate_is_of_no_use_is_said(tmp_path: Path, bot: str) -> None:
    (one, _), (two, _) = certified(tmp_path / "one"), certified(tmp_path / "two")
    absent, locked = tmp_path / "absent.pem", tmp_path / "locked.pem"
    locked.write_bytes(locked_key())
    assert two.key is not None
    for cert, key, why in (
        (absent, one.key, f"^cannot read {absent}: No such file or directory$"),
        (one.cert, absent, f"^cannot read {absent}: No such file or directory$"),
        (tmp_path, one.key, f"^cannot read {tmp_path}: Is a directory$"),
        (one.cert, two.key, "of no use for TLS: key values mismatch$"),
        (Path(bot), one.key, "of no use for TLS: "),
        (one.cert, locked, "of no use for TLS: "),
    ):
        with pytest.raises(SettingsError, match=why):
            serve.Certificate(cert, key).check()


async def test_a_certificate_of_no_use_is_one_line(tmp_path: Path, bot: str) -> None:
    """Also where OpenSSL would ask for a password on the terminal."""
    certificate, _ = certified(tmp_path / "one")
    locked = tmp_path / "locked.pem"
    locked.write_bytes(locked_key())
    options = ("--ssl-certfile", str(certificate.cert), "--ssl-keyfile", str(locked))
    (line,) = await failed(tmp_path, complete(), bot, *options)
    assert line.startswith("callbridge: ")
    assert "of no use for TLS: " in line
    (line,) = await failed(tmp_path, complete(), bot, "--ssl-keyfile", str(certificate.key))
    assert line == "callbridge: --ssl-keyfile needs --ssl-certfile"


# ---- what it serves -----------------------------------------------------------------------------


@asynccontextmanager
async def serves(
    folder: Path, *args: str, verify: ssl.SSLContext | bool = False
) -> AsyncGenerator[httpx.AsyncClient]:
    """A running one, and a client of the address that it says."""
    async with process(folder, complete(), *args, "--port", "0") as running:
        await eventually(lambda: any("callbridge serves" in row for row in running.lines))
        (line,) = (row for row in running.lines if "callbridge serves" in row)
        url = line.partition(" on ")[2].partition(";")[0]
        async with httpx.AsyncClient(base_url=url, trust_env=False, verify=verify) as http:
            yield http
        running.signal()
        assert await running.exit_code() == 0


UPGRADE = {
    "connection": "upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize("option", [(), ("--asgi",)])
async def test_media_goes_to_picows_or_to_uvicorn(
    tmp_path: Path, bot: str, option: tuple[str, ...]
) -> None:
    async with serves(tmp_path, bot, *option) as http:
        refused = await http.get("/media", headers=UPGRADE)
        assert (refused.status_code, refused.text) == (401, "the stream's address has no token\n")
        assert ("date" in refused.headers) is bool(option)  # only uvicorn tells


async def test_over_tls(tmp_path: Path, bot: str) -> None:
    certificate, client = certified(tmp_path)
    options = ("--ssl-certfile", str(certificate.cert), "--ssl-keyfile", str(certificate.key))
    async with serves(tmp_path, bot, *options, verify=client) as http:
        assert http.base_url.scheme == "https"
        assert (await http.get("/healthz")).text == "ok\n"
        assert (await http.get("/media", headers=UPGRADE)).status_code == 401


TELLING = """
import asyncio, gc, sys
from callbridge import App, Call
app = App()

@app.call
async def tell(call: Call) -> None:
    loop = type(asyncio.get_running_loop()).__module__
    print("loop", loop, "frozen", gc.get_freeze_count(), file=sys.stderr, flush=True)
    async for pcm in call.audio():
        pass
"""


async def test_on_uvloop_with_what_was_imported_out_of_the_collectors_sight(
    tmp_path: Path,
) -> None:
    (tmp_path / "bot.py").write_text(TELLING)
    loop = type(new_loop_closed()).__module__
    async with in_a_call(tmp_path, "bot.py", {"hangup": True}) as (_, running, _, _):
        await eventually(lambda: any(row.startswith("loop ") for row in running.lines))
        (line,) = (row for row in running.lines if row.startswith("loop "))
    _, said, _, frozen = line.split()
    assert said == loop
    assert int(frozen) > 50_000


# ---- how it ends --------------------------------------------------------------------------------


async def test_without_calls_it_ends_at_once_and_well(tmp_path: Path, bot: str) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        async with process(tmp_path, complete(), bot, "--port", "0") as running:
            await eventually(lambda: any("callbridge serves" in row for row in running.lines))
            running.signal(number)
            assert await running.exit_code() == 0
        assert not [line for line in running.lines if "Traceback" in line or "ERROR" in line]


@asynccontextmanager
async def in_a_call(
    folder: Path,
    bot: str,
    *steps: Mapping[str, object],
    options: Sequence[str] = (),
    texml: bool = False,
    **settings: str,
) -> AsyncGenerator[tuple[Live, Process, str, str]]:
    """A carrier and a bridge, and a call between them whose stream runs: its id, and our URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    config = CarrierConfig(
        api_key=API_KEY,
        webhook_url=f"{url}/webhooks",
        texml=TexmlApplication(voice_url=f"{url}/texml") if texml else None,
    )
    async with carrier(config) as live:
        env = environment(live.running.public_key, live.base_url, url, **settings)
        async with process(folder, env, bot, "--port", str(port), *options) as running:
            await eventually(lambda: any("callbridge serves" in row for row in running.lines))
            call = await live.ring(steps=[{"wait": "answered"}, {"wait": "streaming"}, *steps])
            await live.until(call, "stream started")
            yield live, running, call, url


async def status(url: str) -> int:
    async with httpx.AsyncClient(trust_env=False, verify=False) as http:
        return (await http.get(f"{url}/readyz")).status_code


async def test_a_running_call_may_finish_and_no_new_one_begins(tmp_path: Path, bot: str) -> None:
    hold = {"wait": "bot_silent", "for": 1.5}
    async with in_a_call(tmp_path, bot, hold, {"hangup": True}) as (live, running, call, url):
        running.signal()
        await eventually_status(url, 503)
        late = await live.ring(steps=[{"wait": "answered", "within": 0.3}])
        summary = await live.finished(call)
        assert summary["hangup_source"] == "caller"
        assert not summary["failed"]
        assert await running.exit_code() == 0
        assert (await live.finished(late))["failed"]


async def test_a_call_that_texml_leads_is_a_call_like_any_other(tmp_path: Path, bot: str) -> None:
    hold = {"wait": "bot_silent", "for": 0.5}
    async with in_a_call(tmp_path, bot, hold, {"hangup": True}, texml=True) as (live, _, call, url):
        summary = await live.finished(call)
        assert not summary["failed"]
        assert summary["marks_returned"] > 0
        async with asyncio.timeout(WITHIN_S):  # nobody tells that it is over
            while await metric(url, "callbridge_calls"):  # noqa: ASYNC110  in another process
                await asyncio.sleep(0.05)
        assert await metric(url, 'callbridge_webhooks_total{outcome="accepted"}') == 1.0


async def metric(url: str, name: str) -> float:
    async with httpx.AsyncClient(trust_env=False, verify=False) as http:
        lines = (await http.get(f"{url}/metrics")).text.splitlines()
    return float(next(line.rpartition(" ")[2] for line in lines if line.startswith(f"{name} ")))


async def eventually_status(url: str, wanted: int) -> None:
    async with asyncio.timeout(WITHIN_S):
        while await status(url) != wanted:  # noqa: ASYNC110  in another process
            await asyncio.sleep(0.02)


async def test_what_lasts_beyond_the_deadline_is_ended(tmp_path: Path, bot: str) -> None:
    hold = {"wait": "hangup", "within": 60}
    async with in_a_call(tmp_path, bot, hold, CALLBRIDGE_DRAIN_S="0.5") as (_, running, _, url):
        running.signal()
        await eventually_status(url, 503)
        assert await running.exit_code() == 0


async def test_ctrl_c_says_how_many_calls_go_on_and_what_a_second_one_does(
    tmp_path: Path, bot: str
) -> None:
    hold = {"wait": "hangup", "within": 60}
    async with in_a_call(tmp_path, bot, hold, CALLBRIDGE_DRAIN_S="600") as (live, running, call, _):
        running.signal(signal.SIGINT)
        await eventually(lambda: any("1 call may go on for 600 s" in row for row in running.lines))
        assert any("Ctrl-C or SIGTERM again hangs up now" in row for row in running.lines)
        running.signal(signal.SIGINT)
        assert (await live.finished(call))["hangup_source"] == "callee"  # nobody is left behind
        assert await running.exit_code() == 0
    assert not [row for row in running.lines if "lifespan" in row or "Traceback" in row]


async def test_every_line_of_a_json_log_is_json_also_that_of_uvicorn(
    tmp_path: Path, bot: str
) -> None:
    async with process(
        tmp_path, complete() | {"CALLBRIDGE_LOG": "auto"}, bot, "--port", "0"
    ) as running:
        await eventually(lambda: any("callbridge serves" in row for row in running.lines))
        running.signal()
        assert await running.exit_code() == 0
    lines = [json.loads(row) for row in running.lines]
    assert {line["name"] for line in lines} == {"callbridge"}


async def test_a_second_signal_is_immediate(tmp_path: Path, bot: str) -> None:
    hold = {"wait": "hangup", "within": 60}
    async with in_a_call(tmp_path, bot, hold, CALLBRIDGE_DRAIN_S="600") as (_, running, _, url):
        running.signal()
        await eventually_status(url, 503)
        running.signal()
        started = asyncio.get_running_loop().time()
        assert await running.exit_code() == 0
        assert asyncio.get_running_loop().time() - started < 5
        assert not [line for line in running.lines if "Traceback" in line]


# ---- the listener -------------------------------------------------------------------------------


async def tells_of_its_socket(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Whether small messages leave at once: 1 or 0."""
    accepted: socket.socket = writer.get_extra_info("socket")
    writer.write(b"%d" % accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    writer.close()
    await writer.wait_closed()


async def test_small_messages_wait_for_no_acknowledgement() -> None:
    """A media frame every 20 ms: Nagle's algorithm would hold each for up to 40."""
    with bind("127.0.0.1", 0) as listener:
        async with await asyncio.start_server(tells_of_its_socket, sock=listener):
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            assert await reader.read() == b"1"
            writer.close()
            await writer.wait_closed()
