"""A probe finds what is wrong with a relay, names that rule and no other, and finds nothing wrong
with a good one.

All endpoints are probed at once: they mostly wait."""

import asyncio
from collections.abc import Mapping

import pytest

from callbridge.probe.calls import ProbePace
from callbridge.probe.findings import ProbeBook
from callbridge.probe.run import ProbeWish, Watched, probe
from tests.callbridge.probe.relays import BREAKS, GoodRelay, Greets, relay_at

PACE = ProbePace(patience=2.0, quiet=0.15, grace=0.1, idle=2.0, greeting=0.15)
Probed = Mapping[type[GoodRelay], ProbeBook]


async def probed_one(kind: type[GoodRelay]) -> ProbeBook:
    book = ProbeBook()
    async with relay_at(kind) as url:
        await probe(ProbeWish(url=url, pace=PACE), book, Watched())
    return book


async def probed_all() -> Probed:
    kinds: list[type[GoodRelay]] = [GoodRelay, Greets, *BREAKS]
    return dict(zip(kinds, await asyncio.gather(*map(probed_one, kinds)), strict=True))


@pytest.fixture(scope="module")
def probed() -> Probed:
    return asyncio.run(probed_all())


@pytest.mark.parametrize("kind", [GoodRelay, Greets])
def test_a_good_endpoint_breaks_nothing(probed: Probed, kind: type[GoodRelay]) -> None:
    book = probed[kind]
    assert not book.findings
    assert not book.unseen
    assert len(book.past) == 16


@pytest.mark.parametrize(("kind", "rule"), BREAKS.items())
def test_a_fault_is_named_and_nothing_else(
    probed: Probed, kind: type[GoodRelay], rule: str
) -> None:
    found = {
        finding.rule.id: f"{finding.scenario}: {finding.seen}" for finding in probed[kind].findings
    }
    assert list(found) == [rule], found
