"""A conference that whoever calls comes into, and a page to lead it. The first one hears music
until there is a second one. The official SDK and a page for webhooks; with an account, leave
TELNYX_BASE_URL out.

    pip install telnyx
    callbridge carrier --webhook-url http://127.0.0.1:5000/calls --numbers examples/sdk/people.json
    . out/carrier.env && uvicorn --app-dir examples/sdk conferencing:app --port 5000
    callbridge call --script examples/sdk/conferencing.json

and while they wait, in a fourth terminal:

    curl http://127.0.0.1:5000/people
    curl -X POST http://127.0.0.1:5000/people/13125550196
    curl -X POST http://127.0.0.1:5000/people/13125550196/mute
"""

import asyncio
import base64
import io
import math
import os
import wave
from array import array
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Literal

import telnyx
from fastapi import FastAPI, HTTPException, Request, Response

CONNECTION = os.environ["CALLBRIDGE_CONNECTION_ID"]  # the application that we call people with
OUR_NUMBER = "+13125550100"
DIALLED = base64.b64encode(b"dialled").decode()  # comes back in every event of such a leg

sdk = telnyx.AsyncTelnyx(
    api_key=os.environ["TELNYX_API_KEY"],
    base_url=os.environ.get("TELNYX_BASE_URL"),
    public_key=os.environ["TELNYX_PUBLIC_KEY"],
)
app = FastAPI()
door = asyncio.Lock()  # of two who come at the same moment, the second one joins the first one
conference: str | None = None  # its id, while there is one
callers: dict[str, str] = {}  # of each leg that was answered, the number of the person
members: dict[str, list[str]] = {}  # of each conference the legs, as they came
recordings: list[str] = []


# ---- who comes and goes -------------------------------------------------------------------------


async def initiated(event: dict[str, Any], music: str) -> None:
    if event["direction"] == "incoming":
        await sdk.calls.actions.answer(event["call_control_id"])


async def answered(event: dict[str, Any], music: str) -> None:
    call = event["call_control_id"]
    callers[call] = event["to"] if event.get("client_state") == DIALLED else event["from"]
    await sdk.calls.actions.speak(call, payload="Welcome.", voice="female", language="en-GB")
    try:
        async with door:
            await enter(call)
    except telnyx.APIStatusError:
        await sdk.calls.actions.hangup(call)


async def enter(call: str) -> None:
    """Into the conference; if there is none, or it has just ended, into one of their own."""
    global conference
    if conference is not None:
        with suppress(telnyx.UnprocessableEntityError):
            await sdk.conferences.actions.join(conference, call_control_id=call)
            return
    made = await sdk.conferences.create(
        call_control_id=call, name="demo-conference", beep_enabled="always"
    )
    conference = made.data.id if made.data is not None else None


async def joined(event: dict[str, Any], music: str) -> None:
    members.setdefault(event["conference_id"], []).append(event["call_control_id"])
    await entertain(event["conference_id"], music)


async def left(event: dict[str, Any], music: str) -> None:
    there = members.get(event["conference_id"], [])  # the next one may have begun by now
    if event["call_control_id"] in there:
        there.remove(event["call_control_id"])
        await entertain(event["conference_id"], music)


async def entertain(id: str, music: str) -> None:
    """Whoever is alone."""
    there = members[id]
    if len(there) == 1:
        await sdk.conferences.actions.hold(id, call_control_ids=there, audio_url=music)
    elif len(there) == 2:
        await sdk.conferences.actions.unhold(id, call_control_ids=there)


async def ended(event: dict[str, Any], music: str) -> None:
    global conference
    members.pop(event["conference_id"], None)
    if event["conference_id"] == conference:
        conference = None


async def recorded(event: dict[str, Any], music: str) -> None:
    recordings.append(event["recording_urls"]["mp3"])


async def hung_up(event: dict[str, Any], music: str) -> None:
    callers.pop(event["call_control_id"], None)


HANDLERS: dict[str, Callable[[dict[str, Any], str], Awaitable[None]]] = {
    "call.initiated": initiated,
    "call.answered": answered,
    "call.hangup": hung_up,
    "conference.participant.joined": joined,
    "conference.participant.left": left,
    "conference.ended": ended,
    "conference.recording.saved": recorded,
}


@app.post("/calls")
async def webhook(request: Request) -> None:
    body = (await request.body()).decode()
    try:
        event: Any = sdk.webhooks.unwrap(body, headers=dict(request.headers)).to_dict()
    except Exception as error:  # the SDK's own kinds differ with its versions
        raise HTTPException(403, "the signature does not match") from error
    event = event.get("data", event)  # conference.floor.changed has none
    handler = HANDLERS.get(event["event_type"])
    with suppress(telnyx.UnprocessableEntityError):  # they have hung up meanwhile
        if handler is not None:
            await handler(event["payload"], str(request.url_for("music")))


# ---- who leads ----------------------------------------------------------------------------------


def going_on() -> str:
    if conference is None:
        raise HTTPException(404, "nobody is there")
    return conference


@app.get("/people")
async def people() -> list[dict[str, Any]]:
    if conference is None:
        return []
    there = sdk.conferences.list_participants(conference)
    return [
        {
            "number": callers.get(each.call_control_id),
            "on_hold": each.on_hold,
            "muted": each.muted,
        }
        async for each in there
    ]


@app.post("/people/{number}")
async def call(number: str) -> None:
    await sdk.calls.dial(
        connection_id=CONNECTION, from_=OUR_NUMBER, to=e164(number), client_state=DIALLED
    )


@app.post("/people/{number}/{action}")
async def lead(number: str, action: Literal["mute", "unmute", "hold", "unhold"]) -> None:
    theirs = [leg for leg, who in callers.items() if who == e164(number)]
    if not theirs:  # to name nobody would be to name all
        raise HTTPException(404, f"{number} is not there")
    actions = sdk.conferences.actions
    commands = {
        "mute": actions.mute,
        "unmute": actions.unmute,
        "hold": actions.hold,
        "unhold": actions.unhold,
    }
    await commands[action](going_on(), call_control_ids=theirs)


@app.post("/recording")
async def record() -> None:
    await sdk.conferences.actions.record_start(going_on(), format="mp3", channels="dual")


@app.delete("/recording")
async def stop_recording() -> None:
    await sdk.conferences.actions.record_stop(going_on())


@app.get("/recordings")
async def saved() -> list[str]:
    return recordings


def e164(number: str) -> str:
    return "+" + number.strip(" +")


@app.get("/music.wav")
async def music() -> Response:
    """A second of a soft tone at 8 kHz, which the platform plays over and over."""
    tone = array("h", (int(3000 * math.sin(n * math.tau * 330 / 8000)) for n in range(8000)))
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(8000)
        wav.writeframes(tone.tobytes())
    return Response(file.getvalue(), media_type="audio/wav")
