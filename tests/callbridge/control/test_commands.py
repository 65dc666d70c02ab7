"""Commands become the documented requests."""

import json
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console

from callbridge.control import commands as wire
from callbridge.control.commands import (
    Action,
    AmdConfig,
    Answer,
    AnyCommand,
    Bridge,
    CallStatus,
    ClientStateUpdate,
    Dial,
    DialConference,
    Hangup,
    Reject,
    Relay,
    RelayStart,
    RelayStop,
    SendDtmf,
    Speak,
    Stream,
    StreamingStart,
    StreamingStop,
    Transfer,
)
from callbridge.control.conferences import (
    ConferenceCreate,
    ConferenceMute,
    ConferenceRecordStart,
    ConferencesList,
    ParticipantsList,
)
from callbridge.control.lists import ActiveCallsList, CallEventsList
from callbridge.control.queues import QueueCallRemove, QueueCreate, QueueDelete
from callbridge.errors import LocalProtocolError

LEG = "v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg"


def body_of(command: wire.Command) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(wire.request(command).body)
    UUID(body.pop("command_id"))
    return body


@pytest.mark.parametrize(
    ("command", "path", "body"),
    [
        (Answer(call_control_id=LEG), "answer", {}),
        (Reject(call_control_id=LEG, cause="USER_BUSY"), "reject", {"cause": "USER_BUSY"}),
        (Hangup(call_control_id=LEG, client_state="YQ=="), "hangup", {"client_state": "YQ=="}),
        (StreamingStop(call_control_id=LEG, stream_id="s"), "streaming_stop", {"stream_id": "s"}),
        (
            Speak(call_control_id=LEG, payload="Hi", voice="Polly.Joanna"),
            "speak",
            {"payload": "Hi", "voice": "Polly.Joanna"},
        ),
        (SendDtmf(call_control_id=LEG, digits="1w2"), "send_dtmf", {"digits": "1w2"}),
        (
            Transfer(call_control_id=LEG, to="+13125550199", from_="+13125550100"),
            "transfer",
            {"to": "+13125550199", "from": "+13125550100"},
        ),
        (Transfer(call_control_id=LEG, to="sip:a@b"), "transfer", {"to": "sip:a@b"}),
    ],
)
def test_only_what_was_set_is_sent(command: wire.Command, path: str, body: dict[str, Any]) -> None:
    request = wire.request(command)
    assert (request.method, request.path) == ("POST", f"/calls/{LEG}/actions/{path}")
    assert body_of(command) == body


def test_dial_has_no_call_in_its_path() -> None:
    command = Dial(connection_id="1684", to="+13125550199", from_="+13125550100", timeout_secs=20)
    assert wire.request(command).path == "/calls"
    assert body_of(command) == {
        "connection_id": "1684",
        "to": "+13125550199",
        "from": "+13125550100",
        "timeout_secs": 20,
    }


def test_a_stream_says_all_that_the_platform_would_choose_otherwise() -> None:
    stream = Stream(stream_url="wss://bot.example/media?token=t", stream_auth_token="t")
    expected = {
        "stream_url": "wss://bot.example/media?token=t",
        "stream_auth_token": "t",
        "stream_bidirectional_mode": "rtp",
        "stream_bidirectional_target_legs": "self",
        "stream_bidirectional_codec": "PCMU",
        "stream_bidirectional_sampling_rate": 8000,
    }
    idle = {"send_silence_when_idle": True}
    dial = Dial(connection_id="1", to="+13125550199", from_="+13125550100", stream=stream)
    assert body_of(Answer(call_control_id=LEG, stream=stream)) == expected | idle
    assert body_of(dial).items() >= (expected | idle).items()
    assert body_of(StreamingStart(call_control_id=LEG, stream=stream)) == expected


def test_every_command_has_an_id_of_its_own_and_keeps_it() -> None:
    one, other = Hangup(call_control_id=LEG), Hangup(call_control_id=LEG)
    assert one.command_id != other.command_id
    assert wire.request(one) == wire.request(one)


def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    command = Hangup(call_control_id="v3:a/../../b?c#d")
    assert wire.request(command).path == "/calls/v3:a%2F..%2F..%2Fb%3Fc%23d/actions/hangup"


def test_an_empty_id_is_our_bug() -> None:
    with pytest.raises(LocalProtocolError, match="Hangup without a call_control_id"):
        wire.request(Hangup(call_control_id=""))


def test_tokens_are_not_shown() -> None:
    stream = Stream(stream_url="wss://bot.example/media?token=hush", stream_auth_token="hush")
    command = Answer(call_control_id=LEG, stream=stream)
    page = StringIO()
    Console(file=page, width=400).print(command, {"command": command}, stream)
    for shown in (repr(command), str(command), f"{stream}", page.getvalue()):
        assert "hush" not in shown
        assert "wss://bot.example/media" in shown


RELAY = Relay(url="wss://bot.example/relay?token=hush", language="de")


def test_the_relays_token_is_not_shown_either() -> None:
    commands = (
        RELAY,
        Answer(call_control_id=LEG, conversation_relay_config=RELAY),
        RelayStart(call_control_id=LEG, relay=RELAY),
    )
    for command in commands:
        assert "hush" not in repr(command)
        assert "wss://bot.example/relay" in repr(command)


def test_a_relay_stands_in_an_answer_as_an_object_and_beside_the_fields_of_its_own_command() -> (
    None
):
    started = {
        "url": "wss://bot.example/relay?token=hush",
        "language": "de",
        "dtmf_detection": True,
    }
    answer = Answer(call_control_id=LEG, conversation_relay_config=RELAY)
    assert body_of(answer) == {"conversation_relay_config": started}
    start = RelayStart(call_control_id=LEG, relay=RELAY)
    assert body_of(start) == started
    assert wire.request(start).path.endswith("/actions/conversation_relay_start")
    assert body_of(RelayStop(call_control_id=LEG)) == {}


