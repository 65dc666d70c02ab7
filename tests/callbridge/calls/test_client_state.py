"""Commands by name, the bot's own text in every webhook of its call, and late webhooks."""

import asyncio
from typing import Any, cast

import pytest

from callbridge import App, Call
from callbridge.calls import registry
from callbridge.calls.leg import ClientState, read_client_state
from callbridge.carrier.core.effects import SendWebhook
from callbridge.control.events import Event
from callbridge.errors import CallEnded, CommandRefused
from callbridge.testing import HangUp, Pair, Wait, caller
from tests.callbridge.hummed import rehearse

WAITS = Wait("hangup", within_s=20)


def test_later_webhooks_carry_the_text_of_the_bot_and_still_find_the_call() -> None:
    app, told, states = App(), list[str](), list[ClientState]()

    @app.call
    async def bot(call: Call) -> None:
        told.append(call.client_state)
        await call.set_client_state("order 7: paid")
        told.extend((call.client_state, call.reference))
        assert await call.speak("Thank you.")  # its webhook finds the call, or this never returns
        told.append("said")

    def watch(webhook: SendWebhook) -> float:
        data = cast("dict[str, Any]", webhook.event["data"])
        if data["event_type"] in ("call.speak.ended", "call.hangup"):
            states.append(read_client_state(data["payload"]["client_state"]))
        return 0.0

    async def test(pair: Pair) -> None:
        pair.lateness = watch
        await pair.call(caller(WAITS))
        assert pair.app.service.calls.counts.stray_events == 0

    rehearse(app, test)
    before, after, reference, said = told
    assert (before, after, said) == ("", "order 7: paid", "said")
    assert states == [ClientState(reference, None, "order 7: paid")] * 2


def test_a_command_goes_by_its_name() -> None:
    app, refused = App(), list[str]()

    @app.call
    async def bot(call: Call) -> None:
        await call.send("send_dtmf", digits="12")
        with pytest.raises(CommandRefused, match=r"^no_such_thing: ") as error:
            await call.send("no_such_thing")
        refused.append(error.value.command)

    async def test(pair: Pair) -> None:
        report = await pair.call(caller(WAITS))
        sent = [entry.detail["action"] for entry in report.tape if entry.kind == "command"]
        assert "send_dtmf" in sent

    rehearse(app, test)
    assert refused == ["no_such_thing"]


def test_a_command_on_a_call_that_is_over_says_so() -> None:
    app, over = App(), list[bool]()

    @app.call
    async def bot(call: Call) -> None:
        while call.ended is None:  # noqa: ASYNC110  time is virtual
            await asyncio.sleep(0.01)
        with pytest.raises(CallEnded):
            await call.send("send_dtmf", digits="1")
        over.append(True)

    async def test(pair: Pair) -> None:
        await pair.call(caller(HangUp()))

    rehearse(app, test)
    assert over == [True]


def test_of_calls_that_have_ended_the_latest_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "ENDED_REMEMBERED", 2)
    app, ids = App(), list[str]()

    @app.call
    async def bot(call: Call) -> None:
        ids.append(call.call_control_id)

    async def test(pair: Pair) -> None:
        for _ in range(3):
            await pair.call(caller(WAITS))
        calls = pair.app.service.calls
        for number, call_control_id in enumerate(ids):
            payload: dict[str, object] = {"call_control_id": call_control_id}
            calls.on_event(Event("call.hangup", str(number), "", payload))
        assert calls.counts.stray_events == 1  # the first of the three is forgotten

    rehearse(app, test)
