"""`callbridge run` as a process, and small bots for it."""

import asyncio
import json
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from callbridge.host.bind import free_ports
from callbridge.host.child import ourselves

BEGINS_S = 60.0
ENDS_S = 20.0

# Says who it is, until the caller hangs up.
NAMED = """
from callbridge import App, Call

app = App()


@app.call
async def named(call: Call) -> None:
    while True:
        await call.say("This is the {name} bot. Stay here.")
"""


class Ran:
    """A running one. `page` has the key to it."""

    def __init__(self, process: asyncio.subprocess.Process, page: str) -> None:
        self.process, self.page = process, page
        parts = urlsplit(page)
        self.url = f"{parts.scheme}://{parts.netloc}"
        self.port = parts.port

    @asynccontextmanager
    async def client(self) -> AsyncGenerator[httpx.AsyncClient]:
        """A browser without a window: with the cookie."""
        async with httpx.AsyncClient(
            base_url=self.url, trust_env=False, follow_redirects=True, timeout=60
        ) as http:
            assert (await http.get(self.page)).status_code == 200
            yield http


@asynccontextmanager
async def ran(bot: Path, out: Path, *options: str) -> AsyncGenerator[Ran]:
    """Until the block ends, with Ctrl-C; nothing may be left of it then."""
    if "--port" not in options:  # the usual one may be another test's
        options = (*options, "--port", str(free_ports("127.0.0.1", 1)[0]))
    with (out.parent / "stderr.txt").open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            *ourselves("run", str(bot), "--json", "--out", str(out), *options),
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(BEGINS_S):
            first = await process.stdout.readline()
        assert first, (out.parent / "stderr.txt").read_text()
        yield Ran(process, json.loads(first)["page"])
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        async with asyncio.timeout(ENDS_S):
            await process.wait()


async def until(
    http: httpx.AsyncClient, text: str, path: str = "/", *, within_s: float = 60
) -> str:
    """The page, as soon as it holds that text."""
    async with asyncio.timeout(within_s):
        while True:
            page = (await http.get(path)).text
            if text in page:
                return page
            await asyncio.sleep(0.1)


def save(file: Path, text: str) -> None:
    """As an editor does."""
    file.write_text(text)
