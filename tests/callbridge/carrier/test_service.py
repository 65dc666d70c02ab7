"""The running carrier: sockets that misbehave, its own extras, its start and its end."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.net.service import run, signing_key
from callbridge.errors import CallbridgeError, SettingsError
from telecodecs import Pcm
from tests.callbridge.carrier.live import KEY, Live, carrier, customer, echo, hooks, write_tone

RTP = {"stream_bidirectional_mode": "rtp", "stream_bidirectional_target_legs": "self"}


async def test_a_restarted_carrier_knows_its_applications_and_finished_calls(
    tmp_path: Path,
) -> None:
    config = CarrierConfig(api_key=KEY)
    support = {"application_name": "support", "webhook_event_url": "http://127.0.0.1:9/"}
    async with carrier(config, out_dir=tmp_path) as live:
        made = await live.http.post("/v2/call_control_applications", json=support)
        call = await live.ring(steps=[{"hangup": True}])
        before = await live.finished(call)
    async with carrier(config, out_dir=tmp_path) as live:
        path = f"/v2/call_control_applications/{made.json()['data']['id']}"
        assert (await live.http.get(path)).json()["data"]["application_name"] == "support"
        assert await live.finished(call) == before


def test_the_key_of_a_carrier_on_this_machine_follows_from_its_api_key() -> None:
    assert signing_key("one") == signing_key("one")
    assert signing_key("one") != signing_key("two")


@pytest.mark.parametrize("url", ["not-a-url", "ftp://host/", "http://", "http:/webhooks", ""])
def test_an_address_that_no_webhook_can_go_to_is_refused(url: str) -> None:
    for name in ("webhook_url", "webhook_failover_url"):
        with pytest.raises(SettingsError, match="no address for webhooks"):
            CarrierConfig(**{name: url})  # type: ignore[arg-type]


def recordings(folder: Path, call: str) -> list[Path]:
    return list(folder.glob(f"*-{call[-6:]}.wav"))


async def streamed(live: Live, url: str, **fields: object) -> str:
    call = await live.ring(steps=[{"wait": "hangup"}])
    assert await live.command(call, "answer", stream_url=url, **RTP, **fields) == 200
    return call


async def test_frames_come_every_20_ms_and_the_token_with_the_handshake() -> None:
    arrivals: list[float] = []
    opened: list[ServerConnection] = []

    async def collect(socket: ServerConnection) -> None:
        opened.append(socket)
        media = (message async for message in socket if json.loads(message)["event"] == "media")
        arrivals.extend([time.monotonic() async for _ in media])

    async with customer(collect) as url, carrier() as live:
        call = await streamed(live, url, stream_auth_token="s3cret")
        await asyncio.sleep(0.6)
        await live.command(call, "hangup")
        await live.finished(call)
    request = opened[0].request
    assert request is not None
    assert request.path == "/media?call=1"
    assert request.headers["x-telnyx-streaming-auth-token"] == "s3cret"
    assert len(arrivals) >= 20
    assert (arrivals[-1] - arrivals[0]) / (len(arrivals) - 1) == pytest.approx(0.02, abs=0.008)


async def test_a_refused_handshake_is_reported_and_the_call_stays() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with hooks() as app, await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        config = CarrierConfig(api_key=KEY, webhook_url=app.url)
        async with carrier(config) as live:
            call = await streamed(live, f"ws://127.0.0.1:{port}/")
            failed = await app.event("streaming.failed")
            status = await live.http.get(f"/v2/calls/{call}")
            assert status.json()["data"]["is_alive"] is True
    assert "403" in failed["failure_reason"]


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9/", "ws://127.0.0.1:99999/", "ws://[::1/"])
async def test_a_stream_url_that_leads_nowhere(url: str) -> None:
    async with carrier() as live:
        call = await streamed(live, url)
        failure = await live.until(call, "stream failed")
        assert failure["detail"]["reason"]
        assert await live.command(call, "streaming_start", stream_url=url) == 200


async def test_a_customer_who_closes_the_socket_leaves_the_call_up() -> None:
    async def leave(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.recv()

    async with customer(leave) as url, carrier() as live:
        call = await streamed(live, url)
        await live.until(call, "stream closed by the customer")
        assert (await live.http.get(f"/v2/calls/{call}")).json()["data"]["is_alive"] is True


async def test_a_line_that_breaks_is_a_failure() -> None:
    async def drop(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.recv()
        socket.transport.abort()

    async with customer(drop) as url, carrier() as live:
        call = await streamed(live, url)
        await live.until(call, "stream failed")


async def test_bad_frames_over_the_wire_do_not_close_the_socket() -> None:
    codes: list[int] = []

    async def wrong(socket: ServerConnection) -> None:
        for message in ("{", b"\x00\x01", '{"event":"media","media":{"payload":"?"}}'):
            await socket.send(message)
        async for message in socket:
            frame = json.loads(message)
            if frame["event"] == "error":
                codes.append(frame["payload"]["code"])
                if len(codes) == 3:
                    return

    async with customer(wrong) as url, carrier() as live:
        call = await streamed(live, url)
        await live.until(call, "stream closed by the customer")
    assert codes == [100003, 100003, 100004]


# ---- extras -----------------------------------------------------------------------------------


async def test_the_extras_want_the_key_and_a_script_that_makes_sense(tmp_path: Path) -> None:
    (tmp_path / "noise.wav").write_bytes(b"ID3 no wave at all")
    async with carrier() as live:
        bad = {"authorization": "Bearer wrong"}
        for method, path in (("POST", "/carrier/calls"), ("GET", "/carrier/calls/x"),
                             ("GET", "/carrier/calls/x/tape")):  # fmt: skip
            assert (await live.http.request(method, path, headers=bad)).status_code == 401
        for path in ("/carrier/calls/x", "/carrier/calls/x/tape"):
            assert (await live.http.get(path)).status_code == 404
        for body, words in (
            (b"{", "not JSON"),
            (b'{"steps":[{"dance":1}]}', "step 1 is none of"),
            (b'{"steps":[{"play":"none.wav"}]}', "no such file"),
            (b'{"steps":[{"play":"noise.wav"}]}', "not an audio file"),
            (b'{"steps":[{"play":"no_such_package:a.wav"}]}', "not installed"),
        ):
            answer = await live.http.post(f"/carrier/calls?base={tmp_path}", content=body)
            assert answer.status_code == 422
            assert words in answer.json()["errors"][0]["detail"]
        key = (await live.http.get("/carrier/public_key")).json()
        assert key["public_key"] == live.running.public_key
        assert (await live.http.get("/elsewhere")).status_code == 404


async def test_scripts_may_name_a_file_of_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "somebodys_voice"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    write_tone(package / "hi.wav", 100, rate=48000, channels=2)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    async with carrier() as live:
        call = await live.ring(steps=[{"play": "somebodys_voice:hi.wav"}, {"hangup": True}])
        assert await live.command(call, "answer") == 200
        summary = await live.finished(call)
    assert summary["failed"] == []
    assert summary["duration_s"] >= 0.1


async def test_the_tape_follows_a_call_until_its_end() -> None:
    async with customer(echo) as url, carrier() as live:
        call = await streamed(live, url)
        await live.until(call, "stream started")
        following = asyncio.create_task(live.tape(call))
        await asyncio.sleep(0.1)
        assert not following.done()
        await live.command(call, "hangup")
        tape = await following
    kinds = [entry["kind"] for entry in tape]
    assert kinds[0] == "state"
    assert {"webhook", "command", "stream opening", "stream started", "stream stopped"} <= set(
        kinds
    )
    assert all(early["at_s"] <= late["at_s"] for early, late in pairwise(tape))


async def test_a_failed_expectation_is_in_the_summary() -> None:
    async with carrier() as live:
        call = await live.ring(steps=[{"hangup": True}], expect=[{"answered": True}])
        summary = await live.finished(call)
    assert summary["failed"] == ["answered: expected True, found False"]
    assert summary["files"] == {"wav": None, "json": None}


async def test_a_voice_that_breaks_is_survived() -> None:
    def broken(text: str, sample_rate: int, *, ssml: bool, language: str, female: bool) -> Pcm:
        raise SettingsError("no voice today")

    async with carrier(voice=broken) as live:
        call = await live.ring(steps=[{"wait": "hangup"}])
        await live.command(call, "answer")
        assert await live.command(call, "speak", payload="hi", voice="female") == 200
        await live.until(call, "speak failed")


async def test_a_folder_that_cannot_be_written_costs_the_recording_only(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where a folder should be")
    async with carrier(out_dir=tmp_path / "out") as live:
        call = await live.ring(steps=[{"hangup": True}])
        summary = await live.finished(call)
        assert summary["files"] == {"wav": None, "json": None}
        await live.ring()


async def test_requests_that_are_too_large_or_no_http_leave_it_working() -> None:
    async with carrier() as live:
        answer = await live.http.post("/v2/calls", content=b"[" * 2_000_000)
        assert answer.status_code == 400
        reader, writer = await asyncio.open_connection("127.0.0.1", live.running.port)
        writer.write(b"\x16\x03\x01 no http\r\n\r\n")
        assert b"400" in await reader.readline()
        writer.close()
        assert (await live.http.get("/carrier/public_key")).status_code == 200


# ---- start and end ----------------------------------------------------------------------------


async def test_a_port_in_use_is_one_clear_line() -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CallbridgeError, match=f"cannot listen on 127.0.0.1 port {port}: "):
            await run(CarrierConfig(), port=port)
    for host, port in (("no.such.host.invalid", 0), ("127.0.0.1", 99999)):
        with pytest.raises(CallbridgeError, match="cannot listen"):
            await run(CarrierConfig(), host=host, port=port)


async def test_when_it_stops_all_calls_end_in_order(tmp_path: Path) -> None:
    frames: list[str] = []

    async def collect(socket: ServerConnection) -> None:
        frames.extend([json.loads(message)["event"] async for message in socket])

    async with hooks() as app, customer(collect) as url:
        config = CarrierConfig(api_key=KEY, webhook_url=app.url)
        async with carrier(config, out_dir=tmp_path) as live:
            call = await streamed(live, url)
            await live.until(call, "stream started")
            await asyncio.sleep(0.1)
        hangup = await app.event("call.hangup")
    assert (hangup["hangup_cause"], hangup["sip_hangup_cause"]) == ("unspecified", "503")
    assert frames[-1] == "stop"
    assert len(recordings(tmp_path, call)) == 1


async def test_repetitions_that_are_due_later_do_not_delay_the_end() -> None:
    async with carrier(
        CarrierConfig(api_key=KEY, webhook_url="http://127.0.0.1:9/"), webhook_backoff_s=60.0
    ) as live:
        call = await live.ring()
        await live.until(call, "webhook delivery")
        begin = time.monotonic()
    assert time.monotonic() - begin < 1.5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_process_cleanly(number: signal.Signals) -> None:
    program = (
        "import asyncio\n"
        "from callbridge.carrier.config import CarrierConfig\n"
        "from callbridge.carrier.net.service import run\n"
        "asyncio.run(run(CarrierConfig(), started=lambda r: print(r.port, flush=True)))\n"
        "print('clean')\n"
    )
    path = os.pathsep.join(p for p in sys.path if p)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env=os.environ | {"PYTHONPATH": path},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    assert port > 0
    process.send_signal(number)
    out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"clean\n", b"")
