"""The REST API: every documented refusal, repeated commands, the life of calls."""

import json
from typing import Any

import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript, HangUp, Wait
from tests.callbridge.carrier.line import RTP, SELF, STAY, Line, codes, data, sounding

BOB = "+13125550199"


def answered(line: Line) -> str:
    call = line.ring()
    assert line.command(call, "answer").status == 200
    return call


# ---- the envelope -----------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["Bearer wrong", "local-key", "", "Bearer \udcff"])
def test_a_bad_key_is_refused(key: str) -> None:
    line = Line()
    response = line.switch.request("GET", "/v2/calls/x", b"", key, 0.0)
    assert response.status == 401
    assert codes(response) == [("10009", None)]
    assert line.switch.request("GET", "/v2/calls/x", b"", None, 0.0).status == 401


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff", b"nul", b'{"a":NaN}', b"[" * 20_000])
def test_a_body_that_is_no_json_object_is_a_bad_request(body: bytes) -> None:
    line = Line()
    call = line.ring()
    for path in ("/v2/calls", f"/v2/calls/{call}/actions/answer"):
        response = line.request("POST", path, body)
        assert response.status == 400
        assert codes(response) == [("10015", None)]


def test_what_this_carrier_does_not_do_is_named() -> None:
    line = Line()
    call = answered(line)
    for method, path in (
        ("POST", f"/v2/calls/{call}/actions/siprec_start"),
        ("POST", "/v2/faxes"),
        ("POST", "/v2/calls/a/b/c/d"),
        ("GET", "/v1/calls"),
    ):
        response = line.request(method, path, {})
        assert response.status == 404
        [error] = _errors(response.body)
        assert error["code"] == "10005"
        assert path in error["detail"]


def test_a_wrong_method_says_which_is_right() -> None:
    line = Line()
    response = line.request("GET", "/v2/calls")
    assert (response.status, codes(response)) == (405, [("10030", None)])
    call = answered(line)
    response = line.request(
        "POST", f"/v2/calls/{call}/actions/client_state_update", {"client_state": "aGk="}
    )
    assert response.status == 405


def _errors(body: dict[str, object]) -> Any:
    return body["errors"]


# ---- parameters -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "fields", "code", "pointer"),
    [
        ("reject", {}, "10004", "/cause"),
        ("reject", {"cause": "BUSY"}, "10032", "/cause"),
        ("transfer", {}, "10004", "/to"),
        ("transfer", {"to": " "}, "10004", "/to"),
        ("transfer", {"to": "911"}, "10016", "/to"),
        ("transfer", {"to": "+0123"}, "10016", "/to"),
        ("transfer", {"to": BOB, "timeout_secs": 4}, "90028", "/timeout_secs"),
        ("transfer", {"to": BOB, "time_limit_secs": 29}, "90029", "/time_limit_secs"),
        ("transfer", {"to": BOB, "time_limit_secs": 14401}, "90029", "/time_limit_secs"),
        (
            "transfer",
            {"to": BOB, "target_leg_client_state": "?"},
            "90017",
            "/target_leg_client_state",
        ),
        ("transfer", {"to": BOB, "media_encryption": "SRTP"}, "10011", "/media_encryption"),
        ("transfer", {"to": BOB, "from_display_name": "a" * 129}, "10025", "/from_display_name"),
        ("transfer", {"to": BOB, "from_display_name": "é"}, "10027", "/from_display_name"),
        ("transfer", {"to": BOB, "send_digits_on_answer": "x"}, "90014", "/send_digits_on_answer"),
        ("answer", {"client_state": "not base64"}, "90017", "/client_state"),
        ("answer", {"client_state": 5}, "10026", "/client_state"),
        ("answer", {"stream_track": "inbound"}, "10032", "/stream_track"),
        ("answer", {"stream_bidirectional_codec": "pcmu"}, "10032", "/stream_bidirectional_codec"),
        ("answer", {"stream_auth_token": "a" * 4001}, "10025", "/stream_auth_token"),
        ("answer", {"stream_url": "http://app/"}, "10003", "/stream_url"),
        ("answer", {"webhook_url": "ftp://app/"}, "10003", "/webhook_url"),
        ("answer", {"send_silence_when_idle": "yes"}, "10026", "/send_silence_when_idle"),
        ("answer", {"record_max_length": 43201}, "10033", "/record_max_length"),
        ("answer", {"record_max_length": True}, "10026", "/record_max_length"),
        ("answer", {"webhook_urls": {"call.hi": ["http://a/"]}}, "90057", "/webhook_urls/call.hi"),
        (
            "answer",
            {"webhook_urls": {"call.hangup": "http://a/"}},
            "10003",
            "/webhook_urls/call.hangup",
        ),
        (
            "answer",
            {"webhook_retries_policies": {"call.hangup": {"retries_ms": [60001]}}},
            "10033",
            "/webhook_retries_policies/call.hangup",
        ),
        ("answer", {"enable_dialogflow": True}, "90046", None),
        ("hangup", {"reason": 'a"b'}, "10027", "/reason"),
    ],
)
def test_bad_parameters_on_a_ringing_leg(
    action: str, fields: dict[str, object], code: str, pointer: str | None
) -> None:
    line = Line()
    call = line.ring()
    response = line.command(call, action, **fields)
    assert response.status == 422
    assert codes(response) == [(code, pointer)]
    assert line.report(call).state == "parked"


