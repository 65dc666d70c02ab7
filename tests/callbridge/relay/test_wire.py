"""Frames of Conversation Relay, held against what is written by hand from the documents."""

import json
from typing import Any

import pytest

from callbridge.errors import LocalProtocolError, MalformedFrame
from callbridge.relay import wire

SETUP: dict[str, Any] = {
    "type": "setup",
    "sessionId": "1f0c8f0e-0c9a-4f5e-9a53-7a0f0a7b8f11",
    "accountSid": "acc",
    "callSid": "v3:abc",
    "callControlId": "v3:abc",
    "callSessionId": "session",
    "callLegId": "leg",
    "from": "+13125550123",
    "to": "+13125550100",
    "direction": "inbound",
    "callerName": "",
    "callStatus": "active",
    "customParameters": {"plan": "gold", "age": 42},
}
INCOMING: list[tuple[dict[str, Any], wire.RelayIncoming]] = [
    (
        {"type": "prompt", "voicePrompt": "hello", "lang": "en", "last": False},
        wire.Prompt("hello", "en", last=False),
    ),
    ({"type": "dtmf", "digit": "5"}, wire.RelayDtmf("5")),
    (
        {
            "type": "interrupt",
            "utteranceUntilInterrupt": "Hello the",
            "durationUntilInterruptMs": 740,
        },
        wire.RelayInterrupt("Hello the", 740),
    ),
    ({"type": "error", "description": "Invalid message"}, wire.RelayError("Invalid message")),
    ({"type": "eagerEndOfTurn", "whatever": 1}, wire.EagerEndOfTurn()),
    ({"type": "turnResumed"}, wire.TurnResumed()),
]
OUTGOING: list[tuple[wire.RelayOutgoing, dict[str, Any]]] = [
    (wire.TextToken("Hi"), {"type": "text", "token": "Hi", "last": False}),
    (wire.TextToken("", last=True), {"type": "text", "token": "", "last": True}),
    (
        wire.PlaySource("https://host/a.wav"),
        {
            "type": "play",
            "source": "https://host/a.wav",
            "loop": 1,
            "interruptible": True,
            "preemptible": False,
        },
    ),
    (wire.SendDigits("12w#"), {"type": "sendDigits", "digits": "12w#"}),
    (wire.SwitchLanguage(tts_language="de"), {"type": "language", "ttsLanguage": "de"}),
    (wire.EndSession(), {"type": "end"}),
    (wire.EndSession('{"a":1}'), {"type": "end", "handoffData": '{"a":1}'}),
]


def test_a_setup_tells_whose_session_it_is() -> None:
    setup = wire.read_setup(json.dumps(SETUP))
    assert setup is not None
    assert (setup.call_control_id, setup.from_, setup.to) == ("v3:abc", SETUP["from"], SETUP["to"])
    assert setup.custom_parameters == {"plan": "gold", "age": 42}
    assert json.loads(wire.encode(setup)) == SETUP


@pytest.mark.parametrize(("body", "frame"), INCOMING, ids=lambda each: str(each)[:30])
def test_what_the_platform_sends_is_read(body: dict[str, Any], frame: wire.RelayIncoming) -> None:
    assert wire.decode_incoming(json.dumps(body)) == frame
    assert wire.decode_incoming(json.dumps(body | {"news": [1]}).encode()) == frame


@pytest.mark.parametrize(("frame", "body"), OUTGOING, ids=lambda each: str(each)[:30])
def test_what_is_sent_is_as_documented_and_read_back(
    frame: wire.RelayOutgoing, body: dict[str, Any]
) -> None:
    assert json.loads(wire.encode(frame)) == body
    assert wire.decode_outgoing(json.dumps(body)) == frame


def test_an_omitted_last_is_false() -> None:
    assert wire.decode_outgoing('{"type":"text","token":"a"}') == wire.TextToken("a", last=False)


@pytest.mark.parametrize(
    "token", ["", "plain", 'quote " and \\', "ünïcode ☎", "\n\t\x00", "x" * 9999]
)
@pytest.mark.parametrize("last", [True, False])
def test_a_token_by_concatenation_is_what_an_encoder_writes(token: str, last: bool) -> None:
    written = json.loads(wire.encode_token(token, last=last))
    assert written == {"type": "text", "token": token, "last": last}


def test_null_is_absence_in_every_optional_field() -> None:
    required = {"type", "sessionId", "callControlId"}
    nulls = {name: value if name in required else None for name, value in SETUP.items()}
    setup = wire.read_setup(json.dumps(nulls))
    assert setup is not None
    assert (setup.from_, setup.custom_parameters) == ("", {})


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "[]", "null", "5", '"setup"', "{}", '{"type":5}', '{"type":"prompt"}',
        '{"type":"setup","sessionId":"a"}', '{"type":"prompt","voicePrompt":null,"last":true}',
        '{"type":"dtmf","digit":5}', b"\xff\xfe", "[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_frame_is_malformed(text: str | bytes) -> None:
    with pytest.raises(MalformedFrame):
        wire.decode_incoming(text)


def test_a_type_that_nobody_has_documented_is_unknown_and_no_error() -> None:
    assert wire.decode_incoming('{"type":"mood","value":3}') == wire.UnknownRelayFrame("mood")


@pytest.mark.parametrize("digits", ["", "x", "1 2", "1\n", "12+"])
def test_digits_that_nobody_can_press_cannot_be_sent(digits: str) -> None:
    with pytest.raises(LocalProtocolError):
        wire.SendDigits(digits)


def test_a_language_frame_without_a_language_cannot_be_made() -> None:
    with pytest.raises(LocalProtocolError):
        wire.SwitchLanguage()
