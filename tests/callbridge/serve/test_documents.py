"""`/texml` over real HTTP: who is answered, with what, and what changes nothing."""

import time
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree import ElementTree

import httpx
import pytest
from fastapi import FastAPI
from nacl.signing import SigningKey

from callbridge import App, Call
from callbridge.app import WEBHOOK_LIMIT
from tests.callbridge.platform import Served, eventually, serving

CALL = "v3:a-call-that-is-led-by-documents"
FORM = {"CallSid": CALL, "From": "+13125550123", "To": "+13125550100", "CallStatus": "ringing"}


async def wait(call: Call) -> None:
    async for _ in call.audio():
        pass


async def listen(call: Call) -> None:
    async for _ in call.turns():
        pass


def application(voice: Any = "relay") -> App:
    app = App()
    app.call("+13125550100", voice=voice)(listen if voice == "relay" else wait)
    return app


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(application()) as served:
        yield served


def form(**fields: str) -> bytes:
    return urlencode(FORM | fields).encode()


async def post(
    served: Served,
    content: bytes,
    path: str = "/texml",
    headers: dict[str, str] | None = None,
    *,
    age: float = 0.0,
) -> httpx.Response:
    if headers is None:
        headers = served.platform.signed(content, age=age)
    headers = headers | {"content-type": "application/x-www-form-urlencoded"}
    return await served.http.post(path, content=content, headers=headers)


