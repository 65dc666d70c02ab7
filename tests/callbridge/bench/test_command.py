"""`callbridge bench` as its user runs it: processes, sockets, files, exit codes."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme

from callbridge.bench import command as bench
from callbridge.bench import session
from callbridge.bench.command import Wish
from callbridge.bench.doors import public_key
from callbridge.bench.ramp import Ramp
from callbridge.bench.results import Figures, Knee, Slo
from callbridge.errors import CallbridgeError
from callbridge.host.bind import free_ports
from callbridge.host.child import ourselves, running
from tests.callbridge.bench.steps import step

HERE = "127.0.0.1"
QUICK = ("--calls", "2", "--seconds", "1", "--settle", "0.2")


class Run:
    def __init__(self, done: "subprocess.CompletedProcess[str]") -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(self.out)
        return facts


async def run(tmp_path: Path, *args: str, **env: str) -> Run:
    command = [sys.executable, "-m", "callbridge", "bench", *args, "--out", str(tmp_path / "out")]
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "120", **env},
        check=False,
    )
    return Run(done)


# ---- good ones ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [(), ("--asgi",)])
async def test_our_own_endpoint_is_started_rung_up_and_measured(
    tmp_path: Path, path: tuple[str, ...]
) -> None:
    ran = await run(tmp_path, *QUICK, "--slo-ms", "900", *path, "--json")
    assert ran.code in (0, 1), ran.err  # 1: other work on the machine kept the generator late
    (figures,) = ran.facts["steps"]
    assert figures["calls"] == 2
    assert figures["frames"] >= 90
    assert figures["latency_ms"]["p50"] > 0
    assert (figures["foreign"], figures["dropped"]) == (0, 0)
    assert figures["cpu_us_per_frame"] > 0
    assert figures["lag_p99_ms"] is not None  # read from its /metrics
    assert json.loads((tmp_path / "out" / "bench.json").read_text()) == ran.facts


async def test_a_bot_that_talks_is_measured_by_its_pacing(tmp_path: Path) -> None:
    ran = await run(tmp_path, *QUICK, "--talk", "--slo-ms", "900", "--json")
    assert ran.code in (0, 1), ran.err
    (figures,) = ran.facts["steps"]
    assert figures["target"] == "callbridge, talking"
    assert figures["latency_ms"] is None
    assert figures["jitter_ms"]["p50"] >= 0
    assert (figures["lost"], figures["foreign"], figures["dropped"]) == (0, 0, 0)


async def test_l16_both_ways_through_a_bot_at_another_rate(tmp_path: Path) -> None:
    wide = ("--codec", "L16", "--reply-codec", "L16/24000", "--bot-rate", "8000")
    ran = await run(tmp_path, *QUICK, *wide, "--json")
    assert ran.code in (0, 1), ran.err
    (figures,) = ran.facts["steps"]
    assert ran.facts["scene"]["codec"] == "L16 16 kHz in, L16 24 kHz out, bot at 8000 Hz"
    assert figures["latency_ms"]["p50"] > 4  # the resamplers' constant delay is measured, too
    assert figures["foreign"] == 0


async def test_somebodys_endpoint_by_its_webhook(tmp_path: Path) -> None:
    """The carrier's side of it, with the key that it told the endpoint."""
    rest, port = free_ports(HERE, 2)
    env = {
        "TELNYX_API_KEY": "theirs",
        "TELNYX_PUBLIC_KEY": public_key("theirs"),
        "TELNYX_BASE_URL": f"http://{HERE}:{rest}/v2",
        "CALLBRIDGE_PUBLIC_URL": f"http://{HERE}:{port}",
    }
    serve = ourselves("serve", str(session.ECHO_BOT), "--port", str(port))
    async with running("theirs", *serve, env=env) as server:
        await session.listens(server, port)
        webhook = f"http://{HERE}:{port}/webhooks"
        ran = await run(tmp_path, webhook, *QUICK, "--port", str(rest), "--api-key", "theirs")
        assert ran.code in (0, 1), ran.err
        assert f"TELNYX_PUBLIC_KEY={public_key('theirs')}" in ran.out
        assert (
            f"{HERE}:{port}, 2 calls: p50 " in ran.out
        )  # a line for each step, when not a terminal
        refused = await run(tmp_path, webhook, *QUICK, "--port", str(rest), "--api-key", "other")
        assert refused.code == 2
        assert "callbridge: the webhook call.initiated was not taken: 401" in refused.err
        token = await run(tmp_path, f"ws://{HERE}:{port}/media", *QUICK)
        assert token.code == 2
        assert "takes no WebSocket: HTTP 401, the stream's address has no token" in token.err


