"""The platform's official SDK against conferences: nothing but the base URL changes."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import telnyx
from telnyx.types import ConferenceFloorChanged

from callbridge.carrier.config import CarrierConfig
from callbridge.speech.espeak import speak
from tests.callbridge.carrier.live import KEY, Hooks, Live, carrier, hooks, write_tone
from tests.callbridge.carrier.test_sdk import client

NOWHERE = "http://127.0.0.1:9/music.wav"


async def events(app: Hooks, sdk: telnyx.AsyncTelnyx, until: str) -> list[Any]:
    """What the SDK makes of all webhooks up to one of a type."""
    found: list[Any] = []
    async with asyncio.timeout(5):
        while True:
            request, body = await app.received.get()
            found.append(sdk.webhooks.unwrap(body.decode(), headers=dict(request.headers)))
            event = json.loads(body)
            if event.get("data", event)["event_type"] == until:
                return found


async def answered(live: Live, count: int) -> list[str]:
    calls = [await live.ring(steps=[{"wait": "hangup"}]) for _ in range(count)]
    for call in calls:
        assert await live.command(call, "answer") == 200
    return calls


async def test_every_conference_command_of_the_sdk_that_the_carrier_knows() -> None:
    async with (
        hooks() as app,
        carrier(CarrierConfig(api_key=KEY, webhook_url=app.url), voice=speak) as live,
        client(live) as sdk,
    ):
        host, guest, boss = await answered(live, 3)
        made: Any = await sdk.conferences.create(
            call_control_id=host, name="sdk", beep_enabled="always", duration_minutes=5
        )
        id, actions = made.data.id, sdk.conferences.actions
        await actions.join(id, call_control_id=guest, mute=True)
        await actions.join(
            id,
            call_control_id=boss,
            supervisor_role="whisper",
            whisper_call_control_ids=[host],
        )
        await actions.update(id, call_control_id=boss, supervisor_role="monitor")
        await actions.mute(id)
        await actions.unmute(id, call_control_ids=[host])
        await actions.hold(id, call_control_ids=[guest], audio_url=NOWHERE)
        await actions.unhold(id, call_control_ids=[guest])
        await actions.send_dtmf(id, digits="1#")
        answer: Any = await actions.speak(id, payload="hello", voice="female")
        assert answer.data.result == "ok"
        await actions.speak(id, payload="you", voice="female", call_control_ids=[host])
        await actions.play(id, audio_url=NOWHERE, call_control_ids=[guest], loop=2)
        await actions.stop(id)
        await actions.leave(id, call_control_id=boss)
        found: Any = await sdk.conferences.retrieve(id)
        assert (found.data.name, found.data.status) == ("sdk", "in_progress")
        listed = [each async for each in sdk.conferences.list(filter={"name": "sdk"})]
        assert [each.id for each in listed] == [id]
        people: list[Any] = [
            each async for each in sdk.conferences.list_participants(id, page_size=1)
        ]
        assert [each.call_control_id for each in people] == [host, guest]
        muted: Any = await sdk.conferences.list_participants(id, filter={"muted": True})
        assert [each.call_control_id for each in muted.data] == [guest]
        one: Any = await sdk.conferences.update_participant(
            people[0].id, id=id, soft_end_conference_on_exit=True
        )
        one = await sdk.conferences.retrieve_participant(people[0].id, id=id)
        assert one.data.soft_end_conference_on_exit is True
        await actions.end_conference(id, command_id="last")
        received = await events(app, sdk, "conference.ended")
        with pytest.raises(telnyx.UnprocessableEntityError, match="90019"):
            await actions.mute(id)
        with pytest.raises(telnyx.NotFoundError):
            await sdk.conferences.retrieve("unknown")
    classes = {type(each).__name__ for each in received}
    assert classes >= {
        "ConferenceCreatedWebhookEvent",
        "ConferenceParticipantJoinedWebhookEvent",
        "ConferenceParticipantLeftWebhookEvent",
        "ConferenceEndedWebhookEvent",
        "ConferenceSpeakEndedWebhookEvent",
        "ConferenceParticipantSpeakEndedWebhookEvent",
        "ConferenceParticipantPlaybackEndedWebhookEvent",
    }
    names = [each.data.event_type for each in received]
    of_the_conference = [name for name in names if name.startswith("conference.")]
    assert of_the_conference[0] == "conference.created"
    assert of_the_conference[-3:] == [
        "conference.participant.left",
        "conference.participant.left",
        "conference.ended",
    ]


async def test_recording_and_keys_by_the_sdk(tmp_path: Path) -> None:
    async with (
        hooks() as app,
        carrier(CarrierConfig(api_key=KEY, webhook_url=app.url), out_dir=tmp_path) as live,
        client(live) as sdk,
    ):
        [call] = await answered(live, 1)
        made: Any = await sdk.conferences.create(call_control_id=call, name="kept")
        id, actions = made.data.id, sdk.conferences.actions
        started: Any = await actions.record_start(id, format="wav", channels="dual")
        assert started.data.result == "ok"
        await actions.record_pause(id)
        await actions.record_resume(id)
        gathered: Any = await actions.gather_dtmf_audio(
            id, call_control_id=call, timeout_millis=100, gather_id="code"
        )
        assert gathered.data.result == "ok"
        ended = (await events(app, sdk, "call.gather.ended"))[-1]
        assert ended.data.payload.status in ("timeout", "invalid")
        await actions.record_stop(id)
        saved = (await events(app, sdk, "conference.recording.saved"))[-1]
        assert type(saved).__name__ == "ConferenceRecordingSavedWebhookEvent"
        assert saved.data.payload.conference_id == id
        found: Any = await sdk.recordings.list(filter={"conference_id": id})
        assert [each.source for each in found.data] == ["conference"]


async def test_the_floor_as_the_sdk_reads_it(tmp_path: Path) -> None:
    write_tone(tmp_path / "speech.wav", 1500)
    async with (
        hooks() as app,
        carrier(CarrierConfig(api_key=KEY, webhook_url=app.url)) as live,
        client(live) as sdk,
    ):
        answer = await live.http.post(
            f"/carrier/calls?base={tmp_path}",
            json={"steps": [{"play": "speech.wav"}, {"wait": "hangup"}]},
        )
        call = answer.json()["call_control_id"]
        await sdk.calls.actions.answer(call)
        made: Any = await sdk.conferences.create(call_control_id=call, name="floor")
        changed = (await events(app, sdk, "conference.floor.changed"))[-1]
    assert isinstance(changed, ConferenceFloorChanged)
    assert changed.payload is not None
    assert changed.payload.call_control_id == call
    assert changed.payload.conference_id == made.data.id
