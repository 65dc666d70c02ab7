"""How soon a webhook is acknowledged while calls stream.

    python benchmarks/webhooks.py [--json] [--calls 100] [--rate 200] [--seconds 5] [--rounds 2]

`callbridge serve` with a bot that echoes, and beside it, in turn, a FastAPI handler that verifies
the signature and answers 200. Each is sent signed webhooks at an even rate over kept-alive
connections, without calls and while calls stream to the same process. Ours are keys pressed on the
calls that stream, so each is verified, read, known to be new, and written to its call's tape.

From the write of a request to the last byte of its answer, as its sender sees it. What the sender
is late by is printed, too: a machine that wakes this program late does the same to the servers."""

import argparse
import asyncio
import base64
import json
import os
import shlex
import sys
import tempfile
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, cast

import msgspec
import numpy as np
from machine import Load, LoadWatch

from callbridge.bench.doors import public_key
from callbridge.bench.session import LoadSound, Session, own, peer
from callbridge.carrier.net.service import signing_key
from callbridge.carrier.net.signed import signed
from callbridge.errors import CallbridgeError
from callbridge.host.child import ended_by_sigterm
from callbridge.tape.tape import read_line
from callbridge.timing.loop import new_loop

HOST, KEY = "127.0.0.1", "bench"  # the key that `callbridge.bench.session` gives its endpoints
PEER = Path(__file__).parent / "peers" / "fastapi_webhooks.py"
SETTLE_S = 0.5
WITHIN_S = 5.0
DIGITS = "0123456789*#"


# ---- sending -------------------------------------------------------------------------------------


class Connection(asyncio.Protocol):
    """One kept-alive connection; a request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[int] | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class

    def ask(self, request: bytes) -> "asyncio.Future[int]":
        """Its status."""
        assert self._transport is not None, "it is connected"
        self._answered, self._received = asyncio.get_running_loop().create_future(), b""
        self._transport.write(request)
        return self._answered

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        answered = self._answered
        if len(body) >= int(length or 0) and answered is not None and not answered.done():
            answered.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(CallbridgeError("a webhook's connection was closed"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Sender:
    """Sends requests when they are due, whether or not those before were answered."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []
        self.took: list[float] = []  # seconds, of each webhook
        self.late: list[float] = []
        self.refused = 0

    async def send(self, requests: Sequence[bytes], rate: float) -> None:
        begun = monotonic()
        async with asyncio.TaskGroup() as group:
            for number, request in enumerate(requests):
                due = begun + number / rate
                await asyncio.sleep(due - monotonic())
                self.late.append(monotonic() - due)
                group.create_task(self._one(request))

    async def _one(self, request: bytes) -> None:
        connection = self._idle.pop() if self._idle else await self._connect()
        began = monotonic()
        async with asyncio.timeout(WITHIN_S):
            status = await connection.ask(request)
        self.took.append(monotonic() - began)
        self.refused += status != 200
        self._idle.append(connection)

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, HOST, self._port)
        return connection

    def close(self) -> None:
        for connection in self._idle:
            connection.close()


