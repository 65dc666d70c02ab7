"""A menu by keys without Callbridge's bridge: the official SDK, and a page for webhooks. Only the
carrier is Callbridge's; with an account, leave TELNYX_BASE_URL out.

    pip install telnyx
    callbridge carrier --webhook-url http://127.0.0.1:5000/calls --numbers examples/sdk/people.json
    . out/carrier.env && uvicorn --app-dir examples/sdk ivr:app --port 5000
    callbridge call --script examples/sdk/ivr.json
"""

import base64
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import telnyx
from fastapi import FastAPI, HTTPException, Request

MENU = {"1": ("sales", "+13125550199"), "2": ("support", "+13125550198")}
CALLER = base64.b64encode(b"caller").decode()  # comes back in every event of the caller's leg

sdk = telnyx.AsyncTelnyx(
    api_key=os.environ["TELNYX_API_KEY"],
    base_url=os.environ.get("TELNYX_BASE_URL"),
    public_key=os.environ["TELNYX_PUBLIC_KEY"],
)
app = FastAPI()


async def initiated(call: str, event: dict[str, Any]) -> None:
    if event["direction"] == "incoming":
        await sdk.calls.actions.answer(call, client_state=CALLER)


async def answered(call: str, event: dict[str, Any]) -> None:
    if event["client_state"] == CALLER:  # whoever we transfer to answers, too
        choices = ", ".join(f"for {name} press {key}" for key, (name, _) in MENU.items())
        await sdk.calls.actions.gather_using_speak(
            call, payload=f"Welcome, {choices}.", voice="male", language="en-US",
            valid_digits="".join(MENU), maximum_digits=1,
        )  # fmt: skip


async def gathered(call: str, event: dict[str, Any]) -> None:
    if event["digits"] in MENU:
        await sdk.calls.actions.transfer(call, to=MENU[event["digits"]][1])
    elif event["status"] != "call_hangup":
        await sdk.calls.actions.hangup(call)


HANDLERS: dict[str, Callable[[str, dict[str, Any]], Awaitable[None]]] = {
    "call.initiated": initiated,
    "call.answered": answered,
    "call.gather.ended": gathered,
}


@app.post("/calls")
async def webhook(request: Request) -> None:
    body = (await request.body()).decode()
    try:
        event = sdk.webhooks.unwrap(body, headers=dict(request.headers)).model_dump()["data"]
    except Exception as error:  # the SDK's own kinds differ with its versions
        raise HTTPException(403, "the signature does not match") from error
    handler = HANDLERS.get(event["event_type"])
    with suppress(telnyx.UnprocessableEntityError):  # the caller has hung up meanwhile
        if handler is not None:
            await handler(event["payload"]["call_control_id"], event["payload"])
