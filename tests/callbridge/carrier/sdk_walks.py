"""Walks through all that the carrier has, as a customer with the platform's official SDK goes.

Each is one story on a carrier of its own. A new operation needs a step in one of them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import telnyx
from telnyx.pagination import AsyncDefaultFlatPagination
from telnyx.types.credentials_response import CredentialsResponse
from telnyx.types.recording_transcription import RecordingTranscription
from telnyx.types.recording_transcription_delete_response import (
    RecordingTranscriptionDeleteResponse,
)
from telnyx.types.recording_transcription_retrieve_response import (
    RecordingTranscriptionRetrieveResponse,
)
from websockets.asyncio.server import ServerConnection

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript, Play, Step
from callbridge.host.audiofile import Clip
from telecodecs import Pcm
from tests.callbridge.carrier.line import STAY, tone
from tests.callbridge.carrier.live import (
    KEY,
    Hooks,
    Live,
    carrier,
    customer,
    echo,
    hooks,
    write_tone,
)
from tests.callbridge.carrier.sdk_judge import Judge, Verdicts
from tests.callbridge.carrier.test_sdk_audio import Understands, page, sound

T = TypeVar("T")

OWN = CarrierConfig().connection_id
US, BOB, CAROL, BUSY, MACHINE = (f"+131255501{number}" for number in ("00", "99", "98", "97", "96"))
NOBODY = "ws://127.0.0.1:9/media"
WAITS: dict[str, object] = {"wait": "hangup"}
HOLDS_AND_PRESSES: tuple[dict[str, object], ...] = ({"hold": True}, {"hold": False}, {"press": "1"})
REPLIES: tuple[dict[str, object], ...] = (
    {"wait": "bot_speaking", "for": 0.1},
    {"play": "long.wav"},
)
STATE = "aGVsbG8="
WITHIN_S = 10


def greeting_and_beep() -> tuple[Step, ...]:
    """Of an answering machine."""
    words = np.random.default_rng(1).integers(-6000, 6000, 12000).astype(np.int16)  # 1.5 s
    return Play(Clip(words, 8000)), Play(Clip(tone(600, hz=1000), 8000)), *STAY


def voice(text: str, sample_rate: int, **how: object) -> Pcm:
    """A tone of 0.2 s, whatever is said."""
    return tone(200, sample_rate)


async def talks(socket: ServerConnection) -> None:
    """A customer of Conversation Relay who agrees with all that is said."""
    async for message in socket:
        frame = json.loads(message)
        if frame["type"] == "prompt" and frame["last"]:
            await socket.send(json.dumps({"type": "text", "token": "Yes.", "last": True}))


class Scene:
    """A carrier and a customer of it, who has files, a bot for streams and one for relays."""

    def __init__(
        self,
        live: Live,
        app: Hooks,
        judge: Judge,
        folder: Path,
        engines: Understands,
        *,
        media: str,
        relay: str,
    ) -> None:
        self.engines = engines
        self.live, self.app, self.folder = live, app, folder
        self.media_url, self.relay_url = media, relay
        self._judge = judge
        self._kept: list[dict[str, Any]] = []

    @property
    def sdk(self) -> telnyx.AsyncTelnyx:
        return self._judge.sdk

    async def ask(self, asked: Awaitable[T]) -> Any:
        """The answer, judged. Without a type: the SDK says of everything that it may be absent."""
        return await self._judge.answered(asked)

    async def told(self, event_type: str) -> dict[str, Any]:
        """The payload of the oldest event of a type that was not asked for before."""
        while True:
            for event in self._kept:
                if event["event_type"] == event_type:
                    self._kept.remove(event)
                    payload: dict[str, Any] = event["payload"]
                    return payload
            async with asyncio.timeout(WITHIN_S):
                await self._hear()

    async def _hear(self) -> None:
        request, body = await self.app.received.get()
        if request.method == "POST":
            data: Any = self._judge.unwrapped(body, dict(request.headers))
            self._kept.append(data)

    async def hear_the_rest(self) -> None:
        while not self.app.received.empty():
            await self._hear()

    async def ring(self, *steps: dict[str, object], **script: object) -> str:
        """A caller; their sounds are files of the folder."""
        body = {"steps": [*steps, WAITS], **script}
        answer = await self.live.http.post(f"/carrier/calls?base={self.folder}", json=body)
        call: str = answer.json()["call_control_id"]
        return call

    async def answered(self, *steps: dict[str, object], **script: object) -> str:
        call = await self.ring(*steps, **script)
        await self.ask(self.sdk.calls.actions.answer(call, client_state=STATE))
        await self.told("call.answered")
        return call

    async def dialled(self, to: str = BOB, **fields: Any) -> str:
        dial = self.sdk.calls.dial
        made = await self.ask(
            dial(connection_id=OWN, from_=US, to=to, client_state=STATE, **fields)
        )
        call: str = made.data.call_control_id
        while (await self.told("call.answered"))["call_control_id"] != call:
            pass
        return call

    async def hang_up(self, *calls: str) -> None:
        for call in calls:
            await self.ask(self.sdk.calls.actions.hangup(call))
        for _ in calls:
            await self.told("call.hangup")


Walk = Callable[[Scene], Awaitable[None]]


# ---- calls --------------------------------------------------------------------------------------


async def a_caller_is_answered_and_streamed(at: Scene) -> None:
    actions = at.sdk.calls.actions
    await at.ask(
        at.sdk.call_control_applications.update(
            OWN,
            application_name="desk",
            webhook_event_url=at.app.url,
            call_cost_in_webhooks=True,
            inbound={"shaken_stir_enabled": True},
            tags=["desk"],
        )
    )
    call = await at.ring({"wait": "answered"}, *HOLDS_AND_PRESSES, headers={"X-A": "b"})
    await at.told("call.initiated")
    await at.ask(at.sdk.calls.retrieve_status(call))
    await at.ask(at.sdk.connections.list_active_calls(OWN))
    await at.ask(
        actions.answer(
            call,
            billing_group_id="f5586561-8ff0-4291-a0ac-84fe544797bd",
            client_state=STATE,
            custom_headers=[{"name": "X-Desk", "value": "7"}],
            record="record-from-answer",
            record_format="wav",
            stream_url=at.media_url,
            stream_track="both_tracks",
        )
    )
    for event in ("call.answered", "streaming.started", "call.hold", "call.unhold"):
        await at.told(event)
    await at.told("call.dtmf.received")
    await at.ask(actions.update_client_state(call, client_state="Mg=="))
    await at.ask(actions.send_dtmf(call, digits="1"))
    await at.ask(actions.stop_streaming(call))
    await at.told("streaming.stopped")
    await at.ask(actions.start_streaming(call, stream_url=NOBODY))
    await at.told("streaming.failed")
    await at.ask(at.sdk.calls.retrieve_status(call))
    await at.ask(at.sdk.connections.list_active_calls(OWN))
    await at.hang_up(call)
    await at.told("call.cost")
    await at.told("call.recording.saved")
    await at.ask(at.sdk.calls.retrieve_status(call))
    await at.ask(at.sdk.call_events.list())
    deliveries = await at.ask(at.sdk.webhook_deliveries.list())
    await at.ask(at.sdk.webhook_deliveries.retrieve(deliveries.data[0].id))


async def sounds_and_keys(at: Scene) -> None:
    actions = at.sdk.calls.actions
    call = await at.answered()
    await at.ask(actions.speak(call, payload="hello", voice="female"))
    await at.told("call.speak.started")
    await at.told("call.speak.ended")
    tone_url = f"{at.app.url}/tone.wav"
    await at.ask(actions.start_playback(call, media_name="menu", overlay=False))
    await at.told("call.playback.ended")
    await at.ask(actions.start_playback(call, audio_url=f"{at.app.url}/none.wav"))
    await at.told("call.playback.ended")
    await at.ask(actions.start_playback(call, audio_url=tone_url, loop="infinity"))
    await at.told("call.playback.started")
    await at.ask(actions.stop_playback(call))
    await at.told("call.playback.ended")
    await at.ask(actions.gather(call, gather_id="pin"))
    await at.ask(actions.stop_gather(call))
    await at.told("call.gather.ended")
    for gather in (
        actions.gather_using_audio(call, audio_url=tone_url, timeout_millis=1, maximum_tries=1),
        actions.gather_using_speak(
            call, payload="?", voice="female", timeout_millis=1, maximum_tries=1
        ),
    ):
        await at.ask(gather)
        await at.told("call.gather.ended")
    await at.hang_up(call)


async def legs_are_joined_and_referred(at: Scene) -> None:
    actions = at.sdk.calls.actions
    alice = await at.answered()
    bob = await at.dialled(
        sip_headers=[{"name": "User-to-User", "value": "abc"}],
        custom_headers=[{"name": "X-A", "value": "b"}],
        record="record-from-answer",
        record_format="mp3",
    )
    await at.ask(actions.bridge(alice, call_control_id_to_bridge_with=bob))
    await at.told("call.bridged")
    await at.ask(actions.send_sip_info(alice, body="x", content_type="text/plain"))
    await at.told("call.sip_info.received")
    boss = await at.dialled(CAROL, supervise_call_control_id=alice, supervisor_role="monitor")
    await at.ask(actions.switch_supervisor_role(boss, role="whisper"))
    await at.hang_up(boss, alice)
    await at.told("call.hangup")  # of the other one of the bridge
    call = await at.answered()
    await at.ask(actions.transfer(call, to=BUSY))
    await at.told("call.hangup")
    for number, event in ((BUSY, "call.refer.failed"), (BOB, "call.refer.completed")):
        await at.ask(actions.refer(call, sip_address=f"sip:{number}@sip.example.com"))
        await at.told("call.refer.started")
        await at.told(event)
    await at.told("call.hangup")
    await at.ask(actions.reject(await at.ring(), cause="USER_BUSY"))
    await at.told("call.hangup")


async def who_has_picked_up(at: Scene) -> None:
    for mode, kind in (("greeting_end", ""), ("premium", "premium.")):
        call = await at.dialled(
            MACHINE,
            answering_machine_detection=mode,
            answering_machine_detection_config={"greeting_duration_millis": 500},
        )
        await at.told(f"call.machine.{kind}detection.ended")
        await at.told(f"call.machine.{kind}greeting.ended")
        await at.hang_up(call)
    at.engines.understood = "record your name and reason for calling"
    call = await at.dialled(
        MACHINE,
        answering_machine_detection="premium_ios_call_screening_detection",
        answering_machine_detection_config={"greeting_duration_millis": 500},
    )
    await at.told("call.machine.premium.call_screening.detected")
    await at.hang_up(call)


async def what_is_said_is_written_down(at: Scene) -> None:
    actions = at.sdk.calls.actions
    call = await at.answered(*REPLIES)
    await at.ask(actions.start_transcription(call, transcription_tracks="both"))
    await at.ask(actions.speak(call, payload="hello", voice="female"))
    await at.told("call.transcription")
    await at.ask(actions.stop_transcription(call))
    await at.hang_up(call)


async def a_conversation_by_relay(at: Scene) -> None:
    actions = at.sdk.calls.actions
    call = await at.answered({"wait": "streaming"}, {"play": "menu.wav"})
    await at.ask(
        actions.start_conversation_relay(call, url=at.relay_url, greeting="Hi.", voice="Polly.Amy")
    )
    await at.live.until(call, "relay heard")
    await at.ask(actions.stop_conversation_relay(call))
    await at.told("call.conversation.ended")
    await at.hang_up(call)


async def callers_wait_in_a_queue(at: Scene) -> None:
    queues, actions = at.sdk.queues, at.sdk.calls.actions
    await at.ask(queues.create(queue_name="support", max_size=5))
    await at.ask(queues.update("support", max_size=6))
    alice = await at.answered()
    await at.ask(actions.enqueue(alice, queue_name="support"))
    await at.told("call.enqueued")
    await at.ask(queues.retrieve("support"))
    await at.ask(queues.list())
    await at.ask(queues.calls.list("support"))
    await at.ask(queues.calls.retrieve(alice, queue_name="support"))
    await at.ask(queues.calls.update(alice, queue_name="support", keep_after_hangup=True))
    await at.ask(actions.leave_queue(alice))
    await at.told("call.dequeued")
    await at.ask(actions.enqueue(alice, queue_name="support", keep_after_hangup=True))
    await at.told("call.enqueued")
    await at.hang_up(alice)
    await at.ask(queues.calls.remove(alice, queue_name="support"))
    await at.told("call.dequeued")
    await at.ask(queues.delete("support"))


# ---- conferences --------------------------------------------------------------------------------


async def three_in_a_conference(at: Scene) -> None:
    conferences, actions = at.sdk.conferences, at.sdk.conferences.actions
    host = await at.answered(*REPLIES)
    guest, boss = await at.answered(), await at.answered()
    made = await at.ask(conferences.create(call_control_id=host, name="three", region="US"))
    id = made.data.id
    await at.told("conference.created")
    await at.ask(actions.join(id, call_control_id=guest))
    await at.ask(actions.join(id, call_control_id=boss, supervisor_role="monitor"))
    await at.told("conference.participant.joined")
    await at.ask(actions.update(id, call_control_id=boss, supervisor_role="barge"))
    await at.ask(actions.mute(id, call_control_ids=[guest]))
    await at.ask(actions.unmute(id))
    await at.ask(actions.hold(id, call_control_ids=[guest]))
    await at.ask(actions.unhold(id, call_control_ids=[guest]))
    await at.ask(actions.send_dtmf(id, digits="1"))
    await at.told("conference.floor.changed")
    await in_a_list_and_one_by_one(at, id)
    await at.ask(actions.leave(id, call_control_id=boss))
    await at.told("conference.participant.left")
    await at.ask(actions.end_conference(id))
    await at.told("conference.ended")
    await at.ask(conferences.retrieve(id))


async def in_a_list_and_one_by_one(at: Scene, id: str) -> None:
    conferences = at.sdk.conferences
    await at.ask(conferences.retrieve(id))
    await at.ask(conferences.list())
    participants = await at.ask(conferences.list_participants(id))
    one = participants.data[0].id
    await at.ask(conferences.retrieve_participant(one, id=id))
    await at.ask(conferences.update_participant(one, id=id, end_conference_on_exit=False))


async def a_conference_hears_and_is_recorded(at: Scene) -> None:
    actions = at.sdk.conferences.actions
    host, guest = await at.answered(), await at.answered()
    made = await at.ask(at.sdk.conferences.create(call_control_id=host, name="loud"))
    id, tone_url = made.data.id, f"{at.app.url}/tone.wav"
    await at.ask(actions.join(id, call_control_id=guest, end_conference_on_exit=True))
    await at.ask(actions.record_start(id, format="wav", channels="dual"))
    await at.ask(actions.record_pause(id))
    await at.ask(actions.record_resume(id))
    everybody: dict[str, Any] = {}
    one: dict[str, Any] = {"call_control_ids": [guest]}
    for whom, kind in ((everybody, ""), (one, "participant.")):
        await at.ask(actions.speak(id, payload="hello", voice="female", **whom))
        await at.told(f"conference.{kind}speak.started")
        await at.told(f"conference.{kind}speak.ended")
        await at.ask(actions.play(id, media_name="menu", **whom))
        await at.told(f"conference.{kind}playback.ended")
        await at.ask(actions.play(id, audio_url=tone_url, loop="infinity", **whom))
        await at.told(f"conference.{kind}playback.started")
        await at.told(f"conference.{kind}playback.started")
        await at.ask(actions.stop(id, **whom))
        await at.told(f"conference.{kind}playback.ended")
    await at.ask(
        actions.gather_dtmf_audio(id, call_control_id=guest, timeout_millis=1, gather_id="pin")
    )
    await at.told("call.gather.ended")
    await at.ask(actions.record_stop(id))
    await at.told("conference.recording.saved")
    await at.ask(actions.record_start(id, format="mp3", channels="single"))
    await at.ask(at.sdk.recordings.list())
    await at.ask(at.sdk.calls.actions.hangup(guest))
    await at.told("conference.recording.saved")
    await at.told("conference.ended")
    await at.ask(at.sdk.conferences.retrieve(id))
    await at.ask(at.sdk.recordings.list())
    await at.told("call.hangup")
    await at.told("call.hangup")  # of the host: the conference has ended with the guest


# ---- recordings ---------------------------------------------------------------------------------


async def recordings_and_their_texts(at: Scene) -> None:
    recordings, actions = at.sdk.recordings, at.sdk.calls.actions
    call = await at.answered({"play": "menu.wav"})
    for _ in range(2):
        await at.ask(
            actions.start_recording(call, format="wav", channels="dual", transcription=True)
        )
        await at.ask(actions.pause_recording(call))
        await at.ask(actions.resume_recording(call))
        await asyncio.sleep(0.2)
        await at.ask(actions.stop_recording(call))
        await at.told("call.recording.saved")
        await at.told("call.recording.transcription.saved")
    await at.ask(recordings.retrieve((await at.ask(recordings.list())).data[0].id))
    await by_their_texts(at)
    first, second = (each.id for each in (await at.ask(recordings.list())).data)
    await at.ask(recordings.delete(first))
    await at.ask(recordings.actions.delete(ids=[second]))
    await at.hang_up(call)


async def by_their_texts(at: Scene) -> None:
    """The paths below a recording are the guides' alone: the SDK has no methods for them."""
    texts = at.sdk.recording_transcriptions
    listed = await at.ask(texts.list())
    await at.ask(texts.retrieve(listed.data[0].id))
    await at.ask(texts.delete(listed.data[0].id))
    kept = listed.data[1]
    path = f"/recordings/{kept.recording_id}/transcriptions"
    await at.ask(at.sdk.get(path, cast_to=AsyncDefaultFlatPagination[RecordingTranscription]))
    await at.ask(at.sdk.get(f"{path}/{kept.id}", cast_to=RecordingTranscriptionRetrieveResponse))
    await at.ask(at.sdk.delete(f"{path}/{kept.id}", cast_to=RecordingTranscriptionDeleteResponse))


