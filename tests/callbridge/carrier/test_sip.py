"""REFER and INFO: what is asked of the far end, and what is told of it."""

from typing import Any

import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript, HangUp, Wait
from tests.callbridge.carrier.line import STAY, Line, codes, data

BOB = "+13125550199"


def line_to(bob: Any) -> Line:
    return Line(CarrierConfig(webhook_url="http://app/", numbers={BOB: bob}, ring_s=0.1))


def answered(line: Line, *steps: Any) -> str:
    call = line.ring(*steps)
    line.command(call, "answer")
    return call


def test_a_refer_that_succeeds_ends_the_call_here() -> None:
    line = line_to(CallScript(steps=STAY))
    call = answered(line)
    assert line.command(call, "refer", sip_address=f"sip:{BOB}@sip.example.com").status == 200
    assert line.payload("call.refer.started")["sip_notify_response"] == 100
    line.tick(6)
    assert line.event_types()[-2:] == ["call.refer.completed", "call.hangup"]
    assert line.payload("call.refer.completed")["sip_notify_response"] == 200
    assert line.payload("call.hangup")["hangup_source"] == "caller"


@pytest.mark.parametrize(
    ("bob", "address", "status"),
    [
        ("busy", f"sip:{BOB}@x.example", 486),
        ("reject", f"sip:{BOB}@x.example", 603),
        ("busy", "sip:nobody@x.example", 404),
    ],
)
def test_a_refer_that_fails_leaves_the_call(bob: str, address: str, status: int) -> None:
    line = line_to(bob)
    call = answered(line)
    line.command(call, "refer", sip_address=address)
    line.tick(6)
    assert line.payload("call.refer.failed")["sip_notify_response"] == status
    assert line.report(call).state == "answered"
    assert line.command(call, "refer", sip_address=address).status == 200


def test_a_call_that_is_referred_is_out_of_its_queue_and_its_bridge() -> None:
    line = line_to(CallScript(steps=STAY))
    call = answered(line)
    line.command(call, "enqueue", queue_name="support")
    line.command(call, "refer", sip_address=f"sip:{BOB}@x.example")
    line.tick(6)
    assert line.event_types()[-3:] == ["call.refer.completed", "call.dequeued", "call.hangup"]
    assert line.payload("call.dequeued")["reason"] == "bridged"


def test_a_hang_up_in_the_middle_of_a_refer() -> None:
    line = line_to(CallScript(steps=STAY))
    call = answered(line, Wait("bot_silent", for_s=0.04), HangUp())
    line.command(call, "refer", sip_address=f"sip:{BOB}@x.example")
    line.tick(20)
    assert line.event_types()[-2:] == ["call.refer.started", "call.hangup"]


@pytest.mark.parametrize(
    ("action", "fields", "code", "pointer"),
    [
        ("refer", {}, "10004", "/sip_address"),
        ("refer", {"sip_address": BOB}, "10027", "/sip_address"),
        ("refer", {"sip_address": "sip:a@b c"}, "10027", "/sip_address"),
        ("refer", {"sip_address": 5}, "10026", "/sip_address"),
        ("send_sip_info", {"content_type": "text/plain"}, "10004", "/body"),
        ("send_sip_info", {"body": "x"}, "10004", "/content_type"),
        ("send_sip_info", {"body": "é" * 701, "content_type": "text/plain"}, "10025", "/body"),
    ],
)
def test_bad_parameters(
    action: str, fields: dict[str, object], code: str, pointer: str | None
) -> None:
    line = line_to("busy")
    assert codes(line.command(answered(line), action, **fields)) == [(code, pointer)]


def test_a_second_refer_waits_for_the_first() -> None:
    line = line_to("busy")
    call = answered(line)
    line.command(call, "refer", sip_address="sip:a@b.example")
    assert codes(line.command(call, "refer", sip_address="sip:a@b.example")) == [("90102", None)]


def test_sip_info_is_told_of_the_other_leg() -> None:
    line = line_to(CallScript(steps=STAY))
    alice = answered(line)
    bob = data(line.dial(BOB))["call_control_id"]
    line.tick(6)
    line.command(bob, "bridge", call_control_id=alice)
    line.command(alice, "send_sip_info", body="hello", content_type="text/plain")
    received = line.payload("call.sip_info.received")
    assert received["call_control_id"] == bob
    assert (received["body"], received["content_type"]) == ("hello", "text/plain")
