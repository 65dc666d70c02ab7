"""The platform's official SDK against the carrier: nothing but the base URL changes."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import telnyx

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript, HangUp, Wait
from callbridge.speech.espeak import speak
from tests.callbridge.carrier.line import STAY
from tests.callbridge.carrier.live import (
    KEY,
    Live,
    carrier,
    customer,
    echo,
    hooks,
    read_stereo,
    write_tone,
)

BOB, CAROL = "+13125550199", "+13125550198"


def client(live: Live) -> telnyx.AsyncTelnyx:
    return telnyx.AsyncTelnyx(
        api_key=KEY, base_url=live.base_url, public_key=live.running.public_key, max_retries=0
    )


async def test_an_inbound_call_from_ring_to_recording(tmp_path: Path) -> None:
    write_tone(tmp_path / "hello.wav", 400)
    async with (
        hooks() as app,
        customer(echo) as url,
        carrier(CarrierConfig(api_key=KEY, webhook_url=app.url), out_dir=tmp_path / "out") as live,
        client(live) as sdk,
    ):
        answer = await live.http.post(
            f"/carrier/calls?base={tmp_path}",
            json={
                "steps": [
                    {"wait": "streaming"},
                    {"play": "hello.wav"},
                    {"wait": "bot_silent", "for": 0.3},
                    {"hangup": True},
                ],
                "expect": [
                    {"bot_heard_like_caller": {"correlation": {"at_least": 0.9}}},
                    {"bot_spoke_s": {"at_least": 0.35}},
                ],
            },
        )
        call = answer.json()["call_control_id"]
        request, body = await app.received.get()
        event: Any = sdk.webhooks.unwrap(body.decode(), headers=dict(request.headers))
        assert event.data.event_type == "call.initiated"
        assert event.data.payload.call_control_id == call
        assert request.headers["user-agent"] == "telnyx-webhooks"
        answered: Any = await sdk.calls.actions.answer(
            call,
            stream_url=url,
            stream_bidirectional_mode="rtp",
            stream_bidirectional_codec="PCMU",
            stream_bidirectional_target_legs="self",
        )
        assert answered.data.result == "ok"
        status: Any = await sdk.calls.retrieve_status(call)
        assert status.data.is_alive
        summary = await live.finished(call)
    assert summary["failed"] == []
    assert summary["hangup_cause"] == "normal_clearing"
    caller, bot, rate = read_stereo(summary["files"]["wav"])
    assert rate == 8000
    assert np.count_nonzero(np.abs(caller) > 300) > 2500
    assert np.count_nonzero(np.abs(bot) > 300) > 2500
    tape = await asyncio.to_thread(Path(summary["files"]["json"]).read_text)
    assert '"call.hangup"' in tape


async def test_every_command_of_the_sdk_that_the_carrier_knows() -> None:
    numbers: Any = {BOB: CallScript(steps=STAY), CAROL: "busy"}
    config = CarrierConfig(api_key=KEY, numbers=numbers, ring_s=0.05)
    async with (
        hooks() as app,
        customer(echo) as url,
        carrier(config, voice=speak) as live,
        client(live) as sdk,
    ):
        dialled: Any = await sdk.calls.dial(
            connection_id=config.connection_id,
            from_="+13125550100",
            to=BOB,
            webhook_url=app.url,
            client_state="aGk=",
        )
        call = dialled.data.call_control_id
        assert dialled.data.is_alive is False
        assert (await app.event("call.answered"))["client_state"] == "aGk="
        actions = sdk.calls.actions
        await actions.update_client_state(call, client_state="Mg==")
        await actions.start_streaming(call, stream_url=url, stream_bidirectional_mode="rtp")
        assert (await app.event("streaming.started"))["stream_url"] == url
        await actions.stop_streaming(call)
        await app.event("streaming.stopped")
        await actions.send_dtmf(call, digits="1")
        await actions.speak(call, payload="hello", voice="female")
        started = await app.event("call.speak.started")
        ended = await app.event("call.speak.ended")
        assert started["speak_id"] == ended["speak_id"]
        await actions.transfer(call, to=CAROL)
        assert (await app.event("call.hangup"))["hangup_cause"] == "user_busy"
        await actions.transfer(call, to=BOB)
        assert (await app.event("call.bridged"))["client_state"] is None
        await actions.hangup(call)
        assert (await app.event("call.hangup"))["hangup_cause"] == "normal_clearing"
        with pytest.raises(telnyx.UnprocessableEntityError) as refusal:
            await actions.hangup(call)
        body: Any = refusal.value.body
        assert body["errors"][0]["code"] == "90018"


async def test_reject_and_the_sdks_errors() -> None:
    async with (
        hooks() as app,
        carrier(CarrierConfig(api_key=KEY, webhook_url=app.url)) as live,
        client(live) as sdk,
    ):
        call = await live.ring(steps=[{"wait": "hangup"}])
        await sdk.calls.actions.reject(call, cause="USER_BUSY")
        assert (await app.event("call.hangup"))["sip_hangup_cause"] == "486"
        with pytest.raises(telnyx.NotFoundError):
            await sdk.calls.retrieve_status("v3:unknown")
        with pytest.raises(telnyx.NotFoundError):
            await sdk.messages.retrieve("an-id")
        with pytest.raises(telnyx.AuthenticationError):
            await sdk.with_options(api_key="wrong").calls.retrieve_status(call)


async def test_two_carriers_never_share_a_signature() -> None:
    config = CarrierConfig(api_key=KEY)
    async with (
        hooks() as app,
        carrier(config) as live,
        carrier(config) as other,
        client(live) as sdk,
    ):
        dialled: Any = await sdk.calls.dial(
            connection_id=config.connection_id, from_="+13125550100", to=BOB, webhook_url=app.url
        )
        request, body = await app.received.get()
        headers = dict(request.headers)
        sdk.webhooks.unwrap(body.decode(), headers=headers)
        with pytest.raises(ValueError, match="does not match"):
            sdk.webhooks.unwrap(body.decode() + " ", headers=headers)
        with pytest.raises(ValueError, match="does not match"):
            sdk.webhooks.unwrap(body.decode(), headers=headers, key=other.running.public_key)
        assert dialled.data.call_control_id in body.decode()


async def test_a_caller_at_a_number_can_leave_a_bridged_call() -> None:
    leaves = CallScript(steps=(Wait("bot_silent", for_s=0.1), HangUp()))
    config = CarrierConfig(api_key=KEY, numbers={BOB: leaves}, ring_s=0.0)
    async with carrier(config) as live:
        call = await live.ring(steps=[{"wait": "hangup"}])
        assert await live.command(call, "answer") == 200
        assert await live.command(call, "transfer", to=BOB) == 200
        async with asyncio.timeout(5):
            summary = await live.finished(call)
    assert summary["bridged"] is True
    assert summary["hangup_source"] == "callee"


async def test_applications_and_events_by_the_sdk_page_by_page() -> None:
    async with hooks() as app, carrier(CarrierConfig(api_key=KEY)) as live, client(live) as sdk:
        for name in ("support", "sales", "lost and found"):
            made: Any = await sdk.call_control_applications.create(
                application_name=name, webhook_event_url=app.url
            )
            assert made.data.application_name == name
        application = made.data
        await sdk.call_control_applications.update(
            application.id, application_name="lost", webhook_event_url=app.url, tags=["desk"]
        )
        names = [
            each.application_name async for each in sdk.call_control_applications.list(page_size=2)
        ]
        assert names == ["callbridge", "support", "sales", "lost"]
        dialled: Any = await sdk.calls.dial(
            connection_id=application.id, from_="+13125550100", to=BOB
        )
        assert (await app.event("call.initiated"))["connection_id"] == application.id
        leg_id = dialled.data.call_leg_id
        events: Any = await sdk.call_events.list(filter={"leg_id": leg_id})
        assert [(each.type, each.name) for each in events.data] == [
            ("command", "dial"), ("webhook", "call.initiated"),
        ]  # fmt: skip
        deleted: Any = await sdk.call_control_applications.delete(application.id)
        assert deleted.data.tags == ["desk"]
        with pytest.raises(telnyx.NotFoundError):
            await sdk.call_control_applications.retrieve(application.id)