async def storage_of_ones_own(at: Scene) -> None:
    credentials = at.sdk.custom_storage_credentials
    gcs: Any = {"backend": "gcs", "bucket": "mine", "credentials": "{"}
    await at.ask(credentials.create(OWN, backend="gcs", configuration=gcs))
    await at.ask(credentials.update(OWN, backend="gcs", configuration=gcs))
    await at.ask(credentials.retrieve(OWN))
    call = await at.answered()
    await at.ask(at.sdk.calls.actions.start_recording(call, format="wav", channels="single"))
    await at.hang_up(call)
    await at.told("call.recording.error")
    # The collection is the guides' alone: the SDK has no methods for it.
    path = "/custom_storage_credentials"
    await at.ask(at.sdk.get(path, cast_to=AsyncDefaultFlatPagination[CredentialsResponse]))
    await at.ask(credentials.delete(OWN))
    body = {"connection_id": OWN, "backend": "gcs", "configuration": gcs}
    await at.ask(at.sdk.post(path, cast_to=CredentialsResponse, body=body))


# ---- the account --------------------------------------------------------------------------------


async def applications(at: Scene) -> None:
    applications = at.sdk.call_control_applications
    made = await at.ask(
        applications.create(
            application_name="sales",
            inbound={
                "channel_limit": 5,
                "sip_subdomain": "sales",
                "sip_subdomain_receive_settings": "from_anyone",
            },
            outbound={"channel_limit": 5, "outbound_voice_profile_id": "1"},
            webhook_event_failover_url=at.app.url,
            webhook_event_url=at.app.url,
            webhook_timeout_secs=5,
        )
    )
    await at.ask(applications.retrieve(made.data.id))
    await at.ask(
        applications.update(
            made.data.id, application_name="sales", webhook_event_url=at.app.url, tags=["a"]
        )
    )
    await at.ask(applications.list())
    await at.ask(applications.delete(made.data.id))


