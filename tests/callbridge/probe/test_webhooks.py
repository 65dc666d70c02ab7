"""A probe that rings up a webhook finds what is wrong with it and with its addresses.

All endpoints are probed at once: they mostly wait."""

import asyncio
from collections.abc import Mapping

import pytest

from callbridge.bench.doors import public_key
from callbridge.errors import CallbridgeError
from callbridge.host.bind import free_ports
from callbridge.probe import run
from callbridge.probe.calls import ProbePace
from callbridge.probe.findings import ProbeBook
from callbridge.probe.relay import RELAY_SCENARIOS
from callbridge.probe.run import ProbeWish, Watched, probe
from callbridge.probe.webhooks import altered
from tests.callbridge.probe.hooks import API_KEY, BREAKS, GoodHooks, hooks_at

HERE = "127.0.0.1"
PACE = ProbePace(patience=2.0, quiet=0.1, grace=0.1, idle=0.3, greeting=0.1)
Probed = Mapping[type[GoodHooks], ProbeBook]


async def probed_one(kind: type[GoodHooks], port: int) -> ProbeBook:
    book = ProbeBook()
    async with hooks_at(kind, public_key(API_KEY), f"http://{HERE}:{port}/v2") as url:
        wish = ProbeWish(url=url, pace=PACE, host=HERE, port=port, api_key=API_KEY)
        assert await probe(wish, book, Watched()) == "relay"
    return book


async def probed_all() -> Probed:
    kinds: list[type[GoodHooks]] = [GoodHooks, *BREAKS]
    ports = free_ports(HERE, len(kinds))
    books = await asyncio.gather(*map(probed_one, kinds, ports))
    return dict(zip(kinds, books, strict=True))


@pytest.fixture(scope="module")
def probed() -> Probed:
    """Without most of the relay's scenarios, which are the same behind a webhook."""
    first, *_ = RELAY_SCENARIOS.items()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "RELAY_SCENARIOS", dict([first]))
        return asyncio.run(probed_all())


def test_a_good_endpoint_breaks_nothing(probed: Probed) -> None:
    book = probed[GoodHooks]
    assert not book.findings
    assert not book.unseen
    assert len(book.past) == 7 + 1


@pytest.mark.parametrize(("kind", "rule"), BREAKS.items())
def test_a_fault_is_named_and_nothing_else(
    probed: Probed, kind: type[GoodHooks], rule: str
) -> None:
    findings = probed[kind].findings
    found = {each.rule.id: f"{each.scenario}: {each.seen}" for each in findings}
    assert list(found) == [rule], found


async def test_a_webhook_that_refuses_calls_cannot_be_probed() -> None:
    (port,) = free_ports(HERE, 1)
    other_key = public_key("some other key")
    async with hooks_at(GoodHooks, other_key, f"http://{HERE}:{port}/v2") as url:
        wish = ProbeWish(url=url, pace=PACE, host=HERE, port=port, api_key=API_KEY)
        with pytest.raises(CallbridgeError, match=r"call\.initiated was not taken: 401"):
            await probe(wish, ProbeBook(), Watched())


def test_every_value_of_an_address_is_changed() -> None:
    assert altered("ws://x/relay?token=abc&call=a") == "ws://x/relay?token=aba&call=b"
    assert altered("ws://x/relay") is None