def request(call_control_id: str, number: int) -> bytes:
    """A signed webhook: a key was pressed."""
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    payload = {
        "call_control_id": call_control_id,
        "call_leg_id": str(uuid.uuid4()),
        "call_session_id": str(uuid.uuid4()),
        "client_state": None,
        "connection_id": "1684641123236054244",
        "digit": DIGITS[number % len(DIGITS)],
        "from": "+13125550150",
        "to": "+13125550100",
    }
    data = {
        "event_type": "call.dtmf.received",
        "id": str(uuid.uuid4()),
        "occurred_at": at,
        "payload": payload,
        "record_type": "event",
    }
    body = json.dumps({"data": data, "meta": {"attempt": 1}}).encode()
    headers = signed(signing_key(KEY), body) | {"host": HOST, "content-length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /webhooks HTTP/1.1\r\n{head}\r\n".encode() + body


# ---- endpoints -----------------------------------------------------------------------------------


@dataclass(slots=True)
class Endpoint:
    session: Session
    tape: Path | None  # where the ids of its calls can be read

    @property
    def port(self) -> int:
        return port_of(pid(self))

    def calls(self) -> list[str]:
        """Ids to send webhooks of."""
        if self.tape is None:
            return ["v3:unknown"]
        lines = map(read_line, self.tape.read_bytes().splitlines())
        return list({line.call_control_id for line in lines if line.call_control_id})


def port_of(pid: int) -> int:
    """Where a process of ours listens for HTTP, by its command line."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return int(words[words.index(b"--port") + 1])


@asynccontextmanager
async def endpoints(folder: Path) -> AsyncGenerator[list[Endpoint]]:
    """Ours, and the peer."""
    tape = folder / "tape.jsonl"
    os.environ["CALLBRIDGE_TAPE"] = str(tape)
    key = base64.b64encode(bytes(signing_key(KEY).verify_key)).decode()
    assert key == public_key(KEY), "the endpoint believes what is signed here"
    command = shlex.join((sys.executable, str(PEER), "--key", key))
    async with own(LoadSound(), None) as ours, peer(command, LoadSound(), None) as theirs:
        theirs.name = "fastapi_webhooks"
        yield [Endpoint(ours, tape), Endpoint(theirs, None)]


# ---- measuring -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Webhooks of one endpoint under one load. Milliseconds, and us of its processor a webhook."""

    name: str
    calls: int
    webhooks: int
    p50: float
    p99: float
    worst: float
    sender_late_p99: float
    cpu_us: float | None  # where no call streams


async def window(endpoint: Endpoint, calls: int, count: int, rate: float) -> tuple[Sender, float]:
    await endpoint.session.have(calls)
    ids = endpoint.calls() if calls else ["v3:unknown"]
    ids = ids[-calls:] if calls else ids
    requests = [request(ids[number % len(ids)], number) for number in range(count)]
    await asyncio.sleep(SETTLE_S)
    process = endpoint.session.process
    assert process is not None, "it was started here"
    sender, before = Sender(endpoint.port), process.cpu_s()
    await sender.send(requests, rate)
    used = process.cpu_s() - before
    sender.close()
    await endpoint.session.have(0)
    if sender.refused:
        raise CallbridgeError(f"{endpoint.session.name} refused {sender.refused} webhooks")
    return sender, used


def acknowledged(name: str, calls: int, windows: Sequence[tuple[Sender, float]]) -> Acknowledged:
    took = np.concatenate([sender.took for sender, _ in windows]) * 1000
    late = np.concatenate([sender.late for sender, _ in windows]) * 1000
    used = sum(used for _, used in windows)
    p50, p99, worst = (round(float(np.percentile(took, at)), 2) for at in (50, 99, 100))
    return Acknowledged(
        name,
        calls,
        len(took),
        p50,
        p99,
        worst,
        round(float(np.percentile(late, 99)), 2),
        None if calls else round(1e6 * used / len(took), 1),
    )


async def measure(calls: int, rate: float, seconds: float, rounds: int) -> dict[str, Any]:
    found: dict[tuple[str, int], list[tuple[Sender, float]]] = {}
    with tempfile.TemporaryDirectory() as folder, ended_by_sigterm():
        async with endpoints(Path(folder)) as both:
            watch = LoadWatch({each.session.name: pid(each) for each in both})
            for _ in range(rounds):
                for streaming in (0, calls):
                    for each in both:
                        one = await window(each, streaming, round(rate * seconds), rate)
                        found.setdefault((each.session.name, streaming), []).append(one)
            used = watch.load()
    return {"machine": used, "rows": [acknowledged(*key, each) for key, each in found.items()]}


def pid(endpoint: Endpoint) -> int:
    assert endpoint.session.server is not None, "it was started here"
    return endpoint.session.server.pid


def show(machine: Load, rows: Sequence[Acknowledged]) -> None:
    print(machine)
    titles = ("calls", "webhooks", "p50 ms", "p99", "worst", "sender late p99", "CPU us")
    print(f"{'':18}" + "".join(f"{title:>{max(9, len(title) + 2)}}" for title in titles))
    for row in rows:
        cpu = "-" if row.cpu_us is None else f"{row.cpu_us:.0f}"
        print(
            f"{row.name:18}{row.calls:9}{row.webhooks:10}{row.p50:9.2f}{row.p99:9.2f}"
            f"{row.worst:9.2f}{row.sender_late_p99:17.2f}{cpu:>9}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--calls", type=int, default=100, help="that stream meanwhile")
    parser.add_argument("--rate", type=float, default=200.0, help="webhooks a second")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each window")
    parser.add_argument("--rounds", type=int, default=2, help="of all windows, in turn")
    options = parser.parse_args()
    measuring = measure(options.calls, options.rate, options.seconds, options.rounds)
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            found = runner.run(measuring)
    except CallbridgeError as error:
        raise SystemExit(f"webhooks: {error}") from None
    if options.json:
        print(json.dumps(msgspec.to_builtins(found)))
    else:
        show(found["machine"], found["rows"])


if __name__ == "__main__":
    main()