def test_any_action_goes_by_its_name_and_fields() -> None:
    fields: dict[str, object] = {"payload": "Your PIN?", "voice": None, "at": 1, "verb": "is"}
    command = Action(call_control_id=LEG, action="gather_using_speak", fields=fields)
    request = wire.request(command)
    assert (request.method, request.path) == ("POST", f"/calls/{LEG}/actions/gather_using_speak")
    assert body_of(command) == {"payload": "Your PIN?", "at": 1, "verb": "is"}
    assert wire.request(command) == request
    with pytest.raises(LocalProtocolError, match="hold without a call_control_id"):
        wire.request(Action(call_control_id="", action="hold"))


def test_any_endpoint_goes_by_its_path() -> None:
    command = AnyCommand(at="/conferences/a b/actions/mute", fields={"x": 1}, verb="PATCH")
    request = wire.request(command)
    assert (request.method, request.path) == ("PATCH", "/conferences/a%20b/actions/mute")
    assert body_of(command) == {"x": 1}
    with pytest.raises(LocalProtocolError, match="begins with a slash"):
        AnyCommand(at="conferences")


def test_a_client_state_is_put() -> None:
    request = wire.request(ClientStateUpdate(call_control_id=LEG, client_state="YQ=="))
    assert request.method == "PUT"
    assert request.path == f"/calls/{LEG}/actions/client_state_update"
    assert json.loads(request.body) == {"client_state": "YQ=="}


def test_secrets_among_the_fields_are_not_shown() -> None:
    fields: dict[str, object] = {
        "sip_auth_password": "hush",
        "stream_url": "wss://bot.example/media?token=hush",
        "assistant": {"api_key": "hush"},
    }
    shown = repr(Action(call_control_id=LEG, action="refer", fields=fields))
    assert "hush" not in shown
    assert "wss://bot.example/media" in shown


# ---- more than one call -------------------------------------------------------------------------


def test_a_bridge_names_one_leg_in_its_path_and_the_other_in_its_body() -> None:
    command = Bridge(call_control_id=LEG, with_="v3:other", park_after_unbridge="self")
    assert wire.request(command).path == f"/calls/{LEG}/actions/bridge"
    assert body_of(command) == {"call_control_id": "v3:other", "park_after_unbridge": "self"}
    assert body_of(Bridge(call_control_id=LEG, queue="support")) == {"queue": "support"}


def test_a_dial_rings_several_and_has_them_join() -> None:
    command = Dial(
        connection_id="1684",
        to=("+13125550199", "sip:agent@example.com"),
        from_="+13125550100",
        answering_machine_detection="premium",
        answering_machine_detection_config=AmdConfig(total_analysis_time_millis=20000),
        conference_config=DialConference(conference_name="sales", mute=False),
    )
    assert body_of(command) == {
        "connection_id": "1684",
        "to": ["+13125550199", "sip:agent@example.com"],
        "from": "+13125550100",
        "answering_machine_detection": "premium",
        "answering_machine_detection_config": {"total_analysis_time_millis": 20000},
        "conference_config": {"conference_name": "sales", "mute": False},
    }


def test_a_conference_is_in_the_path_and_who_is_meant_in_the_body() -> None:
    request = wire.request(ConferenceMute(conference_id="c/1", call_control_ids=(LEG,)))
    assert (request.method, request.path) == ("POST", "/conferences/c%2F1/actions/mute")
    assert json.loads(request.body) == {"call_control_ids": [LEG]}
    assert body_of(ConferenceRecordStart(conference_id="c")) == {"format": "mp3"}


def test_what_errors_call_a_conference_is_not_its_name() -> None:
    command = ConferenceCreate(call_control_id=LEG, conference_name="sales")
    assert command.name == "ConferenceCreate"
    assert body_of(command) == {"call_control_id": LEG, "name": "sales"}


# ---- lists and what is deleted ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (CallStatus(call_control_id=LEG, client_state="YQ=="), f"/calls/{LEG}"),
        (
            ActiveCallsList(connection_id="1684", page_number=2, page_size=20),
            "/connections/1684/active_calls?page%5Bnumber%5D=2&page%5Bsize%5D=20",
        ),
        (
            ConferencesList(conference_name="a b&c", status="in_progress"),
            "/conferences?page%5Bnumber%5D=1&page%5Bsize%5D=250"
            "&filter%5Bname%5D=a+b%26c&filter%5Bstatus%5D=in_progress",
        ),
        (
            ParticipantsList(conference_id="c1"),
            "/conferences/c1/participants?page%5Bnumber%5D=1&page%5Bsize%5D=250",
        ),
        (
            CallEventsList(leg_id="l1", page_size=1),
            "/call_events?page%5Bnumber%5D=1&page%5Bsize%5D=1&filter%5Bleg_id%5D=l1",
        ),
    ],
)
def test_what_is_asked_for_stands_in_the_query(command: wire.Command, path: str) -> None:
    assert wire.request(command) == ("GET", path, b"")


def test_what_is_deleted_has_no_body() -> None:
    assert wire.request(QueueDelete(queue_name="a b")) == ("DELETE", "/queues/a%20b", b"")
    command = QueueCallRemove(queue_name="q", call_control_id=LEG)
    assert wire.request(command) == ("DELETE", f"/queues/q/calls/{LEG}", b"")
    made = wire.request(QueueCreate(queue_name="q", max_size=5))
    assert made == ("POST", "/queues", b'{"queue_name":"q","max_size":5}')
