"""`/metrics` in the Prometheus text format: complete, and nothing counted twice."""

import asyncio

import pytest
from prometheus_client.parser import text_string_to_metric_families

from callbridge import App, Call
from callbridge.serve.metrics import Metrics
from callbridge.testing import HangUp, Pair, caller, says, tone
from tests.callbridge.platform import eventually, serving


async def echo(call: Call) -> None:
    async for pcm in call.audio():
        await call.write(pcm)


def values(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """By the name of the sample and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


async def broken(call: Call) -> None:
    raise ValueError("a bug of the bot")


async def test_before_any_call_everything_is_there_and_zero(app: App, pair: Pair) -> None:
    now = values(app.service.metrics)
    assert now["callbridge_calls",] == 0
    assert now["callbridge_frames_in_total",] == 0
    assert not any(now.values())


async def test_a_call_counts_while_it_lasts_and_once_when_it_is_over(app: App, pair: Pair) -> None:
    app.call(echo)
    metrics = app.service.metrics
    call = await pair.ring(says(tone(2.0)), HangUp())
    await asyncio.sleep(1.0)
    during = values(metrics)
    assert during["callbridge_calls",] == 1
    assert 40 < during["callbridge_frames_in_total",] < 60
    await call.over()
    after = values(metrics)
    assert after["callbridge_calls",] == 0
    assert 100 < after["callbridge_frames_in_total",] < 130
    assert after["callbridge_calls_begun_total", "incoming"] == 1
    assert after["callbridge_events_total", "call_began"] == 1
    assert after["callbridge_events_total", "stream_started"] == 1
    assert after["callbridge_events_total", "call_over"] == 1
    assert after["callbridge_calls_ended_total", "normal_clearing"] == 1
    assert after["callbridge_webhooks_total", "accepted"] >= 3
    assert after["callbridge_streams_lost_total",] == 0


async def test_a_counter_never_falls_when_a_stream_or_a_call_ends(app: App, pair: Pair) -> None:
    app.call(echo)
    metrics = app.service.metrics
    before = values(metrics)
    call = await pair.ring(says(tone(4.0)), HangUp())
    for step in range(60):
        if step == 20:
            pair.drop_sockets()
        await asyncio.sleep(0.1)
        now = values(metrics)
        fallen = {key for key, value in before.items() if "_total" in key[0] and now[key] < value}
        assert not fallen
        before = now
    await call.over()


@pytest.mark.virtual(expect_crash=ValueError)
async def test_a_bots_crash_and_a_refused_webhook_are_seen(app: App, pair: Pair) -> None:
    app.call(broken)
    service = app.service
    await pair.call(caller())
    service.receive(b"{}", signature=None, timestamp=None, content_type="application/json")
    now = values(service.metrics)
    assert now["callbridge_bots_crashed_total",] == 1
    assert now["callbridge_webhooks_total", "refused"] == 1


async def test_the_lag_of_the_loop_is_seen_without_any_call() -> None:
    """In real time, as virtual time is never late."""
    lag = "callbridge_loop_lag_seconds"
    async with serving(App()) as served:
        metrics = served.app.service.metrics
        await eventually(lambda: values(metrics)[f"{lag}_count",] >= 3)
        now = values(metrics)
        assert now[f"{lag}_bucket", "+Inf"] == now[f"{lag}_count",]
        assert 0 < now["callbridge_loop_lag_worst_seconds",] <= now[f"{lag}_sum",]
