"""The bridge's figures, as the desk reads them off its /metrics."""

import asyncio

import httpx
import pytest

from callbridge import App
from callbridge.desk.page import figures
from callbridge.desk.page.figures import CHARTS, DeskFigures, read_scrape, values_of
from callbridge.serve.metrics import CONTENT_TYPE
from callbridge.testing import Pair
from callbridge.testing.loop import VirtualClock
from tests.callbridge.hummed import asks, parrot

TEXT = """# TYPE callbridge_calls gauge
callbridge_calls 3
# TYPE callbridge_frames_in counter
callbridge_frames_in_total 100
# TYPE callbridge_calls_begun counter
callbridge_calls_begun_total{direction="incoming"} 4
callbridge_calls_begun_total{direction="outgoing"} 1
# TYPE callbridge_turn_seconds histogram
callbridge_turn_seconds_bucket{step="first_sent",le="0.5"} 10
callbridge_turn_seconds_bucket{step="first_sent",le="1.0"} 20
callbridge_turn_seconds_bucket{step="first_sent",le="+Inf"} 20
callbridge_turn_seconds_count{step="first_sent"} 20
"""


def test_a_scrape_is_summed_over_its_labels() -> None:
    read = read_scrape(TEXT)
    assert read["callbridge_calls"] == 3
    assert read["callbridge_calls_begun_total"] == 5
    assert read["callbridge_turn_seconds[first_sent]<0.5"] == 10


def test_counters_are_shown_by_the_minute_and_histograms_by_their_newest_entries() -> None:
    before, now = read_scrape(TEXT), read_scrape(TEXT)
    now["callbridge_frames_in_total"] = 150
    now["callbridge_turn_seconds[first_sent]<1.0"] = 24
    now["callbridge_turn_seconds[first_sent]<+Inf"] = 24
    scrapes = [(10.0, before), (15.0, now)]
    assert values_of(scrapes, "callbridge_calls", "now") == [3]
    assert values_of(scrapes, "callbridge_frames_in_total", "grown") == [600]
    assert values_of(scrapes, "callbridge_turn_seconds[first_sent]", 0.5) == [750]
    assert values_of(scrapes, "callbridge_nothing", "grown") == [None]


def test_a_restart_of_the_bridge_is_a_gap_and_no_figure() -> None:
    before, now = read_scrape(TEXT), read_scrape(TEXT.replace("100", "7").replace(" 20", " 1"))
    scrapes = [(10.0, before), (15.0, now)]
    assert values_of(scrapes, "callbridge_frames_in_total", "grown") == [None]
    assert values_of(scrapes, "callbridge_turn_seconds[first_sent]", 0.5) == [None]


async def test_every_chart_is_of_figures_that_a_bridge_has(app: App, pair: Pair) -> None:
    """After a call with a turn in it, each name is there: a figure that is renamed fails here."""
    app.reply(parrot)
    await pair.call(asks())
    read = read_scrape(app.service.metrics.text().decode())
    names = {name.split("<")[0] for name in read}
    for chart in CHARTS:
        for label, name, _ in chart.lines:
            assert name in names, f"{chart.title}: {label}"


class Bridge(httpx.AsyncBaseTransport):
    """What is at the address of the metrics."""

    def __init__(self) -> None:
        self.answer: httpx.Response | httpx.ConnectError = httpx.Response(200, text=TEXT)
        self.asked = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if isinstance(self.answer, httpx.ConnectError):
            raise self.answer
        return self.answer


@pytest.mark.virtual
@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (httpx.ConnectError("refused"), "cannot be reached: ConnectError refused"),
        (httpx.Response(503), "answers 503"),
        (httpx.Response(200, text="<html>"), "no figures in the text format"),
        (httpx.Response(200, text="up 1\n"), "is not that of a bridge"),
        (httpx.Response(200, text=TEXT, headers={"content-type": CONTENT_TYPE}), ""),
    ],
)
async def test_it_says_what_is_wrong_with_the_bridge(
    app: App, pair: Pair, answer: httpx.Response | httpx.ConnectError, problem: str
) -> None:
    bridge = Bridge()
    bridge.answer = answer
    shown = DeskFigures(
        "http://127.0.0.1:9/metrics", VirtualClock(), httpx.AsyncClient(transport=bridge)
    )
    task = asyncio.create_task(shown.run())
    await shown.wanted()
    assert problem in shown.problem
    assert bool(shown.problem) == bool(problem)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.virtual
async def test_it_is_asked_once_for_all_and_for_nobody_not_at_all(app: App, pair: Pair) -> None:
    bridge = Bridge()
    shown = DeskFigures(
        "http://127.0.0.1:9/metrics", VirtualClock(), httpx.AsyncClient(transport=bridge)
    )
    task = asyncio.create_task(shown.run())
    await asyncio.sleep(60.0)
    assert bridge.asked == 0
    await asyncio.gather(*(shown.wanted() for _ in range(50)))
    await asyncio.sleep(300.0)
    assert bridge.asked <= figures.AWAKE_S / figures.EVERY_S + 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
