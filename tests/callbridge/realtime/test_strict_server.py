"""The local server refuses what the service would: else tests against it would prove nothing."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.vendors.openai import answers as a
from tests.vendors.openai_realtime.server import RealtimeServer
from tests.vendors.openai_realtime.session import ServedSession

Sent = list[dict[str, Any]]


def opened(server: RealtimeServer) -> tuple[ServedSession, Sent]:
    sent: Sent = []

    def take(text: str) -> None:
        sent.append(json.loads(text))

    session = ServedSession(server, take, lambda code, reason: None)
    session.begin()
    return session, sent


def ask(session: ServedSession, /, **event: Any) -> None:
    session.receive(json.dumps(event))


async def ended(session: ServedSession) -> None:
    session.close()
    await asyncio.sleep(0.1)  # for its tasks


def message(role: str, part: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": part, "text": "hi"}]}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"type": "session.upgrade"}, "Invalid value: 'session.upgrade'"),
    ({"type": "session.update", "session": {}}, "Invalid 'session"),
    ({"type": "session.update", "session": {"type": "realtime", "voice": "x"}}, "Unknown"),
    (
        {
            "type": "session.update",
            "session": {"type": "realtime", "audio": {"input": {"format": {"type": "g711_ulaw"}}}},
        },
        "Invalid 'session",
    ),
    ({"type": "input_audio_buffer.append"}, "Invalid 'audio': Field required"),
    ({"type": "input_audio_buffer.append", "audio": "!!"}, "base64"),
    ({"type": "input_audio_buffer.commit"}, "buffer too small"),
    ({"type": "response.cancel"}, "no active response found"),
    (
        {"type": "conversation.item.create", "item": message("user", "output_text")},
        "should be 'input_text'",
    ),
    (
        {
            "type": "conversation.item.create",
            "item": {"type": "function_call_output", "call_id": "c", "output": "1"},
        },
        "Tool call ID 'c' not found",
    ),
    (
        {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0}
        | {"audio_end_ms": 1},
        "does not exist",
    ),
    ({"type": "conversation.item.delete", "item_id": "i"}, "does not exist"),
    ({"type": "output_audio_buffer.clear"}, "WebRTC and SIP only"),
]  # fmt: skip


@pytest.mark.virtual
@pytest.mark.parametrize(("event", "why"), REFUSED, ids=lambda each: str(each)[:60])
async def test_is_refused(event: dict[str, Any], why: str) -> None:
    session, sent = opened(RealtimeServer())
    ask(session, **event, event_id="mine")
    error = sent[-1]
    assert error["type"] == "error"
    assert why in error["error"]["message"]
    assert error["error"]["event_id"] == "mine"
    await ended(session)


@pytest.mark.virtual
async def test_what_was_never_spoken_cannot_be_cut() -> None:
    session, sent = opened(RealtimeServer())
    ask(session, type="conversation.item.create", item=message("assistant", "output_text"))
    item = sent[-1]["item"]["id"]
    ask(session, type="conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=1)
    assert sent[-1]["error"]["code"] == "unsupported_content_type"
    await ended(session)


@pytest.mark.virtual
async def test_a_cut_behind_the_end_is_refused_and_one_before_it_is_not() -> None:
    server = RealtimeServer(a.in_order(a.writes("hello")))  # 250 ms
    session, sent = opened(server)
    ask(session, type="response.create")
    await asyncio.sleep(5.0)
    item = next(e["item"]["id"] for e in sent if e["type"] == "response.output_item.done")
    cut = {"type": "conversation.item.truncate", "item_id": item, "content_index": 0}
    ask(session, **cut, audio_end_ms=251)
    assert sent[-1]["error"]["message"] == "Audio content of 250ms is already shorter than 251ms"
    ask(session, **cut, audio_end_ms=250)
    assert sent[-1]["type"] == "conversation.item.truncated"
    await ended(session)


@pytest.mark.virtual
async def test_one_reply_at_a_time_and_no_other_voice_when_it_has_spoken() -> None:
    session, sent = opened(RealtimeServer(a.in_order(a.writes("hello"))))
    ask(session, type="response.create")
    ask(session, type="response.create")
    assert sent[-1]["error"]["code"] == "conversation_already_has_active_response"
    await asyncio.sleep(5.0)
    voice = {"type": "realtime", "audio": {"output": {"voice": "cedar"}}}
    ask(session, type="session.update", session=voice)
    assert sent[-1]["error"]["code"] == "cannot_update_voice"
    await ended(session)


@pytest.mark.virtual
@pytest.mark.parametrize(
    ("form", "octets"), [("audio/pcmu", 1), ("audio/pcma", 1), ("audio/pcm", 6)]
)
async def test_the_format_is_what_was_agreed_upon(form: str, octets: int) -> None:
    """400 ms of the model's voice, in octets."""
    session, sent = opened(RealtimeServer(a.in_order(a.writes("eight ch"))))
    wanted = {"type": form} | ({"rate": 24000} if form == "audio/pcm" else {})
    audio = {"output": {"format": wanted}}
    ask(session, type="session.update", session={"type": "realtime", "audio": audio})
    ask(session, type="response.create")
    await asyncio.sleep(5.0)
    deltas = [e["delta"] for e in sent if e["type"] == "response.output_audio.delta"]
    assert sum(len(each) * 3 // 4 - each.count("=") for each in deltas) == 3200 * octets
    await ended(session)


def test_every_event_of_its_own_is_one_that_the_sdk_knows() -> None:
    """`checks_own` is on in all tests; this one shows that it can fail."""
    from tests.vendors.openai_realtime.checks import check_own

    check: Callable[[dict[str, Any]], None] = check_own
    check({"type": "input_audio_buffer.cleared", "event_id": "e"})
    with pytest.raises(ValueError, match="delta"):
        check({"type": "response.output_audio.delta", "event_id": "e"})
