"""Conference rooms: callers come in by the PIN of a room, with music while they are alone, and hear
who comes and goes by the names that they have said. A page leads the rooms. The bot of each call
speaks to its own caller, whom nobody else hears then; the platform mixes all the others.

With the local carrier, in three terminals; the second caller comes while the first one waits:

    callbridge carrier
    . out/carrier.env && ROOM_KEY=secret uvicorn --app-dir examples conference_room:web --port 8000
    callbridge call --script examples/conference_room.json &
    callbridge call --script examples/conference_room.json

and while they talk:

    curl -H "Authorization: Bearer secret" http://127.0.0.1:8000/rooms/standup
    curl -H "Authorization: Bearer secret" -X POST http://127.0.0.1:8000/rooms/standup/1/mute
    curl -H "Authorization: Bearer secret" -X POST http://127.0.0.1:8000/rooms/standup/1/kick
    curl -H "Authorization: Bearer secret" -X DELETE http://127.0.0.1:8000/rooms/standup

With an account: a ROOM_KEY that nobody guesses, as the page is where the webhooks are, ROOMS with
PINs of your own, and TELNYX_API_KEY, TELNYX_PUBLIC_KEY and CALLBRIDGE_PUBLIC_URL as README says.
"""

import asyncio
import json
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from callbridge import App, Call, CommandError, Conference, Participant
from callbridge.handoff.events import ConferenceEvent, ParticipantJoined, ParticipantLeft
from telecodecs import Pcm, silence

ROOM_KEY = os.environ["ROOM_KEY"]  # whoever has it may lead
ROOMS: dict[str, str] = json.loads(os.environ.get("ROOMS", '{"1234": "standup", "5678": "board"}'))
NAME_S = 2.5  # for the caller to say their name in
KNOWN_S = 60.0  # whoever has left is known for so long, for the others to hear who it was


@dataclass(frozen=True)
class Guest:
    """`number` is how the page calls them, `name` what they have said."""

    number: int
    from_: str
    name: Pcm


app = App()
guests: dict[str, Guest] = {}  # by the call_control_id of their calls
numbers = count(1)


# ---- the caller ---------------------------------------------------------------------------------


@app.call
async def come_in(call: Call) -> None:
    room = await asked_for(call)
    if room is None:
        await call.say("Goodbye.")
        return
    me = call.call_control_id
    guests[me] = Guest(next(numbers), call.from_, await name_of(call))
    try:
        conference = await call.join(room)
        events = conference.events()
        async with call.unheard():  # what they say is for the others
            await stay(call, conference, events)
    finally:
        asyncio.get_running_loop().call_later(KNOWN_S, guests.pop, me, None)


async def asked_for(call: Call) -> str | None:
    """The room whose PIN the caller keys in, in three attempts; no log has the PIN."""
    prompt = "Welcome. Please key in the PIN of your room."
    for _ in range(3):
        async with call.secure():
            pin = (await call.gather(4, prompt=prompt)).digits
        if pin in ROOMS:
            return ROOMS[pin]
        prompt = "There is no such room. Please key in the PIN again."
    return None


async def name_of(call: Call) -> Pcm:
    """As they say it: nothing has to understand it."""
    await call.say("Please say your name.")
    said = [silence(0)]
    with suppress(TimeoutError):
        async with asyncio.timeout(NAME_S):
            async for pcm in call.audio():
                said.append(pcm)  # noqa: PERF401  what came before the time was up is kept
    return np.concatenate(said)


async def stay(call: Call, conference: Conference, events: AsyncIterator[ConferenceEvent]) -> None:
    """Tell the caller who comes and who goes, until the conference ends or the caller leaves."""
    others = len(conference.participants) - 1
    await call.say(f"You are in, with {others} more." if others else "You are the first.")
    async with AsyncExitStack() as music:
        if alone(conference):
            await music.enter_async_context(call.hold())
        async for event in events:
            match event:
                case ParticipantJoined(call_control_id=who) if who != call.call_control_id:
                    await music.aclose()
                    await announce(call, who, "has joined.")
                case ParticipantLeft(call_control_id=who) if who != call.call_control_id:
                    await announce(call, who, "has left.")
                    if alone(conference):
                        await music.enter_async_context(call.hold())
                case ParticipantLeft():
                    return  # this caller was sent out
                case _:
                    pass


async def announce(call: Call, who: str, what: str) -> None:
    if who in guests:  # others may have been dialled in
        await call.play(guests[who].name)
    await call.say(what if who in guests else f"Somebody {what}")


def alone(conference: Conference) -> bool:
    return len(conference.participants) < 2


# ---- the page -----------------------------------------------------------------------------------


async def leads(bearer: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> None:
    if not secrets.compare_digest(bearer.credentials.encode(), ROOM_KEY.encode()):
        raise HTTPException(401, "this is not the key of the rooms")


async def going_on(room: str) -> Conference:
    conference = await app.conference(room)
    if conference is None:
        raise HTTPException(404, f"nobody is in the room {room!r}")
    return conference


Room = Annotated[Conference, Depends(going_on)]
rooms = APIRouter(prefix="/rooms/{room}", dependencies=[Depends(leads)])


@rooms.get("")
async def who_is_there(room: Room) -> list[dict[str, str | int | bool]]:
    return [
        {"number": guest.number, "from": guest.from_, "muted": each.muted, "on_hold": each.on_hold}
        for each in room.participants
        if (guest := guests.get(each.call_control_id))
    ]


@rooms.post("/{number}/{action}")
async def lead(
    room: Room, number: int, action: Literal["mute", "unmute", "hold", "unhold", "kick"]
) -> None:
    each = numbered(room, number)
    deeds = {"mute": each.mute, "unmute": each.unmute, "hold": each.hold, "unhold": each.unhold}
    await deeds.get(action, each.hang_up)()


@rooms.delete("")
async def end(room: Room) -> None:
    await room.end()


def numbered(room: Conference, number: int) -> Participant:
    for each in room.participants:
        guest = guests.get(each.call_control_id)
        if guest is not None and guest.number == number:
            return each
    raise HTTPException(404, f"number {number} is not in the room")


@asynccontextmanager
async def running(_: FastAPI) -> AsyncGenerator[None]:
    yield
    await app.close()


web = FastAPI(lifespan=running)
web.include_router(rooms)
web.mount("/", app)  # its webhooks and media streams


@web.exception_handler(CommandError)
async def refused(_: Request, error: CommandError) -> JSONResponse:
    """As when somebody has left before they could be muted."""
    return JSONResponse({"detail": str(error)}, 409)
