"""Find me, follow me: whoever calls waits while their call rings at somebody's own telephone, who
takes it or not. If not, the caller leaves a message, and a text says where it is. The official SDK
and a page for webhooks; with an account, leave TELNYX_BASE_URL out.

    pip install telnyx
    callbridge carrier --webhook-url http://127.0.0.1:5000/calls --numbers examples/sdk/people.json
    . out/carrier.env && uvicorn --app-dir examples/sdk find_me_follow_me:app --port 5000
    callbridge call --script examples/sdk/find_me_follow_me.json

With FIND_ME=+13125550199, who is busy, the same caller comes to the answering machine. The text
that the carrier was asked to send is at http://127.0.0.1:8080/carrier/asked, with the API key.
"""

import base64
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import telnyx
from fastapi import FastAPI, HTTPException, Request

FIND_ME = os.environ.get("FIND_ME", "+13125550197")
OUR_NUMBER = "+13125550100"

sdk = telnyx.AsyncTelnyx(
    api_key=os.environ["TELNYX_API_KEY"],
    base_url=os.environ.get("TELNYX_BASE_URL"),
    public_key=os.environ["TELNYX_PUBLIC_KEY"],
)
app = FastAPI()
rung: dict[str, str] = {}  # of each caller, the call to the one who is to be found


def state(stage: str, caller: str) -> str:
    """Comes back in every event of a leg. The caller's leg has none until we answer it."""
    return base64.b64encode(json.dumps({"stage": stage, "caller": caller}).encode()).decode()


async def find(call: str, event: dict[str, Any], caller: str) -> None:
    """The caller's call stays as it is, unanswered. A webhook may come twice; we dial once."""
    dialled = await sdk.calls.dial(
        connection_id=event["connection_id"], to=FIND_ME, from_=event["from"], timeout_secs=30,
        client_state=state("ask", call), command_id=event["call_leg_id"],
    )  # fmt: skip
    if dialled.data is not None:
        rung[call] = dialled.data.call_control_id


async def ask(call: str, event: dict[str, Any], caller: str) -> None:
    await sdk.calls.actions.gather_using_speak(
        call, payload="You have a call. To take it press 1, to decline press 2.",
        voice="female", language="en-GB", valid_digits="12", maximum_digits=1,
    )  # fmt: skip


async def decide(call: str, event: dict[str, Any], caller: str) -> None:
    if event["digits"] == "1":
        await sdk.calls.actions.bridge(
            call, call_control_id_to_bridge_with=caller, client_state=state("talk", caller)
        )
    elif event["status"] != "call_hangup":
        await sdk.calls.actions.hangup(call)


async def decline(call: str, event: dict[str, Any], caller: str) -> None:
    """Whether they said so, are busy or are not there: a machine takes the caller's call."""
    await sdk.calls.actions.answer(caller, client_state=state("machine", caller))


async def give_up(call: str, event: dict[str, Any], caller: str) -> None:
    if call in rung:
        await sdk.calls.actions.hangup(rung.pop(call))


async def greet(call: str, event: dict[str, Any], caller: str) -> None:
    await sdk.calls.actions.speak(
        call, payload="Please leave a message.", voice="female", language="en-GB"
    )


async def take_message(call: str, event: dict[str, Any], caller: str) -> None:
    await sdk.calls.actions.start_recording(
        call, format="mp3", channels="single", play_beep=True, timeout_secs=2, max_length=120
    )


async def keep(call: str, event: dict[str, Any], caller: str) -> None:
    """Of two who talk, either may press a star."""
    if event["digit"] == "*":
        await sdk.calls.actions.start_recording(
            call, format="mp3", channels="single", play_beep=True
        )


async def tell(call: str, event: dict[str, Any], caller: str) -> None:
    heard_at = event["recording_urls"]["mp3"]
    await sdk.messages.send(from_=OUR_NUMBER, to=FIND_ME, text=f"There is a recording: {heard_at}")


async def close(call: str, event: dict[str, Any], caller: str) -> None:
    await tell(call, event, caller)
    await sdk.calls.actions.hangup(call)


Handler = Callable[[str, dict[str, Any], str], Awaitable[None]]
HANDLERS: dict[tuple[str, str], Handler] = {
    ("call.initiated", ""): find,
    ("call.answered", "ask"): ask,
    ("call.gather.ended", "ask"): decide,
    ("call.hangup", "ask"): decline,
    ("call.hangup", ""): give_up,
    ("call.answered", "machine"): greet,
    ("call.speak.ended", "machine"): take_message,
    ("call.recording.saved", "machine"): close,
    ("call.dtmf.received", "talk"): keep,
    ("call.dtmf.received", ""): keep,
    ("call.recording.saved", "talk"): tell,
    ("call.recording.saved", ""): tell,
}


@app.post("/calls")
async def webhook(request: Request) -> None:
    body = (await request.body()).decode()
    try:
        event: Any = sdk.webhooks.unwrap(body, headers=dict(request.headers)).to_dict()["data"]
    except Exception as error:  # the SDK's own kinds differ with its versions
        raise HTTPException(403, "the signature does not match") from error
    leg = event["payload"]
    known = json.loads(base64.b64decode(leg.get("client_state") or "e30="))  # {}
    handler = HANDLERS.get((event["event_type"], known.get("stage", "")))
    with suppress(telnyx.UnprocessableEntityError):  # somebody has hung up meanwhile
        if handler is not None:
            await handler(leg["call_control_id"], leg, known.get("caller", ""))
