"""What the desk costs: questions a minute to the platform, and its own processor time.

    python benchmarks/desk.py --calls 100 --pages 20

A local carrier with so many calls, `callbridge desk` in a process of its own, and so many pages
open; between the two a relay that counts requests. A minute is warm-up, the next is measured."""

import argparse
import asyncio
import os
import re
import sys
from collections import Counter

import httpx

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.net.service import run
from callbridge.carrier.net.shell import Running

KEY = "local-key"
REQUEST = re.compile(rb"^(?:GET|POST) (\S+) HTTP/1\.1\r$", re.MULTILINE)
IDS = re.compile(r"/[^/?]*[0-9]{3}[^/?]*")


class CountingRelay:
    """Bytes through to the carrier; `asked` counts requests by their paths, without ids."""

    def __init__(self, port: int) -> None:
        self.asked: Counter[str] = Counter()
        self._port = port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(
            self._pump(reader, far_writer, counts=True),
            self._pump(far_reader, writer, counts=False),
        )

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counts: bool
    ) -> None:
        while data := await reader.read(65536):
            if counts:
                paths = (path.decode().partition("?")[0] for path in REQUEST.findall(data))
                self.asked.update(IDS.sub("/ID", path) for path in paths)
            writer.write(data)
            await writer.drain()
        writer.close()


async def main(calls: int, pages: int, seconds: float) -> None:
    started: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    config = CarrierConfig(api_key=KEY, webhook_url="http://127.0.0.1:9/")
    carrier = asyncio.create_task(
        run(config, started=started.set_result, stop=stop, handle_signals=False)
    )
    port = (await started).port
    relay = CountingRelay(port)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relayed = server.sockets[0].getsockname()[1]
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as http:
        for number in range(calls):
            steps = [{"wait": "hangup", "within": 600}]
            script = {"from": f"+1312555{number:04}", "to": "+13125550100", "steps": steps}
            (await http.post("/carrier/calls", json=script)).raise_for_status()
    desk = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "callbridge", "desk", "--port", "0",
        env={
            **os.environ,
            "TELNYX_API_KEY": KEY,
            "TELNYX_BASE_URL": f"http://127.0.0.1:{relayed}/v2",
            "CALLBRIDGE_CONNECTION_ID": config.connection_id,
            "CALLBRIDGE_LOG": "text",
        },
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert desk.stderr is not None
    found = re.search(rb"http://\S+?(?=,)", await desk.stderr.readline())
    assert found is not None, (await desk.stderr.read()).decode()
    url = found[0].decode()
    readers = [asyncio.create_task(open_page(url)) for _ in range(pages)]
    await asyncio.sleep(seconds)
    relay.asked.clear()
    before = processor_s(desk.pid)
    await asyncio.sleep(seconds)
    used = processor_s(desk.pid) - before
    for reader in readers:
        reader.cancel()
    sizes = await asyncio.gather(*readers, return_exceptions=True)
    desk.terminate()
    await desk.wait()
    stop.set()
    await carrier
    server.close()
    a_minute = {path: round(n * 60 / seconds, 1) for path, n in relay.asked.most_common()}
    print(f"{calls} calls, {pages} pages: {sum(a_minute.values()):.0f} requests a minute")
    print(a_minute)
    print(f"the desk's process: {100 * used / seconds:.1f} % of a core")
    assert all(isinstance(size, asyncio.CancelledError) for size in sizes), sizes


async def open_page(url: str) -> None:
    """A browser of its own, which reads what the page of all calls is told."""
    async with httpx.AsyncClient(base_url=url, timeout=None, follow_redirects=True) as http:
        (await http.get("/calls")).raise_for_status()
        async with http.stream("GET", "/live/calls") as answer:
            answer.raise_for_status()
            async for _ in answer.aiter_bytes():
                pass


def processor_s(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    asyncio.run(main(given.calls, given.pages, given.seconds))
