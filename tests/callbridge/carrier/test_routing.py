"""Where webhooks go: what a command says of its own, and what is said of a whole leg."""

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript
from telecodecs import silence
from tests.callbridge.carrier.line import SELF, STAY, Line, data

APP, SPARE, OTHER = "http://app/", "http://spare/", "http://other/"
BOB = "+13125550199"


def line_with_spare(*, answer_moves_leg: bool = False) -> Line:
    return Line(
        CarrierConfig(
            webhook_url=APP,
            webhook_failover_url=SPARE,
            numbers={BOB: CallScript(steps=STAY)},
            ring_s=0.1,
            answer_moves_leg=answer_moves_leg,
        ),
        speaks=True,
    )


def went(line: Line, call: str | None = None) -> list[tuple[str, str]]:
    """(event, first address) of every webhook, of one call or of all."""
    return [
        (delivery.event_type, delivery.urls[0])
        for delivery in line.deliveries
        if call is None or delivery.call_control_id == call
    ]


def test_the_url_of_an_answer_is_for_what_the_answer_causes() -> None:
    line = line_with_spare()
    call = line.ring()
    line.command(call, "answer", webhook_url=OTHER, **SELF)
    line.tick(2)
    line.command(call, "streaming_stop")
    line.command(call, "hangup")
    assert went(line) == [
        ("call.initiated", APP),
        ("call.answered", OTHER),
        ("streaming.started", OTHER),
        ("streaming.stopped", OTHER),
        ("call.hangup", APP),
    ]


def test_a_stop_with_a_url_of_its_own_reports_there() -> None:
    line = line_with_spare()
    call = line.ring()
    line.command(call, "answer", webhook_url=OTHER, **SELF)
    line.command(call, "streaming_stop", webhook_url="http://third/")
    assert went(line)[-1] == ("streaming.stopped", "http://third/")


def test_the_stream_of_an_answer_reports_where_the_answer_said_until_the_hang_up() -> None:
    line = line_with_spare()
    call = line.ring()
    line.command(call, "answer", webhook_url=OTHER, **SELF)
    line.command(call, "hangup")
    assert went(line)[-2:] == [("streaming.stopped", OTHER), ("call.hangup", APP)]


def test_a_switch_makes_the_url_of_an_answer_one_for_the_rest_of_the_leg() -> None:
    line = line_with_spare(answer_moves_leg=True)
    call = line.ring()
    line.command(call, "answer", webhook_url=OTHER)
    line.command(call, "hangup")
    assert went(line)[-2:] == [("call.answered", OTHER), ("call.hangup", OTHER)]


def test_a_hang_up_moves_its_own_event_only() -> None:
    line = line_with_spare()
    call = line.streaming()
    line.command(call, "hangup", webhook_url=OTHER)
    assert went(line)[-2:] == [("streaming.stopped", APP), ("call.hangup", OTHER)]


def test_each_speak_reports_where_it_was_told_to() -> None:
    line = line_with_spare()
    call = line.ring()
    line.command(call, "answer")
    line.command(call, "speak", payload="one", voice="female", webhook_url=OTHER)
    line.command(call, "speak", payload="two", voice="female")
    for order in line.to_speak:
        line.switch.synthesised(order.speak_id, silence(160), line.now)
    line.tick(10)
    assert went(line)[2:] == [
        ("call.speak.started", OTHER),
        ("call.speak.ended", OTHER),
        ("call.speak.started", APP),
        ("call.speak.ended", APP),
    ]


def test_a_transfer_moves_all_events_of_the_new_leg_and_none_of_the_old() -> None:
    line = line_with_spare()
    alice = line.ring()
    assert line.command(alice, "transfer", to=BOB, webhook_url=OTHER).status == 200
    line.tick(10)
    bob = line.payload("call.bridged")["call_control_id"]
    line.command(bob, "hangup")
    assert {url for _, url in went(line, alice)} == {APP}
    assert {url for _, url in went(line, bob)} == {OTHER}
    assert [name for name, _ in went(line, bob)] == [
        "call.initiated", "call.answered", "call.bridged", "call.hangup",
    ]  # fmt: skip


def test_the_url_of_a_dial_is_the_default_of_later_commands_on_that_leg() -> None:
    line = line_with_spare()
    call = data(line.dial(BOB, webhook_url=OTHER))["call_control_id"]
    line.tick(10)
    line.command(call, "streaming_start", **SELF)
    line.command(call, "hangup")
    assert {url for _, url in went(line)} == {OTHER}


def test_the_applications_failover_stands_behind_every_url() -> None:
    line = line_with_spare()
    call = line.ring()
    line.command(call, "answer", webhook_url=OTHER)
    assert line.deliveries[-1].urls == (OTHER, SPARE)


def test_a_url_of_a_command_goes_before_what_the_leg_has_for_the_event() -> None:
    line = line_with_spare()
    by_event = {"call.hangup": ["http://hangups/"]}
    first = data(line.dial(BOB, webhook_urls=by_event))["call_control_id"]
    second = data(line.dial(BOB, webhook_urls=by_event))["call_control_id"]
    line.command(first, "hangup", webhook_url=OTHER)
    line.command(second, "hangup")
    assert went(line)[-2:] == [("call.hangup", OTHER), ("call.hangup", "http://hangups/")]


def test_the_method_alone_turns_only_that_commands_webhooks() -> None:
    line = line_with_spare()
    call = line.ring()
    line.command(call, "answer", webhook_url_method="GET")
    line.command(call, "hangup")
    assert [delivery.method for delivery in line.deliveries] == ["POST", "GET", "POST"]


def test_a_refused_command_moves_nothing() -> None:
    line = line_with_spare()
    call = line.ring()
    assert line.command(call, "answer", webhook_url=OTHER, enable_dialogflow=True).status == 422
    line.command(call, "hangup")
    assert went(line)[-1] == ("call.hangup", APP)
