"""A call centre: a queue with music, agents who are rung at once, voicemail, and a supervisor.

Callers wait in a line and are told their place. For the first of them the telephones of all free
agents ring, and whoever presses 1 first has the caller. After two rounds in vain the caller leaves
a message. A supervisor rings a number of their own, chooses an agent, and listens (1), whispers to
the agent (2) or talks to both (3).

    callbridge carrier --numbers examples/people.json
    . out/carrier.env && callbridge serve examples/call_center/call_center.py
    callbridge call --script examples/call_center/caller.json
    callbridge call --script examples/call_center/supervisor.json    # while they talk

With an account, leave the carrier out, write the .env of README ("With a real account", including
CALLBRIDGE_CONNECTION_ID), put your people into agents.json, and give the application two numbers:

    export SUPERVISOR_NUMBER=+13125550101 SUPERVISOR_PIN=...
    callbridge serve examples/call_center/call_center.py
"""

import asyncio
import json
import os
from contextlib import suppress
from functools import partial
from pathlib import Path

from callbridge import App, Call, CallEnded, CommandRefused, Handoff, RecordingOutcome

app = App()

AGENTS: dict[str, str] = json.loads(Path(__file__).with_name("agents.json").read_text())
SUPERVISOR_NUMBER = os.environ.get("SUPERVISOR_NUMBER", "+13125550101")
PIN = os.environ.get("SUPERVISOR_PIN", "2468")

waiting: list[Call] = []  # the first in front
talking: dict[str, Handoff] = {}  # by the number of the agent

ROUNDS, RING_S, PAUSE_S = 2, 15, 3
TELL_EVERY_S = 20
LONGEST_WAIT_S = 600

WELCOME = "Welcome. Your call may be listened to, to make us better."
SORRY = "All of us are busy. Please leave a message after the tone, and we will call you back."


# ---- callers ------------------------------------------------------------------------------------


@app.call
async def customer(call: Call) -> None:
    await call.say(WELCOME, interruptible=False)
    waiting.append(call)
    try:
        number = await find_agent(call)
    finally:
        waiting.remove(call)
    if not number:
        await take_message(call)
        return
    try:
        await talking[number].over()
    finally:
        del talking[number]
    await call.say("Thank you for calling. Goodbye.")


async def find_agent(call: Call) -> str:
    """The number of the agent who talks to them now; empty when nobody does."""
    waits = asyncio.create_task(entertain(call))
    try:
        for _ in range(ROUNDS):
            async with asyncio.timeout(LONGEST_WAIT_S):
                free = await turn(call)
            about = f"A caller, the first of {len(waiting)}."
            handoff = await call.handoff(
                free, whisper=about, timeout=RING_S, talk_on=True, stay=True
            )
            if handoff:
                talking[handoff.to] = handoff
                return handoff.to
            await asyncio.sleep(PAUSE_S)
    except TimeoutError:
        pass
    finally:
        waits.cancel()
    return ""


async def turn(call: Call) -> list[str]:
    """The telephones of those who are free, when it is this caller's turn."""
    while waiting[0] is not call or len(talking) == len(AGENTS):  # noqa: ASYNC110  soon enough
        await asyncio.sleep(0.5)
    return [number for number in AGENTS if number not in talking]


async def entertain(call: Call) -> None:
    """Their place, and music, and their place: also while telephones ring, so `talk_on`."""
    with suppress(CallEnded):
        while True:
            place = waiting.index(call) + 1
            await call.say(f"You are number {place} in the line.", interruptible=False)
            async with call.hold():
                await asyncio.sleep(TELL_EVERY_S)


async def take_message(call: Call) -> None:
    await call.say(SORRY, interruptible=False)
    words: list[str] = []
    keep = partial(deliver, call, words)  # also when they hang up in the middle
    async with call.record(channels="single", play_beep=True, on_saved=keep):
        while said := await call.listen(timeout=3):  # s of silence end it
            words.append(said.text)
    await call.say("Thank you. Goodbye.")


async def deliver(call: Call, words: list[str], recording: RecordingOutcome) -> None:
    link = recording.urls.get("mp3", recording.cause)
    text = " ".join(words)
    call.log.info("voicemail", extra={"caller": call.from_, "words": text, "link": link})


# ---- the supervisor -----------------------------------------------------------------------------


@app.call(SUPERVISOR_NUMBER)
async def supervisor(call: Call) -> None:
    async with call.secure():
        pin = await call.gather(len(PIN), prompt="Your PIN, please.")
    if pin.digits != PIN:
        await call.say("That is not right. Goodbye.")
        return
    while talking:
        choice = dict(zip("123456789", talking, strict=False))
        prompt = " ".join(f"Press {key} for {AGENTS[number]}." for key, number in choice.items())
        key = (await call.gather(1, end_on="", prompt=prompt)).digits
        if talk := talking.get(choice.get(key, "")):
            await supervise(call, talk)
    await call.say("Nobody is talking now. Goodbye.")


async def supervise(call: Call, talk: Handoff) -> None:
    """Until they have stopped talking, or a star is pressed."""
    conference, agent = talk.conference, talk.agent
    if conference is None or agent is None:
        return
    await call.say("1 to listen, 2 to whisper to the agent, 3 to talk to both, star to leave.")
    with suppress(CommandRefused):  # they have hung up just now
        me = await conference.join(call.call_control_id, role="monitor")
        while conference.has(agent.call_control_id):
            match (await call.gather(1, end_on="", timeout=1)).digits:
                case "1":
                    await me.supervise("monitor")
                case "2":
                    await me.supervise("whisper", [agent.call_control_id])
                case "3":
                    await me.supervise("barge")
                case "*":
                    break
                case _:
                    pass
        await me.leave()
