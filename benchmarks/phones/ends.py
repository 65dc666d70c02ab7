"""A carrier and, if wanted, an echo behind it, each a process of its own."""

import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from callbridge.host.bind import free_ports
from callbridge.host.child import Child, ourselves, running

HOST = "127.0.0.1"
KEY = "benchmark-key"
ECHO = Path(__file__).parents[2] / "examples" / "echo.py"


class PhoneEnds(NamedTuple):
    carrier: Child
    http: httpx.AsyncClient  # of the carrier
    url: str
    out: Path


@asynccontextmanager
async def ends() -> AsyncGenerator[PhoneEnds]:
    port, bridge = free_ports(HOST, 2)
    url = f"http://{HOST}:{port}"
    async with AsyncExitStack() as stack:
        out = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="callbridge-phones-")))
        http = await stack.enter_async_context(
            httpx.AsyncClient(
                base_url=url, headers={"authorization": f"Bearer {KEY}"}, trust_env=False
            )
        )
        command = ourselves("carrier", "--port", str(port), "--out", str(out))
        hook = ("--webhook-url", f"http://{HOST}:{bridge}/webhooks")
        env = {"TELNYX_API_KEY": KEY}
        carrier = await stack.enter_async_context(running("carrier", *command, *hook, env=env))
        known = (await carrier.ready(http, f"{url}/carrier/public_key")).json()
        env |= {
            "TELNYX_PUBLIC_KEY": known["public_key"],
            "TELNYX_BASE_URL": f"{url}/v2",
            "CALLBRIDGE_PUBLIC_URL": f"http://{HOST}:{bridge}",
            "CALLBRIDGE_DRAIN_S": "1",
        }
        serve = ourselves("serve", str(ECHO), "--port", str(bridge))
        echo = await stack.enter_async_context(running("echo", *serve, env=env))
        await echo.ready(http, f"http://{HOST}:{bridge}/readyz")
        yield PhoneEnds(carrier, http, url, out)