async def test_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.private_key_pem.write_to_path(str(key))
    issued.cert_chain_pems[0].write_to_path(str(cert))
    authority.cert_pem.write_to_path(str(cert), append=True)
    files = ("--ssl-certfile", str(cert), "--ssl-keyfile", str(key))
    ran = await run(tmp_path, *QUICK, *files, "--json")
    assert ran.code in (0, 1), ran.err
    (figures,) = ran.facts["steps"]
    assert figures["target"] == "callbridge, TLS"
    assert figures["latency_ms"]["p50"] > 0


async def test_peers_take_turns_and_are_compared(tmp_path: Path) -> None:
    peer = f"{sys.executable} {bench.PEER_FOLDER / 'picows_echo.py'}"
    ran = await run(tmp_path, *QUICK, "--peer", peer, "--rounds", "2", "--json")
    assert ran.code == 0, ran.err
    assert [each["target"] for each in ran.facts["steps"]] == ["callbridge", "picows_echo"]
    assert all(each["seconds"] > 1.9 for each in ran.facts["steps"])  # of both rounds
    assert (tmp_path / "out" / "bench.png").stat().st_size > 10_000


async def test_a_ramp_ends_where_it_was_told_to(tmp_path: Path) -> None:
    ran = await run(
        tmp_path, "--from", "2", "--most", "3", "--seconds", "1", "--settle", "0", "--json"
    )
    assert ran.code in (0, 1), ran.err
    ramp_again = Ramp(2, 3)  # whatever a busy machine carried: its steps lead to these loads
    for figures in msgspec.convert(ran.facts["steps"], list[Figures]):
        assert figures.calls == ramp_again.next()
        ramp_again.took(figures)
    assert ramp_again.next() is None
    assert msgspec.convert(ran.facts["knee"], Knee) == ramp_again.knee()
    assert (tmp_path / "out" / "bench.png").exists()


# ---- bad ones -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("nonsense",), "'nonsense' is nothing to measure: give the address of a media stream"),
        (("ftp://here/x",), "is nothing to measure"),
        (("ws:///media",), "is nothing to measure"),
        (("ws://127.0.0.1:99999/media",), "is nothing to measure"),
        (("--talk", "--compare"), "--talk is about our own endpoint alone"),
        (("--codec", "G729"), "'G729' is no codec here"),
        (("--codec", "L16/22050"), "22050 Hz has no whole milliseconds"),
        (("--codec", "L16/fast"), "'L16/fast' is no codec here"),
        (("--ssl-certfile", "x.pem"), "--ssl-certfile and --ssl-keyfile belong together"),
        (("--peer", "/no/such/program"), "/no/such/program cannot be run"),
        (("ws://127.0.0.1:9/x", "--cafile", "/no/file"), "/no/file holds no certificates"),
    ],
)
async def test_what_cannot_be_measured_is_one_sentence(
    tmp_path: Path, args: tuple[str, ...], sentence: str
) -> None:
    ran = await run(tmp_path, *QUICK, *args)
    assert ran.code == 2
    assert sentence in ran.err
    assert "Traceback" not in ran.err
    assert len(ran.err.splitlines()) == 1


