"""`callbridge bench` against real endpoints: processes, sockets, files, exit codes.

Its own process is the test's, but for Ctrl-C: to start a Python for each test takes longer than
what the tests are about."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme

from callbridge import __main__ as command_line
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
QUICK = ("--calls", "2", "--seconds", "1", "--settle", "0")


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str
    facts: dict[str, Any]  # of bench.json; empty if it was not written

    @property
    def steps(self) -> list[Figures]:
        return msgspec.convert(self.facts["steps"], list[Figures])


Run = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The command as typed; after a short warming-up, as nobody measures memory here."""
    monkeypatch.setattr(session, "WARM_S", 0.05)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*args: str) -> Ran:
        out = tmp_path / "out"
        monkeypatch.setattr(sys, "argv", ["callbridge", "bench", *args, "--out", str(out)])
        code: object = None
        try:
            command_line.main()
        except SystemExit as ended:
            code = ended.code
        printed = capfd.readouterr()
        assert isinstance(code, int), code
        return Ran(code, printed.out, printed.err, read(out / "bench.json"))

    return run


def read(path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return facts


# ---- good ones ----------------------------------------------------------------------------------
# Exit code 1: other work on the machine kept the generator or the endpoint late.


def test_our_own_endpoint_is_started_rung_up_and_measured_to_the_end_of_the_ramp(
    run: Run, tmp_path: Path
) -> None:
    ran = run("--from", "2", "--most", "3", "--seconds", "1", "--settle", "0", "--json")
    assert ran.code in (0, 1), ran.err
    assert json.loads(ran.out) == ran.facts
    first = ran.steps[0]
    assert first.calls == 2
    assert first.frames >= 90
    assert first.latency_ms is not None
    assert first.latency_ms.p50 > 0
    assert (first.foreign, first.dropped) == (0, 0)
    assert first.cpu_us_per_frame is not None
    assert first.cpu_us_per_frame > 0
    assert first.lag_p99_ms is not None  # read from its /metrics
    ramp_again = Ramp(2, 3)  # whatever a busy machine carried: its steps lead to these loads
    for figures in ran.steps:
        assert figures.calls == ramp_again.next()
        ramp_again.took(figures)
    assert ramp_again.next() is None
    assert msgspec.convert(ran.facts["knee"], Knee) == ramp_again.knee()
    assert (tmp_path / "out" / "bench.png").exists()


def test_a_bot_that_talks_is_measured_by_its_pacing(run: Run) -> None:
    ran = run(*QUICK, "--talk", "--slo-ms", "900", "--json")
    assert ran.code in (0, 1), ran.err
    (figures,) = ran.steps
    assert figures.target == "callbridge, talking"
    assert figures.latency_ms is None
    assert figures.jitter_ms is not None
    assert (figures.lost, figures.foreign, figures.dropped) == (0, 0, 0)


RELAY = ("--relay", "--tokens", "2", "--token-ms", "1", "--every", "1")


def test_over_a_relay_each_prompt_is_answered_by_its_tokens(run: Run) -> None:
    peer = f"{sys.executable} {bench.PEER_FOLDER / 'relay_picows.py'}"
    two = ("--calls", "2", "--seconds", "2", "--settle", "0", "--rounds", "1")
    ran = run(*RELAY, *two, "--peer", peer, "--json")
    assert ran.code == 0, ran.err
    assert [each.target for each in ran.steps] == ["callbridge", "relay_picows"]
    for figures in ran.steps:
        assert 2 <= figures.frames <= 4, "a prompt a second of each of two calls"
        assert figures.tokens is not None
        assert figures.tokens >= 2 * (figures.frames - 1)  # the last may be under way
        assert (figures.lost, figures.foreign, figures.dropped) == (0, 0, 0)
        assert figures.latency_ms is not None
        assert 0 < figures.latency_ms.p50 < 1000
        assert figures.token_ms is not None
        assert 0 < figures.token_ms.p50 < 1000
        assert figures.cpu_us_per_token is not None
    assert ran.facts["scene"]["codec"] == "relay, a turn of 2 tokens, 1 ms apart, every 1 s"


def test_on_asgi_l16_goes_both_ways_through_a_bot_at_another_rate(run: Run) -> None:
    wide = ("--codec", "L16", "--reply-codec", "L16/24000", "--bot-rate", "8000")
    ran = run(*QUICK, "--asgi", *wide, "--json")
    assert ran.code in (0, 1), ran.err
    (figures,) = ran.steps
    assert figures.target == "callbridge on ASGI"
    assert ran.facts["scene"]["codec"] == "L16 16 kHz in, L16 24 kHz out, bot at 8000 Hz"
    assert figures.latency_ms is not None
    assert figures.latency_ms.p50 > 4  # the resamplers' constant delay is measured, too
    assert figures.foreign == 0
    assert figures.lag_p99_ms is not None


def test_a_codec_with_a_memory_goes_both_ways(run: Run) -> None:
    pytest.importorskip("G722", reason="pip install 'callbridge[hd]'")
    ran = run(*QUICK, "--codec", "G722", "--json")
    assert ran.code in (0, 1), ran.err
    (figures,) = ran.steps
    assert ran.facts["scene"]["codec"] == "G722"
    assert figures.latency_ms is not None
    assert 22 / 16 * 2 * 0.5 < figures.latency_ms.p50 < 100  # both ways through the two filters
    assert (figures.foreign, figures.lost) == (0, 0)


@dataclass(frozen=True)
class Theirs:
    """An endpoint of somebody's, which knows the carrier's key and address."""

    rest: int
    port: int


@pytest.fixture
async def theirs() -> AsyncIterator[Theirs]:
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
        yield Theirs(rest, port)


def test_somebodys_endpoint_by_its_webhook(run: Run, theirs: Theirs) -> None:
    """The carrier's side of it, with the key that it told the endpoint."""
    webhook = f"http://{HERE}:{theirs.port}/webhooks"
    commands = ("--port", str(theirs.rest))
    ran = run(webhook, *QUICK, *commands, "--api-key", "theirs")
    assert ran.code in (0, 1), ran.err
    assert f"TELNYX_PUBLIC_KEY={public_key('theirs')}" in ran.out
    # A line for each step, when not a terminal.
    assert f"{HERE}:{theirs.port}, 2 calls: p50 " in ran.out
    refused = run(webhook, *QUICK, *commands, "--api-key", "other")
    assert refused.code == 2
    assert "callbridge: the webhook call.initiated was not taken: 401" in refused.err
    token = run(f"ws://{HERE}:{theirs.port}/media", *QUICK)
    assert token.code == 2
    assert "takes no WebSocket: HTTP 401, the stream's address has no token" in token.err


def test_tls(run: Run, tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.private_key_pem.write_to_path(str(key))
    issued.cert_chain_pems[0].write_to_path(str(cert))
    authority.cert_pem.write_to_path(str(cert), append=True)
    ran = run(*QUICK, "--ssl-certfile", str(cert), "--ssl-keyfile", str(key), "--json")
    assert ran.code in (0, 1), ran.err
    (figures,) = ran.steps
    assert figures.target == "callbridge, TLS"
    assert figures.latency_ms is not None


def test_peers_take_turns_and_are_compared(run: Run, tmp_path: Path) -> None:
    peer = f"{sys.executable} {bench.PEER_FOLDER / 'picows_echo.py'}"
    ran = run(*QUICK, "--peer", peer, "--rounds", "2", "--json")
    assert ran.code == 0, ran.err
    assert [each.target for each in ran.steps] == ["callbridge", "picows_echo"]
    assert all(each.seconds > 1.9 for each in ran.steps)  # of both rounds
    assert (tmp_path / "out" / "bench.png").stat().st_size > 10_000


async def test_what_was_measured_until_ctrl_c_is_not_lost(tmp_path: Path) -> None:
    bench_for_long = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "callbridge", "bench", "--calls", "2", "--settle", "0",
        "--seconds", "60", "--window", "1", "--out", str(tmp_path),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert bench_for_long.stdout is not None
    async with asyncio.timeout(30):
        async for line in bench_for_long.stdout:
            if b"2 calls: p50" in line:
                break
        bench_for_long.send_signal(signal.SIGINT)
        out, err = await bench_for_long.communicate()
    assert bench_for_long.returncode not in (0, 1, 2)
    assert b"verdict" in out, err  # the table
    assert read(tmp_path / "bench.json")["steps"][0]["calls"] == 2
    assert read(tmp_path / "bench.json")["broken_off"] == "stopped before its end"
    assert b"Traceback" not in err


# ---- bad ones -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("nonsense",), "'nonsense' is nothing to measure: give the address of a media stream"),
        (("ftp://here/x",), "is nothing to measure"),
        (("ws:///media",), "is nothing to measure"),
        (("ws://127.0.0.1:99999/media",), "is nothing to measure"),
        (("--talk", "--compare"), "--talk is about our own endpoint alone"),
        (("--relay", "--talk"), "--talk is about audio, and --relay is without any"),
        (
            ("--relay", "--every", "5"),
            "an answer of 20 tokens takes 7.7 s until it has been spoken",
        ),
        (("--codec", "G729"), "'G729' is no codec here"),
        (("--codec", "L16/22050"), "22050 Hz has no whole milliseconds"),
        (("--codec", "L16/fast"), "'L16/fast' is no codec here"),
        (("--codec", "L16/44100"), "L16 at 44100 Hz is not supported"),
        (("--ssl-certfile", "x.pem"), "--ssl-certfile and --ssl-keyfile belong together"),
        (("--peer", "/no/such/program"), "/no/such/program cannot be run"),
        (("ws://127.0.0.1:9/x", "--cafile", "/no/file"), "/no/file holds no certificates"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(
    run: Run, args: tuple[str, ...], sentence: str
) -> None:
    ran = run(*QUICK, *args)
    assert ran.code == 2
    assert sentence in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_port_where_nobody_listens(run: Run) -> None:
    (port,) = free_ports(HERE, 1)
    ran = run(f"ws://{HERE}:{port}/media", *QUICK)
    assert (ran.code, ran.err) == (
        2,
        f"callbridge: ws://{HERE}:{port}/media cannot be reached: Connection refused\n",
    )


def test_a_port_that_is_taken_for_commands(run: Run) -> None:
    with socket.create_server((HERE, 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = run("http://127.0.0.1:9/webhooks", *QUICK, "--port", port)
    assert ran.code == 2
    assert f"cannot listen on {HERE} port {port}" in ran.err


def test_a_peer_that_ends_by_itself(run: Run, tmp_path: Path) -> None:
    peer = tmp_path / "broken.py"
    peer.write_text("raise SystemExit('no licence')\n")
    ran = run(*QUICK, "--peer", f"{sys.executable} {peer}")
    assert ran.code == 2
    assert "broken: failed with exit code 1" in ran.err
    assert "no licence" in ran.err


MORTAL = """
import asyncio, os, sys
sys.path.insert(0, "PEER_FOLDER")
import picows_echo

class Mortal(picows_echo.Echo):
    seen = 0

    def on_ws_frame(self, transport, frame):
        Mortal.seen += 1
        if Mortal.seen > 60:  # in the middle of its window
            print("out of memory", flush=True)
            os._exit(3)
        super().on_ws_frame(transport, frame)

picows_echo.Echo = Mortal
asyncio.run(picows_echo.serve(int(sys.argv[2])))
"""


def test_a_peer_that_dies_under_load(run: Run, tmp_path: Path) -> None:
    """By its own words, not as a bench that cannot go on."""
    peer = tmp_path / "mortal.py"
    peer.write_text(MORTAL.replace("PEER_FOLDER", str(bench.PEER_FOLDER)))
    ran = run(*QUICK, "--peer", f"{sys.executable} {peer}", "--rounds", "1")
    assert ran.code == 2
    assert "mortal: failed with exit code 3" in ran.err
    assert [each.target for each in ran.steps] == ["callbridge"]  # what was measured before
    assert "mortal: failed with exit code 3" in ran.facts["broken_off"]
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


@pytest.mark.parametrize(
    ("there", "back", "words"),
    [
        ("PCMU", None, "PCMU"),
        ("PCMA", None, "PCMA"),
        ("PCMA", "PCMU", "PCMU (of PCMA callers) in, PCMU out"),
        ("PCMU", "PCMA", "PCMA (of PCMU callers) in, PCMA out"),
        ("L16/8000", "PCMU", "L16 8 kHz in, PCMU out"),
    ],
)
def test_the_header_says_what_is_on_the_stream(there: str, back: str | None, words: str) -> None:
    assert bench.in_words(bench.read_sound(there, back, 8000), ours=True) == words


def test_the_standard_decides_the_exit_code() -> None:
    good, bad = step(calls=2), step(calls=2, verdict="slo", why="p99 30 ms, above 20 ms")
    assert bench.BenchResult([good]).ok
    assert not bench.BenchResult([good, bad]).ok
    assert bench.BenchResult([good, bad], base="callbridge").ok  # a comparison has no standard


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
        "relay": None,
        "tls": None,
        "host": HERE,
        "port": 0,
        "api_key": "bench",
        "cafile": None,
        "out": Path("out"),
    }
    return Wish(**(fields | changes))
