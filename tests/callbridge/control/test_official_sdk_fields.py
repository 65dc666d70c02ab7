"""The official Python SDK as a witness for whole commands: every field that a command declares is
a keyword of the SDK's method, goes the same way, and there is none that only we know."""

import inspect
import json
from functools import reduce
from typing import Any

import httpx
import msgspec
import pytest
from telnyx import Telnyx

from callbridge.control import commands as wire
from callbridge.control import conferences, queues, recording
from callbridge.control.commands import AmdConfig, Bridge, Dial, DialConference, Header, Transfer
from callbridge.control.lists import ActiveCallsList, CallEventsList, Listing

BASE_URL = "https://api.telnyx.com/v2"
LEG, OTHER = "v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg", "v3:other"
CONFERENCE = "ca26ca2b-5e0e-4e0d-9bd1-1f1e4ea2a1f1"
NUMBER = "+13125550199"
HEADERS = (Header("X-Ticket", "7"),)
AMD = AmdConfig(
    total_analysis_time_millis=20000,
    greeting_duration_millis=3500,
    initial_silence_millis=3500,
    after_greeting_silence_millis=800,
    between_words_silence_millis=50,
    maximum_number_of_words=5,
    maximum_word_length_millis=3500,
    silence_threshold=256,
    greeting_total_analysis_time_millis=5000,
    greeting_silence_duration_millis=1500,
)
JOINED = DialConference(
    id=CONFERENCE,
    conference_name="sales",
    mute=True,
    hold=True,
    hold_audio_url="https://bot.example/a.wav",
    hold_media_name="a",
    beep_enabled="on_enter",
    early_media=False,
    start_conference_on_create=True,
    start_conference_on_enter=True,
    end_conference_on_exit=True,
    soft_end_conference_on_exit=False,
    supervisor_role="whisper",
    whisper_call_control_ids=(OTHER,),
)
WHO: dict[str, Any] = {"conference_id": CONFERENCE, "call_control_ids": (LEG, OTHER)}
ONE: dict[str, Any] = {"conference_id": CONFERENCE, "call_control_id": LEG}
RECORDED: dict[str, Any] = {"conference_id": CONFERENCE, "recording_id": "r1"}