@pytest.mark.parametrize(
    ("action", "fields", "code", "pointer"),
    [
        ("send_dtmf", {}, "10004", "/digits"),
        ("send_dtmf", {"digits": "12x"}, "90014", "/digits"),
        ("send_dtmf", {"digits": "1" * 129}, "90014", "/digits"),
        ("transfer", {"to": f"{BOB},{'1' * 129}"}, "90014", "/to"),
        ("send_dtmf", {"digits": "1", "duration_millis": 99}, "90027", "/duration_millis"),
        ("streaming_start", {}, "10004", "/stream_url"),
        ("streaming_stop", {}, "90048", None),
        ("speak", {"voice": "female"}, "10004", "/payload"),
        ("speak", {"payload": "a" * 3001, "voice": "v"}, "90010", "/payload"),
        ("speak", {"payload": "a", "voice": "v", "payload_type": "xml"}, "90011", "/payload_type"),
        ("speak", {"payload": "a", "voice": "v", "stop": "now"}, "90016", "/stop"),
        ("speak", {"payload": "a", "voice": "v", "service_level": "x"}, "90030", "/service_level"),
        ("speak", {"payload": "a", "voice": "v", "loop": 0}, "90009", "/loop"),
        ("client_state_update", {}, "10004", "/client_state"),
        ("answer", {}, "90102", None),
        ("reject", {"cause": "USER_BUSY"}, "90102", None),
    ],
)
def test_bad_parameters_on_an_answered_leg(
    action: str, fields: dict[str, object], code: str, pointer: str | None
) -> None:
    line = Line(speaks=True)
    response = line.command(answered(line), action, **fields)
    assert response.status == 422
    assert codes(response) == [(code, pointer)]


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"to": None}, "10004", "/to"),
        ({"from": ""}, "10004", "/from"),
        ({"connection_id": "1"}, "10015", "/connection_id"),
        ({"to": "5550199"}, "10016", "/to"),
        ({"to": [BOB, "5550198"]}, "10016", "/to"),
        ({"to": [BOB, 5]}, "10026", "/to/1"),
        ({"to": []}, "10004", "/to"),
        ({"to": [BOB + ",1"]}, "10016", "/to"),
        ({"custom_headers": [{"name": "X-A"}]}, "10004", "/custom_headers/0/value"),
        ({"custom_headers": [{"name": "X A", "value": "b"}]}, "10027", "/custom_headers/0"),
        ({"custom_headers": [{"name": "X", "value": "a\r\nb"}]}, "10027", "/custom_headers/0"),
        ({"sip_headers": [{"name": "Via", "value": "b"}]}, "10032", "/sip_headers/0/name"),
        ({"bridge_intent": True}, "10004", "/link_to"),
        ({"park_after_unbridge": "self"}, "10004", "/link_to"),
        ({"to": 5}, "10026", "/to"),
        ({"to": BOB + ",x"}, "90014", "/to"),
        ({"media_encryption": "DTLS"}, "10011", "/media_encryption"),
        ({"timeout_secs": 601}, "90028", "/timeout_secs"),
        ({"bridge_on_answer": True}, "10004", "/link_to"),
        ({"link_to": "v3:none"}, "90015", "/link_to"),
    ],
)
def test_bad_parameters_of_dial(fields: dict[str, object], code: str, pointer: str | None) -> None:
    line = Line()
    response = line.dial(**{"to": BOB} | fields)  # type: ignore[arg-type]
    assert response.status == 422
    assert codes(response) == [(code, pointer)]
    assert line.deliveries == []


