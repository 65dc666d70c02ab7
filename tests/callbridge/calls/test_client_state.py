"""Commands by name, and the bot's own text in every webhook of its call."""

import asyncio
from typing import Any, cast

import pytest

from callbridge import App, Call
from callbridge.calls.leg import ClientState, read_client_state
from callbridge.carrier.core.effects import SendWebhook
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