async def test_a_port_where_nobody_listens(tmp_path: Path) -> None:
    (port,) = free_ports(HERE, 1)
    ran = await run(tmp_path, f"ws://{HERE}:{port}/media", *QUICK)
    assert (ran.code, ran.err) == (
        2,
        f"callbridge: ws://{HERE}:{port}/media cannot be reached: Connection refused\n",
    )


async def test_a_port_that_is_taken_for_commands(tmp_path: Path) -> None:
    with socket.create_server((HERE, 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = await run(tmp_path, "http://127.0.0.1:9/webhooks", *QUICK, "--port", port)
    assert ran.code == 2
    assert f"cannot listen on {HERE} port {port}" in ran.err


async def test_a_peer_that_ends_by_itself(tmp_path: Path) -> None:
    peer = tmp_path / "broken.py"
    peer.write_text("raise SystemExit('no licence')\n")
    ran = await run(tmp_path, *QUICK, "--peer", f"{sys.executable} {peer}")
    assert ran.code == 2
    assert "broken: ended by itself, exit code 1" in ran.err
    assert "no licence" in ran.err


async def test_a_peer_that_dies_under_load(tmp_path: Path) -> None:
    """By its own words, not as a bench that cannot go on."""
    peer = tmp_path / "mortal.py"
    peer.write_text(
        f"import sys\nsys.path.insert(0, {str(bench.PEER_FOLDER)!r})\n"
        "import asyncio, os, picows_echo\n"
        "class Mortal(picows_echo.Echo):\n"
        "    seen = 0\n"
        "    def on_ws_frame(self, transport, frame):\n"
        "        Mortal.seen += 1\n"
        "        if Mortal.seen > 250:\n"
        "            print('out of memory', flush=True)\n"
        "            os._exit(3)\n"
        "        super().on_ws_frame(transport, frame)\n"
        "picows_echo.Echo = Mortal\n"
        "asyncio.run(picows_echo.serve(int(sys.argv[2])))\n"
    )
    load = ("--calls", "2", "--seconds", "4", "--settle", "0.2")
    ran = await run(tmp_path, *load, "--peer", f"{sys.executable} {peer}", "--rounds", "1")
    assert ran.code == 2
    assert "mortal: ended by itself, exit code 3" in ran.err
    assert "out of memory" in ran.err
    assert "Traceback" not in ran.err


def test_one_processor_is_too_few(monkeypatch: pytest.MonkeyPatch) -> None:
    def one(pid: int) -> set[int]:
        return {0}

    monkeypatch.setattr(os, "sched_getaffinity", one)
    with pytest.raises(CallbridgeError, match="need a processor each, and there is only one"):
        session.seats(None)
    with pytest.raises(CallbridgeError, match="need a processor each"):
        session.seats("ws://localhost:8000/media")
    elsewhere = session.seats("wss://bot.example/media")
    assert elsewhere is not None
    assert elsewhere.endpoint == elsewhere.generator == 0


def test_without_the_repository_there_are_no_peers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "PEER_FOLDER", tmp_path / "none")
    with pytest.raises(CallbridgeError, match="name programs of your own with --peer"):
        bench.check(wish(compare=True))


def test_the_standard_decides_the_exit_code() -> None:
    good, bad = step(calls=2), step(calls=2, verdict="slo", why="p99 30 ms, above 20 ms")
    assert bench.Result([good]).ok
    assert not bench.Result([good, bad]).ok
    assert bench.Result([good, bad], base="callbridge").ok  # a comparison has no standard


def wish(**changes: Any) -> Wish:
    fields: dict[str, Any] = {
        "url": None,
        "calls": 2,
        "first": 2,
        "most": 3,
        "seconds": 1.0,
        "window": 1.0,
        "settle": 0.0,
        "rounds": 1,
        "compare": False,
        "peers": (),
        "sound": bench.read_sound("PCMU", None, 8000),
        "slo": Slo(),
        "asgi": False,
        "talk": False,
        "tls": None,
        "host": HERE,
        "port": 0,
        "api_key": "bench",
        "cafile": None,
        "out": Path("out"),
    }
    return Wish(**(fields | changes))
