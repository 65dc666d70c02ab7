"""The official Python SDK is the second witness: the same requests, the same signatures."""

import json
import time
from base64 import b64encode
from collections.abc import Callable

import httpx
import pytest
from nacl.signing import SigningKey
from telnyx import Telnyx

from callbridge.control import commands as wire
from callbridge.control.commands import (
    Dial,
    Hangup,
    Reject,
    SendDtmf,
    Speak,
    Stream,
    StreamingStart,
    StreamingStop,
    Transfer,
)
from callbridge.control.signatures import verify
from tests.callbridge.control.vectors import RECORDED

BASE_URL = "https://api.telnyx.com/v2"
LEG = "v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg"
NUMBER, OTHER = "+13125550199", "+13125550100"
STREAM = Stream(
    stream_url="wss://bot.example/media",
    stream_auth_token="token",
    stream_track="inbound_track",
    stream_bidirectional_codec="L16",
    stream_bidirectional_sampling_rate=16000,
)


def answer(sdk: Telnyx, command_id: str) -> None:
    # The answer reference of the documents has three stream parameters more than the SDK types.
    sdk.calls.actions.answer(
        LEG,
        command_id=command_id,
        stream_url="wss://bot.example/media",
        stream_track="inbound_track",
        stream_bidirectional_mode="rtp",
        stream_bidirectional_target_legs="self",
        stream_bidirectional_codec="L16",
        send_silence_when_idle=True,
        extra_body={"stream_auth_token": "token", "stream_bidirectional_sampling_rate": 16000},
    )


def dial(sdk: Telnyx, command_id: str) -> None:
    sdk.calls.dial(
        connection_id="1684",
        to=NUMBER,
        from_=OTHER,
        from_display_name="The Clinic",
        command_id=command_id,
        timeout_secs=20,
        time_limit_secs=600,
        webhook_url="https://bot.example/webhooks",
        client_state="aGk=",
        answering_machine_detection="premium",
        custom_headers=[{"name": "X-Ticket", "value": "17"}],
        send_digits_on_answer="w12#",
        stream_url="wss://bot.example/media",
        stream_auth_token="token",
        stream_track="inbound_track",
        stream_bidirectional_mode="rtp",
        stream_bidirectional_target_legs="self",
        stream_bidirectional_codec="L16",
        stream_bidirectional_sampling_rate=16000,
        send_silence_when_idle=True,
    )


def streaming_start(sdk: Telnyx, command_id: str) -> None:
    sdk.calls.actions.start_streaming(
        LEG,
        command_id=command_id,
        stream_url="wss://bot.example/media",
        stream_auth_token="token",
        stream_track="inbound_track",
        stream_bidirectional_mode="rtp",
        stream_bidirectional_target_legs="self",
        stream_bidirectional_codec="L16",
        stream_bidirectional_sampling_rate=16000,
    )


def reject(sdk: Telnyx, command_id: str) -> None:
    sdk.calls.actions.reject(LEG, cause="USER_BUSY", command_id=command_id)


def hangup(sdk: Telnyx, command_id: str) -> None:
    sdk.calls.actions.hangup(LEG, command_id=command_id)


def streaming_stop(sdk: Telnyx, command_id: str) -> None:
    sdk.calls.actions.stop_streaming(LEG, stream_id="s1", command_id=command_id)


def speak(sdk: Telnyx, command_id: str) -> None:
    sdk.calls.actions.speak(
        LEG, payload="Grüße", voice="female", language="de-DE", command_id=command_id
    )


def send_dtmf(sdk: Telnyx, command_id: str) -> None:
    sdk.calls.actions.send_dtmf(LEG, digits="1w2#", duration_millis=200, command_id=command_id)


def transfer(sdk: Telnyx, command_id: str) -> None:
    sdk.calls.actions.transfer(
        LEG,
        to=NUMBER,
        from_=OTHER,
        timeout_secs=20,
        time_limit_secs=600,
        target_leg_client_state="aGk=",
        command_id=command_id,
    )


@pytest.mark.parametrize(
    ("command", "by_the_sdk"),
    [
        (wire.Answer(call_control_id=LEG, stream=STREAM), answer),
        (
            Dial(
                connection_id="1684",
                to=NUMBER,
                from_=OTHER,
                from_display_name="The Clinic",
                timeout_secs=20,
                time_limit_secs=600,
                webhook_url="https://bot.example/webhooks",
                client_state="aGk=",
                answering_machine_detection="premium",
                custom_headers=(wire.Header("X-Ticket", "17"),),
                send_digits_on_answer="w12#",
                stream=STREAM,
            ),
            dial,
        ),
        (StreamingStart(call_control_id=LEG, stream=STREAM), streaming_start),
        (StreamingStop(call_control_id=LEG, stream_id="s1"), streaming_stop),
        (Reject(call_control_id=LEG, cause="USER_BUSY"), reject),
        (Hangup(call_control_id=LEG), hangup),
        (
            Speak(call_control_id=LEG, payload="Grüße", voice="female", language="de-DE"),
            speak,
        ),
        (SendDtmf(call_control_id=LEG, digits="1w2#", duration_millis=200), send_dtmf),
        (
            Transfer(
                call_control_id=LEG,
                to=NUMBER,
                from_=OTHER,
                timeout_secs=20,
                time_limit_secs=600,
                target_leg_client_state="aGk=",
            ),
            transfer,
        ),
    ],
    ids=lambda value: value.__name__ if callable(value) else type(value).__name__,
)
def test_the_sdk_sends_the_same(
    command: wire.Command, by_the_sdk: Callable[[Telnyx, str], None]
) -> None:
    sent: list[httpx.Request] = []

    def platform(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"data": {"result": "ok"}})

    http = httpx.Client(transport=httpx.MockTransport(platform))
    with Telnyx(api_key="k", base_url=BASE_URL, http_client=http) as sdk:
        by_the_sdk(sdk, command.command_id)
    (theirs,) = sent
    ours = wire.request(command)
    assert (ours.method, BASE_URL + ours.path) == (theirs.method, str(theirs.url))
    assert json.loads(ours.body) == json.loads(theirs.content)


@pytest.mark.parametrize("name", ["pstn-inbound.1-initiated", "volte-inbound.2-abandoned"])
def test_the_sdk_accepts_the_signature_that_we_do(name: str) -> None:
    signer, now = SigningKey.generate(), time.time()  # the SDK reads the clock itself
    body, timestamp = RECORDED[name], str(int(now))
    signature = b64encode(signer.sign(timestamp.encode() + b"|" + body).signature).decode()

    verify(body, signature, timestamp, key=signer.verify_key, now=now)
    with Telnyx(api_key="k", public_key=b64encode(bytes(signer.verify_key)).decode()) as sdk:
        sdk.webhooks.unwrap(
            body.decode(),
            headers={"Telnyx-Signature-Ed25519": signature, "Telnyx-Timestamp": timestamp},
        )