def test_whole_numbers_may_be_written_as_strings() -> None:
    line = Line()
    assert line.dial(BOB, timeout_secs="30").status == 200
    assert codes(line.dial(BOB, timeout_secs="4")) == [("90028", "/timeout_secs")]
    assert codes(line.dial(BOB, timeout_secs="soon")) == [("90028", "/timeout_secs")]


def test_several_errors_are_listed_together_and_unknown_fields_are_ignored() -> None:
    line = Line()
    call = line.ring()
    response = line.command(call, "answer", stream_track="x", stream_codec="y", colour="blue")
    assert codes(response) == [("10032", "/stream_track"), ("10032", "/stream_codec")]
    assert line.command(call, "answer", colour="blue", stream_track=None).status == 200


def test_parameters_that_this_carrier_would_ignore_are_refused() -> None:
    line = Line()
    call = line.ring()
    response = line.command(
        call, "answer", deepfake_detection={"enabled": True}, sound_modifications={"pitch": 1}
    )
    assert response.status == 422
    assert codes(response) == [("10027", "/sound_modifications"), ("10027", "/deepfake_detection")]
    assert "not supported by this local carrier" in _errors(response.body)[0]["detail"]
    assert line.report(call).state == "parked"


@pytest.mark.parametrize(
    ("method", "path", "why"),
    [
        ("POST", "/v2/calls/v3:x/actions/ai_assistant_start", "AI assistants need a model"),
        ("POST", "/v2/calls/v3:x/actions/pay", "there is no payment processor"),
        ("DELETE", "/v2/siprec_connectors/desk", "SIPREC needs a recording server"),
        ("GET", "/v2/texml/Accounts/1/Calls/2", "TeXML by REST is not there yet"),
        ("POST", "/v2/texml/Accounts/1/Calls/2/Siprec/3.json", "SIPREC needs"),
    ],
)
def test_a_documented_endpoint_that_is_not_here_says_why(method: str, path: str, why: str) -> None:
    [error] = _errors(Line().request(method, path).body)
    assert error["code"] == "10005"
    assert f"is not supported by this local carrier: {why}" in error["detail"]


def test_an_endpoint_that_nobody_has_is_refused_without_a_reason() -> None:
    [error] = _errors(Line().request("POST", "/v2/teleport").body)
    assert error["detail"] == "POST /v2/teleport is not supported by this local carrier"


def test_how_many_speakers_there_are_is_harmless_and_telling_them_apart_is_refused() -> None:
    line = Line()
    call = line.ring()
    line.command(call, "answer")
    line.tick()
    recording = {"format": "wav", "channels": "single", "transcription_max_speaker_count": 3}
    for name in ("transcription_speaker_diarization", "transcription_profanity_filter"):
        response = line.command(call, "record_start", **recording | {name: True})
        assert codes(response) == [("10027", f"/{name}")]
        assert line.command(call, "record_start", **recording | {name: False}).status == 200


def test_what_is_switched_off_is_not_refused() -> None:
    line = Line()
    off = {"deepfake_detection": {"enabled": False}, "transcription": False}
    assert line.command(line.ring(), "answer", **off).status == 200


def test_what_has_no_effect_by_nature_is_noted_on_the_tape() -> None:
    line = Line()
    call = line.ring()
    line.command(call, "answer", preferred_codecs="PCMA", send_silence_when_idle=True)
    [noted] = [entry for entry in line.report(call).tape if entry.kind == "command"]
    assert noted.detail["not_simulated"] == ["preferred_codecs", "send_silence_when_idle"]


def test_a_refused_command_is_on_the_tape_with_its_reason() -> None:
    line = Line()
    call = answered(line)
    assert line.command(call, "answer").status == 422
    leg = line.switch.find(call)
    assert leg is not None
    (entry,) = leg.tape.of("command refused")
    assert entry.detail["action"] == "answer"
    assert "this one is answered" in str(entry.detail["why"])


