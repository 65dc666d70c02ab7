"""Find me, follow me, in virtual time."""

import json
import logging
from functools import partial
from typing import Any

import httpx
import pytest
from examples import find_me

from callbridge import App
from callbridge.carrier.config import Behaviour
from callbridge.testing import CallScript, Conversation, Pair, PlacedCall, Wait, says, tone
from tests.callbridge.hummed import loud_s
from tests.examples.people import ACCEPTS, DECLINES, HEARD, IGNORES, VOICE, heard_by, told

DESK, MOBILE = "+13125550188", "+13125550187"
IT_IS_ALICE = "A call from Alice Miller."
MESSAGE = "Please call me back."
MACHINE = CallScript(steps=(*HEARD, says(tone(8.0, VOICE)), Wait("hangup", within_s=90)))


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> App:
    monkeypatch.setattr(find_me, "PHONES", [DESK, MOBILE])
    caplog.set_level(logging.INFO, "callbridge")
    return find_me.app


def phones(desk: Behaviour, mobile: Behaviour) -> pytest.MarkDecorator:
    """Who is at them."""
    return pytest.mark.virtual(numbers={DESK: desk, MOBILE: mobile})


class Hook:
    """Where the example posts to."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.messages.append(json.loads(request.content))
        return httpx.Response(204)


async def alice_calls(pair: Pair) -> PlacedCall:
    call = await pair.ring()
    await call.hears(find_me.GREETING)
    await call.does(says("Alice Miller"))
    await call.hears(find_me.TRYING)
    return call


async def leaves_a_message(call: PlacedCall) -> Conversation:
    await call.hears(find_me.SORRY, within_s=120)
    await call.does(Wait("bot_silent", 1.0), says(MESSAGE))
    await call.hears(find_me.THANKS)
    return await call.over()


@phones("busy", ACCEPTS)
async def test_the_second_telephone_rings_when_the_first_is_busy(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    call = await alice_calls(pair)
    report = await call.over()
    assert heard_by(MOBILE, report)[0] == IT_IS_ALICE
    assert loud_s(report.bot, VOICE) > 2.8
    assert not told(caplog, "voicemail")


@phones(IGNORES, ACCEPTS)
async def test_whoever_is_faster_has_the_call_where_all_ring_at_once(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find_me, "AT_ONCE", True)
    call = await alice_calls(pair)
    report = await call.over()
    assert heard_by(DESK, report)[0] == heard_by(MOBILE, report)[0] == IT_IS_ALICE
    assert loud_s(report.bot, VOICE) > 2.8


@phones(DECLINES, ACCEPTS)
async def test_who_declines_is_not_rung_on_the_next_telephone(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    report = await leaves_a_message(await alice_calls(pair))
    assert not heard_by(MOBILE, report)
    [message] = told(caplog, "voicemail")
    assert message["words"] == MESSAGE


@phones("no_answer", MACHINE)
async def test_a_machine_that_picks_up_presses_no_key(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    report = await leaves_a_message(await alice_calls(pair))
    assert heard_by(MOBILE, report)[0] == IT_IS_ALICE
    assert told(caplog, "voicemail")


@phones("busy", "busy")
async def test_the_link_is_sent_where_it_is_to_go(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = Hook()
    client = partial(httpx.AsyncClient, transport=httpx.MockTransport(hook))
    monkeypatch.setattr(find_me, "NOTIFY", "https://hooks.example.com/voicemail")
    monkeypatch.setattr(httpx, "AsyncClient", client)
    await leaves_a_message(await alice_calls(pair))
    [message] = hook.messages
    assert message["caller"] == "Alice Miller, +13125550123"
    assert message["words"] == MESSAGE
    assert message["link"].startswith("http")
    assert message["recording_id"]
