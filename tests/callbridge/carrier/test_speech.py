"""speak and send_dtmf: sound that the platform itself makes on a leg."""

import numpy as np

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript
from tests.callbridge.carrier.line import STAY, Line, sounding, tone

BOB = "+13125550199"


def answered(line: Line) -> str:
    call = line.ring()
    line.command(call, "answer")
    return call


def speak(line: Line, call: str, **fields: object) -> str:
    response = line.command(call, "speak", **{"payload": "hello", "voice": "female"} | fields)
    assert response.status == 200, response.body
    return line.to_speak[-1].speak_id


def heard_ms(line: Line, call: str) -> int:
    return sum(sounding(line.report(call).bot)) * 20


def test_utterances_are_heard_one_after_the_other_between_their_events() -> None:
    line = Line(speaks=True)
    call = answered(line)
    first, second = speak(line, call), speak(line, call, payload="world")
    assert [(order.text, order.sample_rate, order.ssml) for order in line.to_speak] == [
        ("hello", 8000, False),
        ("world", 8000, False),
    ]
    line.switch.synthesised(second, tone(100), line.now)
    line.tick(5)
    assert heard_ms(line, call) == 0  # the first one is still being synthesised
    line.switch.synthesised(first, tone(200), line.now)
    line.tick(20)
    assert heard_ms(line, call) == 300
    events = [(e["event_type"], e["payload"]["speak_id"]) for e in line.events[2:]]
    assert events == [
        ("call.speak.started", first),
        ("call.speak.ended", first),
        ("call.speak.started", second),
        ("call.speak.ended", second),
    ]
    assert {event["payload"].get("status") for event in line.events[2:]} == {None, "completed"}


def test_loop_repeats_and_hangup_interrupts() -> None:
    line = Line(speaks=True)
    call = answered(line)
    line.switch.synthesised(speak(line, call, loop=3), tone(100), line.now)
    line.tick(30)
    assert heard_ms(line, call) == 300
    line.switch.synthesised(speak(line, call, loop="infinity"), tone(100), line.now)
    line.tick(50)
    line.command(call, "hangup")
    assert line.payload("call.speak.ended")["status"] == "call_hangup"
    assert line.event_types()[-2:] == ["call.speak.ended", "call.hangup"]


def test_stop_ends_what_is_spoken() -> None:
    line = Line(speaks=True)
    call = answered(line)
    line.switch.synthesised(speak(line, call), tone(5000), line.now)
    line.tick(10)
    line.switch.synthesised(speak(line, call, stop="all"), tone(100), line.now)
    line.tick(20)
    assert heard_ms(line, call) == 200 + 100


def test_a_voice_that_fails_is_noted_and_does_not_hold_up_the_next() -> None:
    line = Line(speaks=True)
    call = answered(line)
    first, second = speak(line, call), speak(line, call)
    line.switch.synthesised(second, tone(100), line.now)
    line.switch.synthesised(first, None, line.now)
    line.tick(10)
    assert heard_ms(line, call) == 100
    assert any(entry.kind == "speak failed" for entry in line.report(call).tape)


def test_speech_that_is_ready_after_the_call_is_dropped() -> None:
    line = Line(speaks=True)
    call = answered(line)
    speak_id = speak(line, call)
    line.command(call, "hangup")
    line.switch.synthesised(speak_id, tone(100), line.now)
    line.switch.synthesised("unknown", tone(100), line.now)
    line.tick(10)
    assert heard_ms(line, call) == 0


def test_speech_for_the_opposite_leg() -> None:
    line = Line(
        CarrierConfig(webhook_url="http://a/", numbers={BOB: CallScript(steps=STAY)}, ring_s=0.0),
        speaks=True,
    )
    alice = answered(line)
    line.command(alice, "transfer", to=BOB)
    line.tick()
    bob = line.payload("call.bridged")["call_control_id"]
    speak_id = speak(line, alice, target_legs="opposite")
    line.switch.synthesised(speak_id, tone(100), line.now)
    line.tick(10)
    assert (heard_ms(line, alice), heard_ms(line, bob)) == (0, 100)


def test_send_dtmf_is_heard_as_tones() -> None:
    line = Line()
    call = answered(line)
    line.command(call, "send_dtmf", digits="1W5", duration_millis=100)
    line.tick(80)
    bot = line.report(call).bot
    for begin_ms, frequencies in ((0, {697, 1209}), (100 + 100 + 1000, {770, 1336})):
        piece = bot[begin_ms * 8 : (begin_ms + 100) * 8].astype(float)
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(800)))
        peaks = {int(k) * 10 for k in np.argsort(spectrum)[-2:]}
        low, high = sorted(peaks)
        expected_low, expected_high = sorted(frequencies)
        assert abs(low - expected_low) <= 10
        assert abs(high - expected_high) <= 10
    assert not bot[200 * 8 : 1200 * 8].any()
