"""Call tracking: a number for each advertisement, all of which lead to the same telephones, and a
list of who rang which one and for how long. The official SDK and a page for webhooks; with an
account, leave TELNYX_BASE_URL out. The local carrier's numbers are made up and cost nothing.

    pip install telnyx
    callbridge carrier --webhook-url http://127.0.0.1:5000/calls --numbers examples/sdk/people.json
    . out/carrier.env && uvicorn --app-dir examples/sdk call_tracking:app --port 5000
    curl -X POST "http://127.0.0.1:5000/numbers/415?tag=billboard&forward_to=13125550196"
    callbridge call --script examples/sdk/call_tracking.json
    curl http://127.0.0.1:5000/rung
"""

import math
import os
from contextlib import suppress
from datetime import datetime
from typing import Any

import telnyx
from fastapi import FastAPI, HTTPException, Request

# The application that calls to our numbers come to; its webhooks go to /calls.
CONNECTION = os.environ["CALLBRIDGE_CONNECTION_ID"]

sdk = telnyx.AsyncTelnyx(
    api_key=os.environ["TELNYX_API_KEY"],
    base_url=os.environ.get("TELNYX_BASE_URL"),
    public_key=os.environ["TELNYX_PUBLIC_KEY"],
)
app = FastAPI()
numbers: dict[str, dict[str, str]] = {}  # a real one would keep both in a database
rung: list[dict[str, Any]] = []


# ---- our numbers --------------------------------------------------------------------------------


@app.get("/numbers")
async def ours() -> dict[str, dict[str, str]]:
    return numbers


@app.post("/numbers/{area_code}", status_code=201)
async def buy(area_code: str, tag: str, forward_to: str) -> dict[str, str]:
    found = await sdk.available_phone_numbers.list(
        filter={"national_destination_code": area_code, "features": ["voice"], "limit": 1}
    )
    if not found.data or found.metadata is None or found.metadata.total_results != 1:
        raise HTTPException(404, f"there is no number in {area_code}")
    number = found.data[0].phone_number or ""
    await sdk.number_orders.create(
        phone_numbers=[{"phone_number": number}], connection_id=CONNECTION
    )
    numbers[number] = {"tag": tag, "forward_to": "+" + forward_to.strip(" +")}
    return {"number": number}


@app.delete("/numbers/{number}")
async def drop(number: str) -> None:
    if numbers.pop(number, None) is None:
        raise HTTPException(404, f"{number} is none of ours")
    kept = await sdk.phone_numbers.retrieve(number)
    if kept.data is not None:
        await sdk.phone_numbers.delete(kept.data.id)


# ---- their calls --------------------------------------------------------------------------------


@app.get("/rung")
async def all_that_rang() -> list[dict[str, Any]]:
    return rung


@app.post("/calls")
async def inbound(request: Request) -> None:
    """What happens on the callers' own legs."""
    event = await verified(request)
    leg = event["payload"]
    call = leg["call_control_id"]
    with suppress(telnyx.UnprocessableEntityError):  # the caller has hung up meanwhile
        match event["event_type"]:
            case "call.initiated":
                await sdk.calls.actions.answer(call)
            case "call.answered" if leg["to"] in numbers:
                await sdk.calls.actions.transfer(
                    call,
                    to=numbers[leg["to"]]["forward_to"],
                    webhook_url=str(request.url_for("forwarded")),  # else we would do it twice
                )
            case "call.answered":
                await sdk.calls.actions.hangup(call)
            case "call.hangup" if leg["to"] in numbers:
                rung.append(await row(leg))
            case _:
                pass


@app.post("/calls/forwarded")
async def forwarded(request: Request) -> None:
    """What happens on the legs to our telephones: nothing that we need."""
    await verified(request)


async def row(leg: dict[str, Any]) -> dict[str, Any]:
    looked_up = await sdk.number_lookup.retrieve(leg["from"])
    named = looked_up.data.caller_name if looked_up.data is not None else None
    began, ended = (datetime.fromisoformat(leg[name]) for name in ("start_time", "end_time"))
    return {
        "number": leg["to"],
        "tag": numbers[leg["to"]]["tag"],
        "caller": leg["from"],
        "caller_name": named.caller_name if named is not None else "not available",
        "date": began.date().isoformat(),
        "duration_s": math.ceil((ended - began).total_seconds()),
    }


async def verified(request: Request) -> Any:
    """The event of a webhook that is the platform's."""
    body = (await request.body()).decode()
    try:
        return sdk.webhooks.unwrap(body, headers=dict(request.headers)).to_dict(mode="json")["data"]
    except Exception as error:  # the SDK's own kinds differ with its versions
        raise HTTPException(403, "the signature does not match") from error
