"""Webhooks over real sockets: repeated, failed over, redirected, and never in anyone's way."""

import asyncio
import json
import time
from typing import Any
from urllib.parse import parse_qs

import telnyx
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callbridge.carrier.config import CarrierConfig
from tests.callbridge.carrier.live import KEY, carrier, hooks

STAY = [{"wait": "hangup"}]


def config(url: str, failover: str | None = None) -> CarrierConfig:
    return CarrierConfig(api_key=KEY, webhook_url=url, webhook_failover_url=failover)


async def test_a_failed_delivery_is_repeated_with_the_same_event_id() -> None:
    answers = [503, 200]

    async def answer(request: Request) -> Response:
        return Response(status_code=answers.pop(0) if answers else 200)

    async with (
        hooks(answer) as app,
        carrier(config(app.url), webhook_backoff_s=0.01) as live,
    ):
        await live.ring(steps=STAY)
        (_, first), (_, second) = await app.received.get(), await app.received.get()
    bodies = [json.loads(body) for body in (first, second)]
    assert bodies[0]["data"] == bodies[1]["data"]
    assert [body["meta"]["attempt"] for body in bodies] == [1, 2]
    assert bodies[1]["meta"]["delivered_to"] == app.url
    # Keys in alphabetical order, without a blank, as recorded.
    assert first == json.dumps(bodies[0], sort_keys=True, separators=(",", ":")).encode()


async def test_after_two_failures_the_failover_url_has_its_turn() -> None:
    async def dead(request: Request) -> Response:
        return Response(status_code=500)

    async with (
        hooks(dead) as primary,
        hooks() as spare,
        carrier(config(primary.url, spare.url), webhook_backoff_s=0.01) as live,
    ):
        call = await live.ring(steps=STAY)
        _, body = await spare.received.get()
        assert json.loads(body)["meta"] == {"attempt": 3, "delivered_to": spare.url}
        assert primary.received.qsize() == 2
        assert await live.command(call, "hangup") == 200
        tape = await live.tape(call)
    outcomes = [entry["detail"] for entry in tape if entry["kind"] == "webhook delivery"]
    said = [(detail["attempt"], detail["said"]) for detail in outcomes[:3]]
    assert said == [(1, "500"), (2, "500"), (3, "200")]


async def test_nobody_listening_fails_over_too() -> None:
    async with (
        hooks() as spare,
        carrier(config("http://127.0.0.1:9/", spare.url), webhook_backoff_s=0.01) as live,
    ):
        await live.ring(steps=STAY)
        assert (await spare.event("call.initiated"))["state"] == "parked"


async def test_a_refusal_is_final_but_for_408_and_429() -> None:
    statuses = iter((404, 429, 200))

    async def answer(request: Request) -> Response:
        return Response(status_code=next(statuses, 200))

    async with hooks(answer) as app, carrier(config(app.url), webhook_backoff_s=0.01) as live:
        call = await live.ring(steps=STAY)
        _, body = await app.received.get()
        assert await live.command(call, "answer") == 200
        events = [json.loads((await app.received.get())[1]) for _ in range(2)]
    assert json.loads(body)["data"]["event_type"] == "call.initiated"
    assert [each["data"]["event_type"] for each in events] == ["call.answered"] * 2
    assert [each["meta"]["attempt"] for each in events] == [1, 2]


async def test_any_other_refusal_of_the_primary_reaches_the_failover_at_once() -> None:
    async def refuse(request: Request) -> Response:
        return Response("not here", status_code=403)

    async with (
        hooks(refuse) as primary,
        hooks() as spare,
        carrier(config(primary.url, spare.url), webhook_backoff_s=9.0) as live,
    ):
        await live.ring(steps=STAY)
        async with asyncio.timeout(2):
            _, body = await spare.received.get()
        assert primary.received.qsize() == 1
    assert json.loads(body)["meta"] == {"attempt": 2, "delivered_to": spare.url}


async def test_a_delivery_can_be_looked_up_with_its_attempts() -> None:
    answers = [500, 200]

    async def answer(request: Request) -> Response:
        return Response("busy", status_code=answers.pop(0) if answers else 200)

    async with (
        hooks(answer) as app,
        carrier(config(app.url), webhook_backoff_s=0.01) as live,
        telnyx.AsyncTelnyx(api_key=KEY, base_url=live.base_url, max_retries=0) as sdk,
    ):
        call = await live.ring(steps=STAY)
        _, first = await app.received.get()
        await app.received.get()
        assert await live.command(call, "hangup") == 200
        await live.finished(call)
        event = json.loads(first)["data"]
        found: Any = await sdk.webhook_deliveries.retrieve(event["id"])
        by_type: Any = await sdk.webhook_deliveries.list(
            filter={"event_type": "call.initiated", "status": {"eq": "delivered"}}
        )
        nothing: Any = await sdk.webhook_deliveries.list(filter={"webhook": {"contains": "xyz"}})
    assert found.data.status == "delivered"
    assert found.data.webhook.payload == event["payload"]
    assert [each.status for each in found.data.attempts] == ["failed", "delivered"]
    failed = found.data.attempts[0]
    assert (failed.errors, failed.http.response.status) == ([75500], 500)
    assert failed.http.response.body == "busy"
    assert [each.id for each in by_type.data] == [event["id"]]
    assert nothing.data == []


