"""A probe finds what is wrong with a media stream, names that rule and no other, and finds nothing
wrong with a good one.

All endpoints are probed at once: they mostly wait."""

import asyncio
from collections.abc import Mapping

import pytest

from callbridge.carrier.parts import stream
from callbridge.probe.calls import ProbePace
from callbridge.probe.findings import ProbeBook
from callbridge.probe.run import ProbeWish, Watched, probe
from tests.callbridge.probe.streams import BREAKS, KEPT_S, GoodStream, stream_at

PACE = ProbePace(patience=2.0, idle=1.5)
Probed = Mapping[type[GoodStream], ProbeBook]


async def probed_one(kind: type[GoodStream]) -> ProbeBook:
    book = ProbeBook()
    async with stream_at(kind) as url:
        await probe(ProbeWish(url=url, pace=PACE), book, Watched())
    return book


async def probed_all() -> Probed:
    kinds: list[type[GoodStream]] = [GoodStream, *BREAKS]
    return dict(zip(kinds, await asyncio.gather(*map(probed_one, kinds)), strict=True))


@pytest.fixture(scope="module")
def probed() -> Probed:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "MAX_QUEUE_S", KEPT_S)
        return asyncio.run(probed_all())


def test_a_good_endpoint_breaks_nothing(probed: Probed) -> None:
    book = probed[GoodStream]
    assert not book.findings
    assert not book.unseen
    assert len(book.past) == 14


@pytest.mark.parametrize(("kind", "rule"), BREAKS.items())
def test_a_fault_is_named_and_nothing_else(
    probed: Probed, kind: type[GoodStream], rule: str
) -> None:
    findings = probed[kind].findings
    found = {each.rule.id: f"{each.scenario}: {each.seen}" for each in findings}
    assert list(found) == [rule], found