@pytest.mark.parametrize(
    ("action", "fields", "ignored"),
    [
        ("streaming_start", SELF, []),
        (
            "speak",
            {
                "payload": "a",
                "voice": "Polly.Vicki",
                "language": "de-DE",
                "voice_settings": {"type": "aws"},
            },
            ["voice_settings"],
        ),
    ],
)
def test_the_tape_does_not_claim_what_has_no_effect(
    action: str, fields: dict[str, object], ignored: list[str]
) -> None:
    line = Line(speaks=True)
    call = line.ring()
    line.command(call, "answer", send_silence_when_idle=True)
    assert line.command(call, action, **fields).status == 200
    answer, command = [entry for entry in line.report(call).tape if entry.kind == "command"]
    assert answer.detail["not_simulated"] == ["send_silence_when_idle"]
    assert command.detail.get("not_simulated", []) == ignored


def test_errors_come_in_the_order_of_the_body() -> None:
    line = Line()
    call = line.ring()
    fields = {"record_timeout_secs": -1, "record_custom_file_name": "", "stream_track": "x"}
    response = line.command(call, "answer", **fields)
    assert codes(response) == [
        ("90049", "/record_timeout_secs"),
        ("10025", "/record_custom_file_name"),
        ("10032", "/stream_track"),
    ]


# ---- states -----------------------------------------------------------------------------------


def test_an_unknown_call() -> None:
    line = Line()
    response = line.command("v3:none", "hangup")
    assert (response.status, codes(response)) == (422, [("90015", "/call_control_id")])
    response = line.request("GET", "/v2/calls/v3:none")
    assert (response.status, codes(response)) == (404, [("10005", None)])


def test_an_ended_call_takes_no_commands() -> None:
    line = Line()
    call = answered(line)
    line.command(call, "hangup")
    response = line.command(call, "hangup")
    assert response.status == 422
    [error] = _errors(response.body)
    assert (error["code"], error["title"]) == ("90018", "Call has already ended")
    assert error["detail"] == "This call is no longer active and can't receive commands."


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("speak", {"payload": "a", "voice": "v"}),
        ("send_dtmf", {"digits": "1"}),
        ("streaming_start", SELF),
        ("streaming_stop", {}),
        ("client_state_update", {"client_state": "aGk="}),
    ],
)
def test_an_inbound_leg_must_be_answered_first(action: str, fields: dict[str, object]) -> None:
    line = Line(speaks=True)
    response = line.command(line.ring(), action, **fields)
    assert (response.status, codes(response)) == (422, [("90034", None)])


def test_an_outbound_leg_is_not_answered_by_a_command() -> None:
    line = Line()
    call = data(line.dial(BOB))["call_control_id"]
    assert codes(line.command(call, "answer")) == [("90102", None)]
    assert codes(line.command(call, "send_dtmf", digits="1")) == [("90034", None)]
    assert line.command(call, "client_state_update", client_state="aGk=").status == 200


def test_a_second_stream_is_refused() -> None:
    line = Line()
    call = line.streaming()
    assert codes(line.command(call, "streaming_start", **RTP)) == [("90045", None)]
    assert codes(line.command(call, "streaming_stop", stream_id="other")) == [("90048", None)]
    stream_id = line.opened[0].stream_id
    assert line.command(call, "streaming_stop", stream_id=stream_id).status == 200


def test_speak_without_a_voice_says_what_to_install() -> None:
    line = Line()
    response = line.command(answered(line), "speak", payload="hi", voice="female")
    assert response.status == 422
    assert "install callbridge[voice]" in _errors(response.body)[0]["detail"]


# ---- repeated commands ------------------------------------------------------------------------


def test_a_repeated_command_is_answered_and_not_carried_out() -> None:
    line = Line()
    call = answered(line)
    for _ in range(3):
        assert data(line.command(call, "send_dtmf", digits="1", command_id="a")) == {"result": "ok"}
    line.tick(100)
    heard = line.report(call).bot
    assert heard[:2000].any()
    assert not heard[2000:].any()


def test_a_repeated_answer_or_hangup_is_no_error() -> None:
    line = Line()
    call = line.ring()
    for action in ("answer", "answer", "hangup", "hangup"):
        assert line.command(call, action, command_id="the same for all").status == 200
    assert line.event_types() == ["call.initiated", "call.answered", "call.hangup"]


def test_the_same_command_id_on_another_call_or_command_is_not_repeated() -> None:
    line = Line()
    first, second = line.ring(), line.ring()
    for call in (first, second):
        assert line.command(call, "answer", command_id="x").status == 200
        assert line.command(call, "streaming_start", **SELF, command_id="x").status == 200
    assert len(line.of("start")) == 2


