"""Bridging, queues, referring and lists through the platform's official SDK."""

from typing import Any

import pytest
import telnyx

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript
from tests.callbridge.carrier.line import STAY
from tests.callbridge.carrier.live import KEY, Hooks, Live, carrier, hooks
from tests.callbridge.carrier.test_sdk import client

BOB, CAROL, BUSY = "+13125550199", "+13125550198", "+13125550197"


def config(app: Hooks, **settings: Any) -> CarrierConfig:
    numbers: Any = {BOB: CallScript(steps=STAY), CAROL: CallScript(steps=STAY), BUSY: "busy"}
    return CarrierConfig(api_key=KEY, webhook_url=app.url, numbers=numbers, ring_s=0.05, **settings)


async def caller(live: Live) -> str:
    call = await live.ring(steps=[{"wait": "hangup"}])
    assert await live.command(call, "answer") == 200
    return call


async def dialled(sdk: telnyx.AsyncTelnyx, app: Hooks, to: Any = BOB) -> str:
    made: Any = await sdk.calls.dial(
        connection_id=CarrierConfig().connection_id, from_="+13125550100", to=to
    )
    while (answered := await app.event("call.answered"))["to"] not in (to, *to):
        pass
    assert made.data.is_alive is False
    call: str = answered["call_control_id"]
    return call


async def test_a_queue_from_its_making_to_an_agent() -> None:
    async with hooks() as app, carrier(config(app)) as live, client(live) as sdk:
        made: Any = await sdk.queues.create(queue_name="support", max_size=5)
        assert (made.data.name, made.data.max_size) == ("support", 5)
        updated: Any = await sdk.queues.update("support", max_size=6)
        assert updated.data.max_size == 6
        alice = await caller(live)
        await sdk.calls.actions.enqueue(alice, queue_name="support")
        assert (await app.event("call.enqueued"))["current_position"] == 1
        with pytest.raises(telnyx.BadRequestError):
            await sdk.queues.delete("support")
        one: Any = await sdk.queues.calls.retrieve(alice, queue_name="support")
        assert (one.data.queue_position, one.data.is_alive) == (1, True)
        assert one.data.queue_id == made.data.id
        await sdk.queues.calls.update(alice, queue_name="support", keep_after_hangup=True)
        listed = [each.call_control_id async for each in sdk.queues.calls.list("support")]
        assert listed == [alice]
        assert [each.current_size async for each in sdk.queues.list()] == [1]
        bob = await dialled(sdk, app)
        bridged: Any = await sdk.calls.actions.bridge(
            bob, call_control_id_to_bridge_with=alice, queue="support"
        )
        assert bridged.data.result == "ok"
        assert (await app.event("call.dequeued"))["reason"] == "bridging-in-process"
        assert (await app.event("call.bridged"))["call_control_id"] in (alice, bob)
        with pytest.raises(telnyx.UnprocessableEntityError):
            await sdk.calls.actions.leave_queue(alice)
        found: Any = await sdk.queues.retrieve("support")
        assert found.data.current_size == 0
        await sdk.queues.delete("support")
        with pytest.raises(telnyx.NotFoundError):
            await sdk.queues.retrieve("support")


async def test_a_kept_call_is_removed_and_a_live_one_leaves() -> None:
    async with hooks() as app, carrier(config(app)) as live, client(live) as sdk:
        alice = await caller(live)
        await sdk.calls.actions.enqueue(alice, queue_name="support", keep_after_hangup=True)
        await sdk.calls.actions.leave_queue(alice)
        assert (await app.event("call.dequeued"))["reason"] == "leave"
        await sdk.calls.actions.enqueue(alice, queue_name="support", keep_after_hangup=True)
        await sdk.calls.actions.hangup(alice)
        await sdk.queues.calls.remove(alice, queue_name="support")
        assert (await app.event("call.dequeued"))["reason"] == "hangup"


async def test_several_numbers_active_calls_refer_and_sip_info() -> None:
    async with hooks() as app, carrier(config(app)) as live, client(live) as sdk:
        call = await dialled(sdk, app, [BUSY, CAROL])
        own = CarrierConfig().connection_id
        active = [each async for each in sdk.connections.list_active_calls(own)]
        assert [(each.call_control_id, each.client_state) for each in active] == [(call, "")]
        actions = sdk.calls.actions
        info: Any = await actions.send_sip_info(call, body="x", content_type="text/plain")
        assert info.data.result == "ok"
        await actions.refer(call, sip_address=f"sip:{BUSY}@sip.example.com")
        await app.event("call.refer.started")
        assert (await app.event("call.refer.failed"))["sip_notify_response"] == 486
        await actions.refer(call, sip_address=f"sip:{BOB}@sip.example.com")
        await app.event("call.refer.completed")
        assert (await app.event("call.hangup"))["hangup_cause"] == "normal_clearing"


async def test_the_sdk_waits_as_long_as_it_is_told_to() -> None:
    async with hooks() as app, carrier(config(app, requests_per_s=1)) as live, client(live) as sdk:
        await sdk.queues.list()
        with pytest.raises(telnyx.RateLimitError) as refusal:
            await sdk.queues.list()
        assert refusal.value.response.headers["retry-after"] == "1"
        patient = sdk.with_options(max_retries=2)
        assert (await patient.queues.list()).data == []