def verb(answer: httpx.Response) -> ElementTree.Element:
    """The only one of a document."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/xml"
    root = ElementTree.fromstring(answer.content)
    assert root.tag == "Response"
    [child] = root
    return child


def calls(served: Served) -> int:
    return len(served.app.service.calls)


# ---- what is answered ---------------------------------------------------------------------------


async def test_a_call_to_a_bot_on_relay_is_connected_to_a_relay(served: Served) -> None:
    connect = verb(await post(served, form()))
    assert connect.attrib == {"action": "http://127.0.0.1:9/texml/next"}
    [relay] = connect
    assert relay.tag == "ConversationRelay"
    address = urlsplit(relay.attrib["url"])
    assert (address.scheme, address.path) == ("ws", "/relay")
    assert parse_qs(address.query).keys() == {"token"}
    assert relay.attrib["dtmfDetection"] == "true"
    [leg] = served.app.service.calls.legs()
    assert (leg.call_control_id, leg.from_, leg.to) == (CALL, FORM["From"], FORM["To"])


async def test_a_call_to_a_bot_of_frames_is_connected_to_a_stream() -> None:
    async with serving(application("media")) as served:
        [stream] = verb(await post(served, form()))
        assert stream.tag == "Stream"
        assert urlsplit(stream.attrib["url"]).path == "/media"
        assert stream.attrib["bidirectionalMode"] == "rtp"
        assert "token=" in stream.attrib["url"]


async def test_by_get_the_query_is_what_is_signed(served: Served) -> None:
    query = form()
    headers = served.platform.signed(query)
    answer = await served.http.get(f"/texml?{query.decode()}", headers=headers)
    assert verb(answer).tag == "Connect"
    assert calls(served) == 1


async def test_a_mounted_application_answers_under_its_path() -> None:
    outer = FastAPI()
    app = application()
    outer.mount("/voice", app)
    async with serving(app, outer=outer, mount="/voice") as served:
        assert verb(await post(served, form())).tag == "Connect"


async def test_a_number_without_a_bot_is_rejected(served: Served) -> None:
    reject = verb(await post(served, form(To="+13125550199")))
    assert (reject.tag, reject.attrib) == ("Reject", {"reason": "rejected"})
    assert calls(served) == 0


async def test_the_platform_may_ask_again_for_an_answer_that_it_missed(served: Served) -> None:
    await post(served, form(), age=2)
    assert verb(await post(served, form())).tag == "Connect"
    assert calls(served) == 1


@pytest.mark.parametrize(("when_full", "status"), [("503", 503), ("reject", 200)])
async def test_a_call_over_the_limit_is_turned_away(when_full: str, status: int) -> None:
    async with serving(application(), max_calls=1, when_full=when_full) as served:
        await post(served, form())
        answer = await post(served, form(CallSid="v3:another"))
        assert answer.status_code == status
        if when_full == "reject":
            assert verb(answer).attrib == {"reason": "busy"}
        known = await post(served, form(), "/texml/next", age=2)
        assert verb(known).tag == "Connect", "it is no new call"
        assert calls(served) == 1


# ---- what comes next ----------------------------------------------------------------------------


async def test_where_no_session_ever_begins_the_call_is_hung_up(served: Served) -> None:
    assert verb(await post(served, form(), age=9)).tag == "Connect"
    tags = [verb(await post(served, form(), "/texml/next", age=age)).tag for age in range(3)]
    assert tags == ["Connect", "Connect", "Hangup"]


async def test_a_call_that_nobody_knows_is_hung_up_and_does_not_begin(served: Served) -> None:
    assert verb(await post(served, form(), "/texml/next")).tag == "Hangup"
    assert calls(served) == 0


async def test_a_call_that_the_platform_calls_over_is_over(served: Served) -> None:
    await post(served, form())
    over = form(CallStatus="completed")
    assert verb(await post(served, over, "/texml/next")).tag == "Hangup"
    await eventually(lambda: calls(served) == 0)
    for path in ("/texml", "/texml/next"):
        assert verb(await post(served, form(), path, age=len(path))).tag == "Hangup"
    assert calls(served) == 0, "it does not begin again"


async def test_a_call_that_is_over_does_not_begin(served: Served) -> None:
    assert verb(await post(served, form(CallStatus="completed"))).tag == "Hangup"
    assert calls(served) == 0


@pytest.mark.parametrize("path", ["/webhooks", "/texml"])
async def test_a_status_callback_ends_the_call(served: Served, path: str) -> None:
    await post(served, form())
    last = {"CallStatus": "completed", "CallbackSource": "call-progress-events"}
    answer = await post(served, form(**last, HangupCause="user_busy"), path)
    assert answer.status_code == 200
    await eventually(lambda: calls(served) == 0)
    assert served.app.service.calls.counts.ended == {"user_busy": 1}


async def test_a_call_that_was_handed_over_is_held_by_whoever_is_asked(served: Served) -> None:
    """Also by a process that has begun after it."""
    answer = await post(served, form(), "/texml/held")
    pause, redirect = ElementTree.fromstring(answer.content)
    assert (pause.tag, pause.attrib) == ("Pause", {"length": "180"})
    assert (redirect.tag, redirect.text) == ("Redirect", "http://127.0.0.1:9/texml/held")
    assert calls(served) == 0


# ---- who is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/texml", "/texml/next", "/texml/held"])
async def test_without_a_good_signature_nothing_is_answered(served: Served, path: str) -> None:
    content = form()
    good = served.platform.signed(content)
    stranger = SigningKey(b"\x08" * 32)
    timestamp = str(int(time.time()))
    forged = b64encode(stranger.sign(f"{timestamp}|".encode() + content).signature).decode()
    for headers in (
        {},
        {"telnyx-timestamp": timestamp},
        good | {"telnyx-signature-ed25519": ""},
        good | {"telnyx-timestamp": str(int(time.time()) - 1)},
        {"telnyx-timestamp": timestamp, "telnyx-signature-ed25519": forged},
        served.platform.signed(content, age=301),
        served.platform.signed(content + b"&a=b"),
    ):
        answer = await post(served, content, path, headers)
        assert answer.status_code == 401
        assert "token" not in answer.text
    assert calls(served) == 0


async def test_a_get_that_is_signed_as_an_empty_body_is_refused(served: Served) -> None:
    """Such a signature fits every query."""
    headers = served.platform.signed(b"")
    answer = await served.http.get(f"/texml?{form().decode()}", headers=headers)
    assert answer.status_code == 401
    assert calls(served) == 0


async def test_the_body_of_one_path_is_no_query_of_the_other_method(served: Served) -> None:
    content = form()
    headers = served.platform.signed(content) | {"content-type": "text/plain"}
    answer = await served.http.post(f"/texml?{content.decode()}", content=b"", headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/texml", "/texml/next"])
async def test_a_request_that_is_replayed_is_told_nothing(served: Served, path: str) -> None:
    await post(served, form(), age=9)
    content = form()
    headers = served.platform.signed(content)
    first = await post(served, content, path, headers)
    again = await post(served, content, path, headers)
    assert (first.status_code, again.status_code) == (200, 409)
    assert "token" not in again.text
    assert calls(served) == 1


async def test_what_was_answered_at_one_address_cannot_be_replayed_at_the_other(
    served: Served,
) -> None:
    content = form()
    headers = served.platform.signed(content)
    await post(served, content, "/texml", headers)
    assert (await post(served, content, "/texml/next", headers)).status_code == 409


@pytest.mark.parametrize("path", ["/texml", "/texml/next"])
async def test_a_status_callback_is_no_way_to_a_document(served: Served, path: str) -> None:
    await post(served, form(), age=9)
    for number, sid in enumerate((CALL, "v3:another")):
        told = form(CallSid=sid, CallbackSource="call-progress-events", SequenceNumber=str(number))
        answer = await post(served, told, path)
        assert (answer.status_code, answer.text) == (200, "ok\n")
    assert calls(served) == 1


@pytest.mark.parametrize("content", [b"", b"CallSid=", b"From=%2B1&To=%2B2", b'{"data":{}}'])
async def test_what_names_no_call_is_a_bad_request(served: Served, content: bytes) -> None:
    assert (await post(served, content)).status_code == 400
    assert calls(served) == 0


async def test_a_body_of_more_than_a_megabyte_is_not_read_to_its_end(served: Served) -> None:
    content = form(Padding="x" * WEBHOOK_LIMIT)
    assert (await post(served, content)).status_code == 413


async def test_requests_count_as_webhooks(served: Served) -> None:
    content = form()
    headers = served.platform.signed(content)
    await post(served, content, headers=headers)
    await post(served, content, headers=headers)
    await post(served, content, headers={})
    assert served.app.service.metrics.webhooks == {"accepted": 1, "repeated": 1, "refused": 1}