async def numbers_and_messages(at: Scene) -> None:
    numbers = at.sdk.phone_numbers
    found = await at.ask(
        at.sdk.available_phone_numbers.list(filter={"national_destination_code": "415", "limit": 1})
    )
    number = found.data[0].phone_number
    await at.ask(
        at.sdk.number_orders.create(phone_numbers=[{"phone_number": number}], connection_id=OWN)
    )
    await at.ask(numbers.retrieve(number))
    await at.ask(numbers.list())
    await at.ask(at.sdk.number_lookup.retrieve(number))
    await at.ask(numbers.delete(number))
    await at.ask(at.sdk.messages.send(from_=number, to=BOB, text="hello"))


WALKS: tuple[Walk, ...] = (
    a_caller_is_answered_and_streamed,
    sounds_and_keys,
    legs_are_joined_and_referred,
    who_has_picked_up,
    what_is_said_is_written_down,
    a_conversation_by_relay,
    callers_wait_in_a_queue,
    three_in_a_conference,
    a_conference_hears_and_is_recorded,
    recordings_and_their_texts,
    storage_of_ones_own,
    applications,
    numbers_and_messages,
)


@contextlib.asynccontextmanager
async def scene(folder: Path, verdicts: Verdicts) -> AsyncGenerator[Scene]:
    numbers: Any = {
        BOB: CallScript(steps=STAY),
        CAROL: CallScript(steps=STAY),
        BUSY: "busy",
        MACHINE: CallScript(steps=greeting_and_beep()),
    }
    engines = Understands()
    async with (
        hooks(page) as app,
        customer(echo) as media,
        customer(talks) as relay,
        carrier(
            CarrierConfig(api_key=KEY, webhook_url=app.url, numbers=numbers, ring_s=0.02),
            voice=voice,
            engines=engines,
            media=folder,
        ) as live,
    ):
        judge = Judge(live, verdicts)
        async with judge.sdk:
            at = Scene(live, app, judge, folder, engines, media=media, relay=relay)
            yield at
            await at.hear_the_rest()


async def walk_all(folder: Path) -> Verdicts:
    """One after the other, each to its end or to where it broke."""
    (folder / "menu.wav").write_bytes(sound("WAV"))
    write_tone(folder / "long.wav", 1500)
    verdicts = Verdicts()
    for walk in WALKS:
        try:
            async with scene(folder, verdicts) as at:
                await walk(at)
        except Exception as error:  # raised by a test of its own; the others are judged as well
            verdicts.broken[walk.__name__] = error
    return verdicts
