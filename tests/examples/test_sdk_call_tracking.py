import datetime
import json
import math
from pathlib import Path

import pytest

from callbridge.speech.espeak import available
from tests.examples.sdk_program import FOLDER, alike, program

NAME, IN, OUT = "call_tracking", "/calls", "/calls/forwarded"
SHOP, CALLER, ADVERTISED = "+13125550196", "+13125550123", "+14155550100"
SCRIPT = json.loads((FOLDER / f"{NAME}.json").read_text())

pytestmark = pytest.mark.skipif(
    not available(), reason="the extra callbridge[voice] is not installed"
)


async def test_a_call_to_an_advertised_number_reaches_the_shop_and_is_listed(
    tmp_path: Path,
) -> None:
    async with program(NAME, tmp_path, hook=IN) as tracking:
        wish = {"tag": "billboard", "forward_to": SHOP}
        bought = await tracking.page.post("/numbers/415", params=wish)
        assert bought.json() == {"number": ADVERTISED}
        nowhere = await tracking.page.post("/numbers/099", params=wish)
        assert nowhere.status_code == 404

        call = await tracking.live.ring(**SCRIPT)
        summary = await tracking.live.finished(call)
        caller_said, caller_heard = await tracking.sides(ADVERTISED)
        said, heard = await tracking.sides(SHOP)
        [row] = await tracking.until("/rung", bool)
        events = await tracking.deliveries(2)
        told = await tracking.live.http.get(f"/v2/calls/{call}")

        assert (await tracking.page.delete(f"/numbers/{ADVERTISED}")).status_code == 200
        gone = await tracking.live.http.get(f"/v2/phone_numbers/{ADVERTISED}")
        assert gone.status_code == 404
        assert (await tracking.page.get("/numbers")).json() == {}

    assert summary["failed"] == []
    assert summary["bridged"]
    assert summary["hangup_cause"] == "normal_clearing"  # the shop hung up, and so did they
    assert alike(caller_heard, said) > 0.9
    assert alike(heard, caller_said) > 0.9

    began, ended = (
        datetime.datetime.fromisoformat(told.json()["data"][name])
        for name in ("start_time", "end_time")
    )
    assert row == {
        "number": ADVERTISED,
        "tag": "billboard",
        "caller": CALLER,
        "caller_name": "not available",
        "date": began.date().isoformat(),
        "duration_s": math.ceil((ended - began).total_seconds()),
    }
    # Of the caller's leg all here, of the other one all there: its answer would be forwarded, too.
    assert events.pop((call, IN)) == ["call.initiated", "call.answered", "call.hangup"]
    [((_, where), of_the_shop)] = events.items()
    assert where == OUT
    assert of_the_shop == ["call.initiated", "call.answered", "call.bridged", "call.hangup"]


async def test_a_number_that_is_not_ours_is_not_forwarded(tmp_path: Path) -> None:
    async with program(NAME, tmp_path, hook=IN) as tracking:
        call = await tracking.live.ring(to="+14155550101", steps=[{"wait": "hangup"}])
        summary = await tracking.live.finished(call)
        assert (await tracking.page.get("/rung")).json() == []
    assert summary["answered_at_s"] is not None
    assert summary["hangup_source"] == "callee"
    assert not summary["bridged"]