def test_a_refused_command_may_be_sent_again_with_its_id() -> None:
    line = Line()
    call = line.ring()
    assert line.command(call, "send_dtmf", digits="1", command_id="x").status == 422
    line.command(call, "answer")
    line.command(call, "send_dtmf", digits="1", command_id="x")
    line.tick(5)
    assert line.report(call).bot.any()


def test_command_ids_are_forgotten_after_a_minute() -> None:
    line = Line()
    first = data(line.dial(BOB, command_id="d"))
    line.now += 60.0
    assert data(line.dial(BOB, command_id="d")) == first
    line.now += 0.1
    assert data(line.dial(BOB, command_id="d")) != first


# ---- dial and status --------------------------------------------------------------------------


def test_dial_answers_with_the_calls_ids_before_anybody_picks_up() -> None:
    line = Line(CarrierConfig(webhook_url="http://app/", numbers={BOB: CallScript(steps=STAY)}))
    dialled = data(line.dial(BOB, client_state="aGk="))
    assert dialled["is_alive"] is False
    assert dialled["record_type"] == "call"
    assert dialled["call_control_id"].startswith("v3:")
    assert len(dialled["call_control_id"]) == 57
    initiated = line.payload("call.initiated")
    for name in ("call_control_id", "call_leg_id", "call_session_id", "client_state"):
        assert initiated[name] == dialled[name]
    assert (initiated["direction"], initiated["state"]) == ("outgoing", "bridging")
    line.tick(60)
    assert line.event_types() == ["call.initiated", "call.answered"]


def test_dial_opens_its_stream_at_the_answer() -> None:
    line = Line(CarrierConfig(numbers={BOB: CallScript(steps=STAY)}, ring_s=0.1))
    line.dial(BOB, **SELF)
    line.tick(3)
    assert line.opened == []
    line.tick(4)
    assert [frame["event"] for frame in line.frames[:2]] == ["connected", "start"]


@pytest.mark.parametrize(
    ("behaviour", "cause", "sip"),
    [
        ("busy", "user_busy", "486"),
        ("no_answer", "no_answer", "480"),
        ("reject", "call_rejected", "603"),
        ("not_found", "not_found", "404"),
    ],
)
def test_numbers_that_do_not_answer(behaviour: Any, cause: str, sip: str) -> None:
    line = Line(CarrierConfig(webhook_url="http://app/", numbers={BOB: behaviour}))
    call = data(line.dial(BOB))["call_control_id"]
    line.tick(60)
    payload = line.payload("call.hangup")
    assert (payload["hangup_cause"], payload["sip_hangup_cause"]) == (cause, sip)
    assert payload["hangup_source"] == "callee"
    assert payload["call_quality_stats"] is None
    assert line.finished == [call]


@pytest.mark.parametrize(("retry", "cause"), [(True, "timeout"), (False, "no_answer")])
def test_an_unknown_number_rings_until_the_timeout(retry: bool, cause: str) -> None:
    line = Line()
    line.dial(BOB, timeout_secs=5, retry_on_timeout=retry)
    line.tick(249)
    assert line.event_types() == ["call.initiated"]
    line.tick()
    assert line.payload("call.hangup")["hangup_cause"] == cause


def test_hanging_up_before_the_answer_cancels_the_call() -> None:
    line = Line()
    call = data(line.dial(BOB))["call_control_id"]
    line.command(call, "hangup")
    payload = line.payload("call.hangup")
    assert (payload["hangup_cause"], payload["hangup_source"]) == ("originator_cancel", "caller")


def test_the_time_limit_ends_a_call() -> None:
    line = Line(
        CarrierConfig(webhook_url="http://a/", numbers={BOB: CallScript(steps=STAY)}, ring_s=0.1)
    )
    line.dial(BOB, time_limit_secs=30)
    line.tick(5 + 1499)
    assert "call.hangup" not in line.event_types()
    line.tick()
    assert line.payload("call.hangup")["hangup_cause"] == "time_limit"


