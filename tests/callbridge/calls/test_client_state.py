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

WAITS = Wait("hangup", within_s=20)


class Shop:
    """Keeps its client state before and after it writes on the call what was paid."""

    async def __call__(self, call: Call) -> None:
        self.before = call.client_state
        await call.set_client_state("order 7: paid")
        self.after, self.reference = call.client_state, call.reference
        self.said = await call.speak("Thank you.")  # its webhook finds the call, or this hangs


class SaidWithWebhooks:
    """The client state of the webhooks that come after it was set."""

    def __init__(self) -> None:
        self.states: list[ClientState] = []

    def __call__(self, webhook: SendWebhook) -> float:
        data = cast("dict[str, Any]", webhook.event["data"])
        if data["event_type"] in ("call.speak.ended", "call.hangup"):
            self.states.append(read_client_state(data["payload"]["client_state"]))
        return 0.0


class SendsByName:
    """A command that there is, and one that there is not."""

    async def __call__(self, call: Call) -> None:
        await call.send("send_dtmf", digits="12")
        with pytest.raises(CommandRefused, match=r"^no_such_thing: ") as error:
            await call.send("no_such_thing")
        self.refused = error.value.command


class SendsTooLate:
    """Waits for the end of its call, and then sends a command."""

    refused = False

    async def __call__(self, call: Call) -> None:
        while call.ended is None:  # noqa: ASYNC110  time is virtual
            await asyncio.sleep(0.01)
        with pytest.raises(CallEnded):
            await call.send("send_dtmf", digits="1")
        self.refused = True


class KeepsIds:
    def __init__(self) -> None:
        self.ids: list[str] = []

    async def __call__(self, call: Call) -> None:
        self.ids.append(call.call_control_id)


async def test_later_webhooks_carry_the_text_of_the_bot_and_still_find_the_call(
    app: App, pair: Pair
) -> None:
    shop, told = Shop(), SaidWithWebhooks()
    app.call(shop)
    pair.lateness = told
    await pair.call(caller(WAITS))
    assert app.service.calls.counts.stray_events == 0
    assert (shop.before, shop.after) == ("", "order 7: paid")
    assert shop.said
    assert told.states == [ClientState(shop.reference, None, "order 7: paid")] * 2


async def test_a_command_goes_by_its_name(app: App, pair: Pair) -> None:
    bot = SendsByName()
    app.call(bot)
    report = await pair.call(caller(WAITS))
    assert "send_dtmf" in [e.detail["action"] for e in report.tape if e.kind == "command"]
    assert bot.refused == "no_such_thing"


async def test_a_command_on_a_call_that_is_over_says_so(app: App, pair: Pair) -> None:
    bot = SendsTooLate()
    app.call(bot)
    await pair.call(caller(HangUp()))
    assert bot.refused


async def test_of_calls_that_have_ended_the_latest_are_remembered(
    app: App, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "ENDED_REMEMBERED", 2)
    bot = KeepsIds()
    app.call(bot)
    for _ in range(3):
        await pair.call(caller(WAITS))
    calls = app.service.calls
    for number, call_control_id in enumerate(bot.ids):
        payload: dict[str, object] = {"call_control_id": call_control_id}
        calls.on_event(Event("call.hangup", str(number), "", payload))
    assert calls.counts.stray_events == 1  # the first of the three is forgotten
