"""Our own bridge keeps all rules, rung up by signed webhooks: on picows and on ASGI, as a relay at
15 and at 150 ms a token, and as a media stream.

All are probed at once, each in a process of its own: they mostly wait."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from callbridge.bench.doors import public_key
from callbridge.bench.session import ECHO_BOT
from callbridge.host.bind import free_ports
from callbridge.host.child import ourselves, running
from callbridge.probe.calls import ProbePace
from callbridge.probe.findings import ProbeBook
from callbridge.probe.run import ProbeWish, Watched, probe

HERE, API_KEY = "127.0.0.1", "probe-key"
WORDS_BOT = Path(__file__).with_name("words.py")
PACE = ProbePace(quiet=0.2, idle=1.0, greeting=0.5)

SERVED: dict[str, tuple[Path, dict[str, str], tuple[str, ...]]] = {
    "relay, 15 ms, picows": (WORDS_BOT, {"STEP_MS": "15", "CALLBRIDGE_VOICE": "relay"}, ()),
    "relay, 150 ms, ASGI": (
        WORDS_BOT,
        {"STEP_MS": "150", "CALLBRIDGE_VOICE": "relay"},
        ("--asgi",),
    ),
    "media, picows": (ECHO_BOT, {}, ()),
    "media, ASGI": (ECHO_BOT, {}, ("--asgi",)),
}
Probed = Mapping[str, ProbeBook]


async def probed_one(name: str, rest: int, port: int) -> ProbeBook:
    bot, settings, options = SERVED[name]
    base = f"http://{HERE}:{port}"
    env = settings | {
        "TELNYX_API_KEY": API_KEY,
        "TELNYX_PUBLIC_KEY": public_key(API_KEY),
        "TELNYX_BASE_URL": f"http://{HERE}:{rest}/v2",
        "CALLBRIDGE_PUBLIC_URL": base,
        "CALLBRIDGE_DRAIN_S": "0",
    }
    serve = ourselves("serve", str(bot), "--host", HERE, "--port", str(port), *options)
    book = ProbeBook()
    async with httpx.AsyncClient(trust_env=False) as http, running(name, *serve, env=env) as server:
        await server.ready(http, f"{base}/readyz")
        wish = ProbeWish(url=f"{base}/webhooks", pace=PACE, host=HERE, port=rest, api_key=API_KEY)
        assert await probe(wish, book, Watched()) == name.partition(",")[0]
    return book


async def probed_all() -> Probed:
    ports = free_ports(HERE, 2 * len(SERVED))
    books = await asyncio.gather(*map(probed_one, SERVED, ports[::2], ports[1::2]))
    return dict(zip(SERVED, books, strict=True))


@pytest.fixture(scope="module")
def probed() -> Probed:
    return asyncio.run(probed_all())


@pytest.mark.parametrize("name", SERVED)
def test_our_own_bridge_breaks_nothing(probed: Probed, name: str) -> None:
    book = probed[name]
    assert not book.findings
    assert not book.unseen
    assert len(book.past) == 7 + (16 if name.startswith("relay") else 14)