def test_digits_after_a_comma_are_pressed_at_the_answer() -> None:
    line = Line(CarrierConfig(numbers={BOB: CallScript(steps=STAY)}, ring_s=0.0))
    call = data(line.dial(BOB + ",1w2"))["call_control_id"]
    line.tick(70)
    loud = [piece for piece, sounds in enumerate(sounding(line.report(call).bot)) if sounds]
    # 250 ms of tone, 100 ms of gap, 500 ms of pause, 250 ms of tone.
    assert (loud[0], loud[-1]) == (0, (250 + 100 + 500 + 250) // 20 - 1)


def test_a_linked_leg_shares_the_session_and_is_bridged_on_answer() -> None:
    line = Line(CarrierConfig(webhook_url="http://a/", numbers={BOB: CallScript(steps=STAY)}))
    alice = answered(line)
    dialled = data(line.dial(BOB, link_to=alice, bridge_on_answer=True))
    assert dialled["call_session_id"] == line.payload("call.answered")["call_session_id"]
    line.tick(60)
    assert line.payload("call.bridged")["call_control_id"] == dialled["call_control_id"]
    assert line.report(alice).bridged


def test_status_of_a_call_through_its_life() -> None:
    line = Line()
    call = line.ring()
    assert data(line.request("GET", f"/v2/calls/{call}"))["is_alive"] is True
    line.command(call, "answer", client_state="aGk=")
    line.tick(100)
    line.command(call, "hangup")
    status = data(line.request("GET", f"/v2/calls/{call}?x=1"))
    assert status["is_alive"] is False
    assert status["client_state"] == "aGk="
    assert status["call_duration"] == 2
    assert status["end_time"] == line.payload("call.hangup")["end_time"]
    line.now += 600.0
    line.switch.tick(line.now)
    assert line.request("GET", f"/v2/calls/{call}").status == 200
    line.switch.tick(line.now + 0.1)
    assert line.request("GET", f"/v2/calls/{call}").status == 404


def test_ended_calls_are_kept_to_a_number() -> None:
    line = Line(CarrierConfig(keep_finished=3))
    calls = [line.ring(HangUp()) for _ in range(5)]
    line.tick(2)
    found = [line.request("GET", f"/v2/calls/{call}").status for call in calls]
    assert found == [404, 404, 200, 200, 200]


def test_recordings_are_kept_to_a_number() -> None:
    line = Line(CarrierConfig(keep_recordings=2))
    calls = [answered(line) for _ in range(4)]
    line.tick(5)
    for call in calls:
        line.command(call, "hangup")
    assert [len(line.report(call).bot) for call in calls] == [0, 0, 800, 800]


# ---- where webhooks go ------------------------------------------------------------------------


def test_client_state_is_echoed_until_it_is_replaced() -> None:
    line = Line()
    call = line.ring()
    assert line.payload("call.initiated")["client_state"] is None
    line.command(call, "answer", client_state="MQ==")
    assert line.payload("call.answered")["client_state"] == "MQ=="
    line.command(call, "send_dtmf", digits="1")
    line.command(call, "client_state_update", client_state="Mg==")
    line.command(call, "hangup")
    assert line.payload("call.hangup")["client_state"] == "Mg=="


def test_a_refused_command_changes_nothing() -> None:
    line = Line()
    call = answered(line)
    line.command(call, "streaming_stop", client_state="MQ==", webhook_url="http://other/")
    line.command(call, "hangup")
    assert line.payload("call.hangup")["client_state"] is None
    assert line.deliveries[-1].urls == ("http://app/hooks",)


def test_urls_of_the_application_of_the_call_and_of_single_events() -> None:
    line = Line(CarrierConfig(webhook_url="http://app/", webhook_failover_url="http://spare/"))
    call = line.ring()
    line.command(
        call,
        "answer",
        webhook_url="http://call/",
        webhook_urls={"call.hangup": ["http://end/", "http://end2/"]},
        webhook_urls_method="GET",
        webhook_retries_policies={"call.answered": {"retries_ms": [100, 200]}},
    )
    line.command(call, "hangup")
    seen = [(each.urls, each.method, each.retries_ms) for each in line.deliveries]
    assert seen == [
        (("http://app/", "http://spare/"), "POST", None),
        (("http://call/", "http://spare/"), "POST", (100, 200)),
        (("http://end/", "http://end2/"), "GET", None),
    ]


def test_without_any_url_nothing_is_sent_and_the_tape_still_tells() -> None:
    line = Line(CarrierConfig())
    call = line.ring(Wait("answered", within_s=1.0))
    line.tick(60)
    assert line.deliveries == []
    kinds = [e.detail["event_type"] for e in line.report(call).tape if e.kind == "webhook"]
    assert kinds == ["call.initiated", "call.hangup"]


def test_the_same_seed_gives_the_same_call() -> None:
    first, second = Line(), Line()
    for line in (first, second):
        line.streaming()
        line.tick(10)
    assert json.dumps(first.events) == json.dumps(second.events)
    assert first.frames == second.frames
