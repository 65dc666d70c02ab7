"""A session of OpenAI Realtime, frame by frame; without a server."""

import json
from typing import Any

import pytest

from callbridge.realtime.events import (
    AudioForm,
    ModelSound,
    Recalled,
    ReplyEnded,
    SaidBefore,
    ToolAsked,
    ToolUsed,
    Trouble,
)
from callbridge.realtime.openai import OpenAISession, OpenAISettings

PCMU = AudioForm("PCMU", 8000)


def session(**settings: Any) -> OpenAISession:
    return OpenAISession(OpenAISettings(api_key="sk-any", **settings), PCMU, PCMU)


def told(texts: list[str]) -> list[str]:
    return [json.loads(text)["type"] for text in texts]


def spoken(of: OpenAISession, milliseconds: int, *, done: bool) -> None:
    """An item of the model's voice."""
    audio = "/" * 4 * (8 * milliseconds // 3)  # three octets each
    of.receive(json.dumps({"type": "response.output_audio.delta", "item_id": "i", "delta": audio}))
    if done:
        item = {"type": "message", "id": "i"}
        of.receive(json.dumps({"type": "response.output_item.done", "item": item}))


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://api.openai.com/v1", "wss://api.openai.com/v1/realtime?model=m"),
        ("http://127.0.0.1:8000/v1/", "ws://127.0.0.1:8000/v1/realtime?model=m"),
        ("wss://x.openai.azure.com/openai/v1", "wss://x.openai.azure.com/openai/v1/realtime?model=m"),
        ("https://proxy/v1?team=a", "wss://proxy/v1/realtime?team=a&model=m"),
    ],
)  # fmt: skip
def test_the_address_is_that_of_the_socket(base_url: str, url: str) -> None:
    assert session(base_url=base_url, model="m").url == url


def test_a_cut_behind_the_end_is_moved_to_it() -> None:
    """The service refuses it: "Audio content of 300ms is already shorter than 400ms"."""
    of = session()
    spoken(of, 300, done=False)
    (cut,) = of.heard_until("i", 400)
    assert json.loads(cut)["audio_end_ms"] == 300


def test_what_was_heard_to_its_end_is_left_alone() -> None:
    of = session()
    spoken(of, 300, done=True)
    assert of.heard_until("i", 300) == []
    assert told(of.heard_until("i", 299)) == ["conversation.item.truncate"]
    assert told(of.heard_until("i", 0)) == ["conversation.item.delete"]
    assert of.heard_until("unknown", 10) == []


def test_one_reply_at_a_time() -> None:
    of = session()
    assert told(of.reply()) == ["response.create"]
    assert of.reply() == [], "waits until the first one is done"
    of.receive('{"type":"response.done","response":{"status":"completed"}}')
    assert told(of.to_send()) == ["response.create"]


def test_a_reply_of_the_services_own_was_faster() -> None:
    of = session()
    of.reply()
    error = {"type": "invalid_request_error", "code": "conversation_already_has_active_response"}
    assert of.receive(json.dumps({"type": "error", "error": error})) == []
    assert of.receive('{"type":"response.done","response":{"status":"completed"}}') == [
        ReplyEnded()
    ]
    assert told(of.to_send()) == ["response.create"]


def test_it_goes_on_when_all_tools_have_answered() -> None:
    of = session()
    of.receive('{"type":"response.created","response":{}}')
    for number in (1, 2):
        item = {"type": "function_call", "call_id": f"c{number}", "name": "f", "arguments": "{}"}
        asked = of.receive(json.dumps({"type": "response.output_item.done", "item": item}))
        assert asked == [ToolAsked(f"c{number}", "f", "{}")]
    of.receive('{"type":"response.done","response":{"status":"completed"}}')
    assert told(of.tool_used("c1", "one")) == ["conversation.item.create"]
    assert not of.idle
    assert told(of.tool_used("c2", "two")) == ["conversation.item.create", "response.create"]


def test_a_tool_of_a_reply_that_was_cut_is_not_used() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "f", "status": "incomplete"}
    assert session().receive(json.dumps({"type": "response.output_item.done", "item": item})) == []


def test_a_new_session_knows_the_conversation() -> None:
    said = [SaidBefore("user", "hi"), SaidBefore("assistant", "hello")]
    known: list[Recalled] = [*said, ToolUsed("c", "f", "{}", "1")]
    setup, *items = (json.loads(text) for text in session().opening(known))
    assert setup["session"]["type"] == "realtime"
    assert [item["item"] for item in items] == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "hello"}],
        },
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
    ]


@pytest.mark.parametrize(
    ("code", "reason", "fatal"),
    [
        (3000, "invalid_request_error.invalid_api_key", True),
        (401, "no", True),
        (404, "", True),
        (429, "slow down", False),
        (1001, "Your session hit the maximum duration of 60 minutes.", False),
        (1006, "the connection broke", False),
    ],
)
def test_what_the_end_of_a_socket_says(code: int, reason: str, fatal: bool) -> None:
    trouble = session().refused_by(code, reason)
    assert (trouble is not None and trouble.fatal) is fatal


def test_an_error_about_the_set_up_is_the_end() -> None:
    error = {"type": "invalid_request_error", "code": "invalid_value", "message": "Invalid voice.",
             "param": "session.audio.output.voice", "event_id": "setup"}  # fmt: skip
    assert session().receive(json.dumps({"type": "error", "error": error})) == [
        Trouble("invalid_value", "Invalid voice. (session.audio.output.voice)", fatal=True)
    ]


def test_an_error_may_say_nothing() -> None:
    (trouble,) = session().receive('{"type":"error","error":{"message":null,"code":null}}')
    assert trouble == Trouble("error", "no reason given")


def test_late_audio_is_still_sound() -> None:
    """Whether it is to be heard is not the session's business."""
    frame = {"type": "response.output_audio.delta", "item_id": "i", "delta": "////"}
    assert session().receive(json.dumps(frame)) == [ModelSound("i", b"\xff\xff\xff")]
