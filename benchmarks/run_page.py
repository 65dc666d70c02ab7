"""What the page of `callbridge run` costs the bridge, and the command itself.

    python benchmarks/run_page.py [--calls 100] [--seconds 8] [--turns 3]

Calls of an echo bot go on; in turns nobody looks and a page reads the live view, for so many
seconds each. Printed are percents of a core: user and system time of the processes."""

import argparse
import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil

from callbridge.host.bind import free_ports
from callbridge.host.child import ourselves

ECHO = Path(__file__).parents[1] / "examples" / "echo.py"
SCRIPT = {"steps": [{"wait": "answered"}]}  # and then they stay on the line
APART_S = 0.05
SETTLE_S = 2.0


@asynccontextmanager
async def running(folder: Path) -> AsyncGenerator[tuple[psutil.Process, httpx.AsyncClient]]:
    script = folder / "stays.json"
    script.write_text(json.dumps(SCRIPT))
    options = ("--json", "--script", str(script), "--out", str(folder / "out"))
    port = str(free_ports("127.0.0.1", 1)[0])
    process = await asyncio.create_subprocess_exec(
        *ourselves("run", str(ECHO), *options, "--port", port),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        page = json.loads(await process.stdout.readline())["page"]
        url = page.partition("/?")[0]
        async with httpx.AsyncClient(
            base_url=url, trust_env=False, follow_redirects=True, timeout=60
        ) as http:
            while "answers, since" not in (await http.get(page)).text:  # noqa: ASYNC110  a process starts
                await asyncio.sleep(SETTLE_S / 10)
            yield psutil.Process(process.pid), http
    finally:
        process.terminate()
        await process.wait()


async def look(http: httpx.AsyncClient) -> None:
    async with http.stream("GET", "/events") as stream:
        async for _ in stream.aiter_bytes():
            pass


def used_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def percents(processes: list[psutil.Process], seconds: float) -> list[float]:
    before = [used_s(each) for each in processes]
    await asyncio.sleep(seconds)
    after = [used_s(each) for each in processes]
    return [100 * (b - a) / seconds for a, b in zip(before, after, strict=True)]


async def main(calls: int, seconds: float, turns: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with running(Path(folder)) as (command, http):
            for _ in range(calls):
                await http.post("/calls", headers={"hx-request": "true"})
                await asyncio.sleep(APART_S)
            await asyncio.sleep(SETTLE_S)
            (bridge,) = command.children()
            print(f"{calls} calls, spans of {seconds:g} s, % of a core")
            for _ in range(turns):
                for viewed in (False, True):
                    looking = asyncio.create_task(look(http)) if viewed else None
                    of_bridge, of_command = await percents([bridge, command], seconds)
                    who = "a page looks " if viewed else "nobody looks "
                    print(f"{who} bridge {of_bridge:5.1f}   carrier and page {of_command:5.1f}")
                    if looking is not None:
                        looking.cancel()
                        await asyncio.gather(looking, return_exceptions=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    asyncio.run(main(options.calls, options.seconds, options.turns))