# The command, the SDK's method for it, and what the SDK calls by another name.
COMMANDS: list[tuple[wire.Command, str, dict[str, str]]] = [
    (
        Dial(
            connection_id="1684",
            to=(NUMBER, "sip:agent@example.com"),
            from_="+13125550100",
            from_display_name="Bot",
            timeout_secs=20,
            time_limit_secs=600,
            webhook_url="https://bot.example/webhooks",
            client_state="aGk=",
            answering_machine_detection="premium",
            answering_machine_detection_config=AMD,
            send_digits_on_answer="1w2",
            custom_headers=HEADERS,
            link_to=LEG,
            bridge_intent=True,
            bridge_on_answer=True,
            park_after_unbridge="self",
            conference_config=JOINED,
            supervise_call_control_id=OTHER,
            supervisor_role="monitor",
        ),
        "calls.dial",
        {"from": "from_"},
    ),
    (
        Transfer(
            call_control_id=LEG,
            to=NUMBER,
            from_="+13125550100",
            from_display_name="Bot",
            timeout_secs=20,
            time_limit_secs=600,
            answering_machine_detection="detect_beep",
            answering_machine_detection_config=AMD,
            custom_headers=HEADERS,
            early_media=False,
            park_after_unbridge="self",
            send_digits_on_answer="1w2",
            target_leg_client_state="aGk=",
            webhook_url="https://bot.example/webhooks",
        ),
        "calls.actions.transfer",
        {"from": "from_"},
    ),
    (
        Bridge(
            call_control_id=LEG,
            with_=OTHER,
            queue="support",
            park_after_unbridge="self",
            hold_after_unbridge=True,
            prevent_double_bridge=True,
            mute_dtmf="both",
            play_ringtone=True,
            ringtone="de",
        ),
        "calls.actions.bridge",
        {"call_control_id": "call_control_id_to_bridge_with"},
    ),
    (
        wire.Refer(
            call_control_id=LEG,
            sip_address="sip:a@b.example",
            custom_headers=HEADERS,
            sip_auth_username="u",
            sip_auth_password="p",
        ),
        "calls.actions.refer",
        {},
    ),
    (
        wire.SendSipInfo(call_control_id=LEG, body="hello", content_type="text/plain"),
        "calls.actions.send_sip_info",
        {},
    ),
    (
        recording.RecordStart(
            call_control_id=LEG,
            recording_track="both",
            play_beep=True,
            max_length=60,
            timeout_secs=5,
            trim="trim-silence",
            custom_file_name="f",
            transcription=True,
            transcription_engine="B",
            transcription_language="en-US",
        ),
        "calls.actions.start_recording",
        {},
    ),
    (
        recording.RecordStop(call_control_id=LEG, recording_id="r1"),
        "calls.actions.stop_recording",
        {},
    ),
    (
        recording.RecordPause(call_control_id=LEG, recording_id="r1"),
        "calls.actions.pause_recording",
        {},
    ),
    (
        recording.RecordResume(call_control_id=LEG, recording_id="r1"),
        "calls.actions.resume_recording",
        {},
    ),
    (
        queues.Enqueue(
            call_control_id=LEG,
            queue_name="support",
            max_size=5,
            max_wait_time_secs=60,
            keep_after_hangup=True,
            client_state="aGk=",
        ),
        "calls.actions.enqueue",
        {},
    ),
    (queues.LeaveQueue(call_control_id=LEG), "calls.actions.leave_queue", {}),
    (queues.QueueCreate(queue_name="support", max_size=5), "queues.create", {}),
    (queues.QueueUpdate(queue_name="support", max_size=5), "queues.update", {}),
    (queues.QueueDelete(queue_name="support"), "queues.delete", {}),
    (queues.QueueStatus(queue_name="support"), "queues.retrieve", {}),
    (
        queues.QueueCallRemove(queue_name="support", call_control_id=LEG),
        "queues.calls.remove",
        {},
    ),
    (
        conferences.ConferenceCreate(
            call_control_id=LEG,
            conference_name="sales",
            client_state="aGk=",
            beep_enabled="always",
            comfort_noise=False,
            duration_minutes=60,
            hold_audio_url="https://bot.example/a.wav",
            hold_media_name="a",
            max_participants=10,
            region="Europe",
            start_conference_on_create=False,
        ),
        "conferences.create",
        {},
    ),
    (
        conferences.ConferenceJoin(
            **ONE,
            client_state="aGk=",
            mute=True,
            hold=True,
            hold_audio_url="https://bot.example/a.wav",
            hold_media_name="a",
            beep_enabled="never",
            start_conference_on_enter=True,
            end_conference_on_exit=True,
            soft_end_conference_on_exit=True,
            supervisor_role="barge",
            whisper_call_control_ids=(OTHER,),
            region="US",
        ),
        "conferences.actions.join",
        {},
    ),
    (
        conferences.ConferenceLeave(**ONE, beep_enabled="on_exit"),
        "conferences.actions.leave",
        {},
    ),
    (
        conferences.ConferenceEnd(conference_id=CONFERENCE),
        "conferences.actions.end_conference",
        {},
    ),
    (
        conferences.ConferenceUpdate(
            **ONE, supervisor_role="whisper", whisper_call_control_ids=(OTHER,)
        ),
        "conferences.actions.update",
        {},
    ),
    (
        conferences.ConferenceHold(**WHO, audio_url="https://bot.example/a.wav", media_name="a"),
        "conferences.actions.hold",
        {},
    ),
    (conferences.ConferenceUnhold(**WHO), "conferences.actions.unhold", {}),
    (conferences.ConferenceMute(**WHO), "conferences.actions.mute", {}),
    (conferences.ConferenceUnmute(**WHO), "conferences.actions.unmute", {}),
    (
        conferences.ConferencePlay(
            **WHO, audio_url="https://bot.example/a.wav", media_name="a", loop="infinity"
        ),
        "conferences.actions.play",
        {},
    ),
    (conferences.ConferenceStop(**WHO), "conferences.actions.stop", {}),
    (
        conferences.ConferenceSpeak(
            **WHO, payload="Hi", voice="female", payload_type="text", language="en-US"
        ),
        "conferences.actions.speak",
        {},
    ),
    (
        conferences.ConferenceSendDtmf(
            **WHO, digits="1w2", duration_millis=200, client_state="aGk="
        ),
        "conferences.actions.send_dtmf",
        {},
    ),
    (
        conferences.ConferenceRecordStart(
            conference_id=CONFERENCE,
            channels="single",
            play_beep=True,
            trim="trim-silence",
            custom_file_name="f",
        ),
        "conferences.actions.record_start",
        {},
    ),
    (
        conferences.ConferenceRecordStop(**RECORDED, client_state="aGk="),
        "conferences.actions.record_stop",
        {},
    ),
    (conferences.ConferenceRecordPause(**RECORDED), "conferences.actions.record_pause", {}),
    (conferences.ConferenceRecordResume(**RECORDED), "conferences.actions.record_resume", {}),
    (conferences.ConferenceStatus(conference_id=CONFERENCE), "conferences.retrieve", {}),
    (
        conferences.ParticipantUpdate(
            conference_id=CONFERENCE,
            participant_id="p1",
            beep_enabled="never",
            end_conference_on_exit=True,
            soft_end_conference_on_exit=False,
        ),
        "conferences.update_participant",
        {},
    ),
]

