"""The two processes of a demo: a carrier and a bridge that know each other."""

import asyncio
import secrets
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeVar

import httpx

from callbridge.carrier.net import ring
from callbridge.demo.journal import follow
from callbridge.demo.telling import Telling
from callbridge.errors import CallbridgeError
from callbridge.host.bind import free_ports
from callbridge.host.child import Child, ourselves, running

T = TypeVar("T")

HOST = "127.0.0.1"
CALL_S = 180.0  # no call of a demo lasts longer
RING_S = 2.0  # of a number that is dialled


class Ends(NamedTuple):
    """The two processes, and the way to each."""

    carrier: Child
    bridge: Child
    exchange: ring.Carrier
    bridge_url: str


@asynccontextmanager
async def both(
    bot: Path,
    voice: str | None,
    out_dir: Path,
    numbers: Path | None,
    http: httpx.AsyncClient,
    telling: Telling,
) -> AsyncGenerator[Ends]:
    """A carrier and a bridge that know each other, ready for a call."""
    carrier_port, bridge_port = free_ports(HOST, 2)
    carrier_url, bridge_url = f"http://{HOST}:{carrier_port}", f"http://{HOST}:{bridge_port}"
    api_key = f"KEY{secrets.token_hex(12)}"
    telling.note(f"a carrier on {carrier_url}")
    with TemporaryDirectory(prefix="callbridge-") as folder:
        tape = Path(folder) / "bridge.jsonl"
        async with (
            running(
                "carrier",
                *ourselves("carrier", "--host", HOST, "--port", str(carrier_port)),
                *("--webhook-url", f"{bridge_url}/webhooks", "--out", str(out_dir)),
                *(("--numbers", str(numbers), "--ring", str(RING_S)) if numbers else ()),
                env={"TELNYX_API_KEY": api_key},
            ) as carrier,
            ring.carrier_at(carrier_url, api_key) as exchange,
        ):
            known = (await carrier.ready(http, f"{carrier_url}/carrier/public_key")).json()
            telling.note(f"a bridge on {bridge_url} with {bot}")
            settings = {
                "TELNYX_API_KEY": api_key,
                "TELNYX_PUBLIC_KEY": known["public_key"],
                "CALLBRIDGE_CONNECTION_ID": known["connection_id"],  # for bots that dial
                "TELNYX_BASE_URL": f"{carrier_url}/v2",
                "CALLBRIDGE_PUBLIC_URL": bridge_url,
                "CALLBRIDGE_TAPE": str(tape),
                "CALLBRIDGE_DRAIN_S": "1",
                "CALLBRIDGE_LOG": "text",  # its last words are for people
            }
            if voice:
                settings["CALLBRIDGE_VOICE"] = voice
            serve = ourselves("serve", str(bot), "--host", HOST, "--port", str(bridge_port))
            async with running(str(bot), *serve, env=settings) as bridge:
                await bridge.ready(http, f"{bridge_url}/readyz")
                following = asyncio.create_task(follow(tape, telling.event))
                try:
                    yield Ends(carrier, bridge, exchange, bridge_url)
                finally:
                    following.cancel()


async def while_alive(ends: Ends, work: Coroutine[None, None, T]) -> T:
    """Do the work for as long as both processes live. Raises CallbridgeError."""
    working = asyncio.create_task(work)
    deaths = {asyncio.create_task(child.death()) for child in (ends.carrier, ends.bridge)}
    try:
        await asyncio.wait({working, *deaths}, timeout=CALL_S, return_when=FIRST_COMPLETED)
        if working.done() and working.exception() is not None:
            # A process that dies breaks its connections first; its last words say more.
            await asyncio.wait(deaths, timeout=1.0, return_when=FIRST_COMPLETED)
        for death in deaths:
            if death.done():
                await death
        if not working.done():
            raise CallbridgeError(f"the call did not end in {CALL_S:g} s")
        return await working
    except httpx.HTTPError as error:
        raise CallbridgeError(f"the call cannot be followed: {error!r}") from None
    finally:
        for task in (working, *deaths):
            task.cancel()
        await asyncio.gather(working, *deaths, return_exceptions=True)