async def test_an_application_sets_how_long_its_webhooks_wait_and_their_version() -> None:
    async def slow(request: Request) -> Response:
        await asyncio.sleep(0.3)
        return Response()

    async with (
        hooks(slow) as app,
        carrier(CarrierConfig(api_key=KEY), webhook_timeout_s=0.1, webhook_backoff_s=9.0) as live,
        telnyx.AsyncTelnyx(api_key=KEY, base_url=live.base_url, max_retries=0) as sdk,
    ):
        made: Any = await sdk.call_control_applications.create(
            application_name="patient",
            webhook_event_url=app.url,
            webhook_timeout_secs=5,
            webhook_api_version="1",
        )
        dialled: Any = await sdk.calls.dial(
            connection_id=made.data.id, from_="+13125550100", to="+13125550199"
        )
        outcome = await live.until(dialled.data.call_control_id, "webhook delivery")
        _, body = await app.received.get()
    assert outcome["detail"]["delivered"]
    assert json.loads(body)["event_type"] == "call_initiated"


async def test_redirects_are_followed_with_the_body() -> None:
    async def answer(request: Request) -> Response:
        hops = int(request.url.path.strip("/") or 0)
        return RedirectResponse(f"/{hops + 1}", 302) if hops < 3 else Response()

    async with hooks(answer) as app, carrier(config(app.url + "/0")) as live:
        await live.ring(steps=STAY)
        received = [await app.received.get() for _ in range(4)]
    assert [request.url.path for request, _ in received] == ["/0", "/1", "/2", "/3"]
    assert {request.method for request, _ in received} == {"POST"}
    assert len({body for _, body in received}) == 1


async def test_a_fourth_redirect_is_a_failure() -> None:
    async def answer(request: Request) -> Response:
        return RedirectResponse("/again", 307)

    async with hooks(answer) as app, carrier(config(app.url), webhook_backoff_s=9.0) as live:
        call = await live.ring(steps=STAY)
        outcome = await live.until(call, "webhook delivery")
        assert outcome["detail"]["said"] == "307"
        assert app.received.qsize() == 4


async def test_first_attempts_of_a_call_come_in_order_and_a_failure_holds_up_nothing() -> None:
    async def answer(request: Request) -> Response:
        kind = json.loads(await request.body())["data"]["event_type"]
        return Response(status_code=503 if kind == "call.initiated" else 200)

    async with hooks(answer) as app, carrier(config(app.url), webhook_backoff_s=0.2) as live:
        call = await live.ring(steps=STAY)
        for action in ("answer", "hangup"):
            assert await live.command(call, action) == 200
        seen = [json.loads((await app.received.get())[1]) for _ in range(4)]
    assert [(each["data"]["event_type"], each["meta"]["attempt"]) for each in seen] == [
        ("call.initiated", 1),
        ("call.answered", 1),
        ("call.hangup", 1),
        ("call.initiated", 2),
    ]


async def test_a_receiver_that_never_answers_delays_only_its_own_call() -> None:
    async def stuck(request: Request) -> Response:
        await asyncio.sleep(0.5)
        return Response()

    async with (
        hooks(stuck) as slow,
        hooks() as quick,
        carrier(config(slow.url), webhook_timeout_s=0.1, webhook_backoff_s=9.0) as live,
    ):
        call = await live.ring(steps=STAY)
        begin = time.monotonic()
        answer = await live.http.post(
            "/v2/calls",
            json={
                "connection_id": CarrierConfig().connection_id,
                "from": "+13125550100",
                "to": "+13125550199",
                "webhook_url": quick.url,
            },
        )
        assert answer.status_code == 200
        await quick.event("call.initiated")
        assert time.monotonic() - begin < 0.4
        outcome = await live.until(call, "webhook delivery")
    assert outcome["detail"]["said"] == "no answer in 0.1 s"


async def test_a_policy_sets_the_pauses_and_the_number_of_repetitions() -> None:
    async def dead(request: Request) -> Response:
        return Response(status_code=500)

    async with hooks(dead) as app, carrier(config(app.url), webhook_backoff_s=9.0) as live:
        call = await live.ring(steps=STAY)
        policy = {"call.answered": {"retries_ms": [10, 20, 30]}}
        assert await live.command(call, "answer", webhook_retries_policies=policy) == 200
        attempts: list[int] = []
        while len(attempts) < 4:
            body = json.loads((await app.received.get())[1])
            if body["data"]["event_type"] == "call.answered":
                attempts.append(body["meta"]["attempt"])
        await asyncio.sleep(0.1)
        assert app.received.empty()
    assert attempts == [1, 2, 3, 4]


async def test_get_carries_the_event_in_the_query() -> None:
    async with hooks() as app, carrier(config("http://127.0.0.1:9/")) as live:
        call = await live.ring(steps=STAY)
        fields = {"webhook_url": app.url + "/?a=1", "webhook_url_method": "GET"}
        assert await live.command(call, "answer", **fields) == 200
        request, body = await app.received.get()
    assert (request.method, body) == ("GET", b"")
    query = parse_qs(request.url.query)
    assert query["a"] == ["1"]
    assert query["data[event_type]"] == ["call.answered"]
    assert query["data[payload][call_control_id]"] == [call]
    assert query["data[payload][sampling_rate]"] == ["8000"]