LISTS: list[tuple[Listing, str, dict[str, Any]]] = [
    (ActiveCallsList(connection_id="1684"), "connections.list_active_calls", {}),
    (
        CallEventsList(leg_id="l1", session_id="s1", event_name="call.initiated"),
        "call_events.list",
        {
            "filter": {
                "leg_id": "l1",
                "application_session_id": "s1",
                "name": "call.initiated",
            }
        },
    ),
    (
        conferences.ConferencesList(conference_name="a b&c", status="in_progress"),
        "conferences.list",
        {"filter": {"name": "a b&c", "status": "in_progress"}},
    ),
    (
        conferences.ParticipantsList(conference_id=CONFERENCE),
        "conferences.list_participants",
        {},
    ),
    (queues.QueuesList(), "queues.list", {}),
    (queues.QueueCallsList(queue_name="support"), "queues.calls.list", {}),
]


def of_the_sdk(sdk: Telnyx, name: str) -> Any:
    return reduce(getattr, name.split("."), sdk)


def sent_by_the_sdk(name: str, /, *ids: str, **fields: Any) -> httpx.Request:
    sent: list[httpx.Request] = []

    def platform(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"data": {"result": "ok"}})

    http = httpx.Client(transport=httpx.MockTransport(platform))
    with Telnyx(api_key="k", base_url=BASE_URL, http_client=http) as sdk:
        method = of_the_sdk(sdk, name)
        wanted = [each for each in inspect.signature(method).parameters if each in fields]
        assert len(wanted) == len(fields), f"{name} takes no {fields.keys() - {*wanted}}"
        method(*ids, **fields)
    (request,) = sent
    return request


def ids_of(name: str, path: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The ids of a path as the SDK takes them: the first that it is asked for, then keywords."""
    match name:
        case "queues.calls.remove":
            return (path[1],), {"queue_name": path[0]}
        case "conferences.update_participant":
            return (path[1],), {"id": path[0]}
        case _:
            return path, {}


def in_the_path(command: wire.Command) -> tuple[str, ...]:
    ids = (LEG, CONFERENCE, "p1", "support", "1684")
    return tuple(part for part in command_path(command).split("/") if part in ids)


def command_path(command: wire.Command) -> str:
    return httpx.URL(BASE_URL + wire.request(command).path).path


@pytest.mark.parametrize(
    ("command", "name", "renamed"), COMMANDS, ids=[type(each).__name__ for each, *_ in COMMANDS]
)
def test_every_field_of_a_command_is_the_sdks(
    command: wire.Command, name: str, renamed: dict[str, str]
) -> None:
    ours = wire.request(command)
    body: dict[str, Any] = json.loads(ours.body or b"{}")
    ids, keywords = ids_of(name, in_the_path(command))
    fields = {renamed.get(field, field): value for field, value in body.items()}
    theirs = sent_by_the_sdk(name, *ids, **keywords, **fields)
    assert (ours.method, BASE_URL + ours.path) == (theirs.method, str(theirs.url))
    assert body == json.loads(theirs.content or b"{}")


@pytest.mark.parametrize(("command", "name", "renamed"), COMMANDS)
def test_every_field_was_set_above(
    command: wire.Command, name: str, renamed: dict[str, str]
) -> None:
    elsewhere = {"stream", "conversation_relay_config", "client_state"}  # in test_official_sdk
    for field in set(command.__struct_fields__) - elsewhere:
        assert getattr(command, field) is not None, field


@pytest.mark.parametrize(
    ("listing", "name", "fields"), LISTS, ids=[type(each).__name__ for each, *_ in LISTS]
)
def test_a_list_is_asked_for_as_the_sdk_does(
    listing: Listing, name: str, fields: dict[str, Any]
) -> None:
    listing = msgspec.structs.replace(listing, page_number=2, page_size=50)
    ours = wire.request(listing)
    theirs = sent_by_the_sdk(name, *in_the_path(listing), page_number=2, page_size=50, **fields)
    url = httpx.URL(BASE_URL + ours.path)
    assert (ours.method, url.path) == (theirs.method, theirs.url.path)
    assert dict(url.params) == dict(theirs.url.params)
