"""One probe from its first call to its last."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import httpx

from callbridge.bench.doors import TO, trust
from callbridge.probe.calls import ProbeCalls, ProbePace
from callbridge.probe.doors import ProbeDoor, ProbeKind, SocketDoor, kind_of
from callbridge.probe.findings import Past, ProbeBook, ProbeOver, Scenario
from callbridge.probe.media import MEDIA_SCENARIOS, MediaProbe
from callbridge.probe.relay import RELAY_SCENARIOS, RelayProbe
from callbridge.probe.webhook_door import webhook_door
from callbridge.probe.webhooks import WEBHOOK_SCENARIOS, WebhookProbe

DEFAULT_PACE = ProbePace()
SCENARIO_S = 90.0  # whatever the endpoint does; patience is used up long before

Subject = TypeVar("Subject")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeWish:
    """What to probe, as the command line says it."""

    url: str
    kind: ProbeKind | None = None  # of a ws address; None is to be found out
    to: str = TO  # the number that is rung
    pace: ProbePace = DEFAULT_PACE
    host: str = "127.0.0.1"
    port: int = 8080
    api_key: str = "local-key"
    cafile: str | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """Who is told how far it is."""

    begins: Callable[[Scenario], None] = lambda scenario: None
    ends: Callable[[Past], None] = lambda past: None


async def probe(wish: ProbeWish, book: ProbeBook, watched: Watched) -> ProbeKind:
    """Fill the book. Raises CallbridgeError when not one call was served."""
    context = trust(wish.cafile) if wish.url.startswith(("wss:", "https:")) else None
    if not wish.url.startswith("http"):
        kind = wish.kind or await kind_of(wish.url, wish.to, context)
        plain = SocketDoor(wish.url, kind, wish.to)
        await _sockets(plain, ProbeCalls(plain, context, book, wish.pace), watched)
        return kind
    async with webhook_door(
        wish.url,
        wish.to,
        book,
        host=wish.host,
        port=wish.port,
        api_key=wish.api_key,
        context=context,
    ) as door:
        calls = ProbeCalls(door, context, book, wish.pace)
        async with httpx.AsyncClient(trust_env=False, verify=context or True) as http:
            await _scenarios(WEBHOOK_SCENARIOS, WebhookProbe(door, calls, http), book, watched)
        await _sockets(door, calls, watched)
        return door.kind


async def _sockets(door: ProbeDoor, calls: ProbeCalls, watched: Watched) -> None:
    if door.kind == "relay":
        await _scenarios(RELAY_SCENARIOS, RelayProbe(calls), calls.book, watched)
    else:
        await _scenarios(MEDIA_SCENARIOS, MediaProbe(calls), calls.book, watched)


async def _scenarios(
    scenarios: Mapping[Scenario, Callable[[Subject], Awaitable[None]]],
    subject: Subject,
    book: ProbeBook,
    watched: Watched,
) -> None:
    for scenario, run in scenarios.items():
        watched.begins(scenario)
        book.begin(scenario)
        try:
            async with asyncio.timeout(SCENARIO_S):
                await run(subject)
        except TimeoutError:
            book.cannot_see(f"not over in {SCENARIO_S:g} s")
        except ProbeOver:
            book.cannot_see("nothing more was tried after this")
            return
        finally:
            watched.ends(book.finish())
