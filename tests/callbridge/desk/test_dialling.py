"""How a dialled call came out is asked of the platform. In virtual time."""

import asyncio

import httpx
import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript
from callbridge.control.client import connect
from callbridge.control.lists import ActiveCallsList
from callbridge.desk.calls import hang_up
from callbridge.desk.desk import Desk
from callbridge.desk.dialling import DialledOut, DialWish, dial
from callbridge.serve.account import AccountSettings
from callbridge.testing import Pair
from callbridge.testing.pair import ADDRESS, Rest

ANN, BUSY, RUDE, NOBODY = (f"+1312555010{digit}" for digit in range(1, 5))
NUMBERS = {ANN: CallScript(), BUSY: "busy", RUDE: "reject"}
CONFIG = CarrierConfig()


class Forgetful(Rest):
    """A platform whose events this account cannot read."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/call_events"):
            fault = {"code": "10010", "title": "Not authorized"}
            return httpx.Response(403, json={"errors": [fault]})
        return await super().handle_async_request(request)


def desk_at(platform: Rest) -> Desk:
    account = AccountSettings.load(
        api_key=CONFIG.api_key, base_url=f"{ADDRESS}/v2", connection_id=CONFIG.connection_id
    )
    return Desk(account, connect(account.base_url, CONFIG.api_key, platform))


async def dialled(platform: Rest, to: str, **wish: object) -> tuple[DialledOut, list[str]]:
    told: list[str] = []
    given = {"to": to, "from_": "+13125550100", **wish}
    out = await dial(desk_at(platform), DialWish(**given), told.append)  # type: ignore[arg-type]
    return out, told


@pytest.mark.virtual(numbers=NUMBERS)
@pytest.mark.parametrize(
    ("to", "outcome", "cause"),
    [
        (ANN, "answered", None),
        (BUSY, "busy", "user_busy"),
        (RUDE, "declined", "call_rejected"),
        (NOBODY, "no_answer", "timeout"),
    ],
)
async def test_it_comes_out_as_the_events_say(
    pair: Pair, to: str, outcome: str, cause: str | None
) -> None:
    out, told = await dialled(Rest(pair), to)
    assert (out.outcome, out.hangup_cause) == (outcome, cause)
    assert told[0].endswith(f": ringing {to}")
    assert out.answered_after_s == (0.5 if to == ANN else None)


@pytest.mark.virtual(numbers=NUMBERS)
@pytest.mark.parametrize(("to", "outcome"), [(ANN, "answered"), (BUSY, "unknown")])
async def test_without_events_the_call_itself_is_asked(pair: Pair, to: str, outcome: str) -> None:
    out, _ = await dialled(Forgetful(pair), to)
    assert (out.outcome, out.hangup_cause, out.answered_after_s) == (outcome, None, None)


@pytest.mark.virtual(numbers=NUMBERS)
async def test_a_person_is_told_from_a_machine(pair: Pair) -> None:
    out, told = await dialled(Rest(pair), ANN, amd="detect")
    assert out.machine == "not_sure"  # who says nothing
    assert told[-1].endswith(": answered by not_sure")


@pytest.mark.virtual(numbers=NUMBERS)
async def test_what_is_said_is_waited_for(pair: Pair) -> None:
    out, told = await dialled(Rest(pair), ANN, say="The build is red.")
    assert out.said
    assert [line.partition(": ")[2] for line in told] == [
        f"ringing {ANN}",
        "answered after 0.5 s",
        "said",
        "hung up",
    ]


@pytest.mark.virtual(numbers=NUMBERS)
async def test_what_may_still_be_spoken_is_not_cut_off(pair: Pair) -> None:
    out, told = await dialled(Forgetful(pair), ANN, say="The build is red.")
    assert (out.outcome, out.said) == ("answered", None)
    assert told[-1].endswith(": whether it was said is not told")
    (done,) = await hang_up(desk_at(Rest(pair)), [out.call_control_id], all_of_them=False)
    assert done.shown["result"] == "ok"  # it went on


@pytest.mark.virtual(numbers=NUMBERS)
async def test_who_stops_waiting_hangs_up(pair: Pair) -> None:
    waiting = asyncio.create_task(dialled(Rest(pair), NOBODY))
    await asyncio.sleep(2)
    calls = ActiveCallsList(connection_id=CONFIG.connection_id)
    assert len(await desk_at(Rest(pair)).every(calls)) == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await desk_at(Rest(pair)).every(calls) == []


class Slow(Rest):
    """A platform that rings at once, and answers the command a second later."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if request.url.path.endswith("/calls"):
            await asyncio.sleep(1)
        return response


@pytest.mark.virtual(numbers=NUMBERS)
@pytest.mark.parametrize("after_s", [0, 0.5])
async def test_who_stops_before_the_platform_has_answered_hangs_up(
    pair: Pair, after_s: float
) -> None:
    waiting = asyncio.create_task(dialled(Slow(pair), NOBODY))
    await asyncio.sleep(after_s)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    calls = ActiveCallsList(connection_id=CONFIG.connection_id)
    assert await desk_at(Rest(pair)).every(calls) == []
