"""Find me, follow me: one number, and whichever of your telephones you are at.

A caller says who they are and hears music while your telephones ring: one after the other, or all
at once with FIND_ME_AT_ONCE=1. You hear who it is, and press 1 to take the call or 2 to decline.
When nobody takes it they leave a message, and you are told where to hear it.

    callbridge demo examples/find_me.py --numbers examples/people.json

or in three terminals:

    callbridge carrier --numbers examples/people.json
    . out/carrier.env && callbridge serve examples/find_me.py
    callbridge call --script examples/find_me.json

With an account, leave the carrier out, write the .env of README ("With a real account", including
CALLBRIDGE_CONNECTION_ID), and start it with your own telephones:

    export FIND_ME=+13125550188,+13125550187                # in the order in which they ring
    export FIND_ME_NOTIFY=https://hooks.example.com/voicemail    # gets a POST; without, see the log
    callbridge serve examples/find_me.py
"""

import os
from functools import partial

import httpx

from callbridge import App, Call, RecordingOutcome

app = App()

PHONES = os.environ.get("FIND_ME", "+13125550188,+13125550187").split(",")
AT_ONCE = os.environ.get("FIND_ME_AT_ONCE") == "1"
NOTIFY = os.environ.get("FIND_ME_NOTIFY")
RING_S = 15  # shorter than it takes until the telephone's own voicemail answers

GREETING = "Hello. Please say your name, and I will try to find them."
TRYING = "Thank you. One moment, please."
SORRY = "I could not reach them. Please leave a message after the tone."
THANKS = "Thank you. Your message was saved. Goodbye."


@app.call
async def find_me(call: Call) -> None:
    await call.say(GREETING)
    said = (await call.listen(timeout=6)).text.strip(" .,")
    name = said or f"somebody at {spelled(call.from_)}"
    await call.say(TRYING)
    if not await find(call, name):
        await take_message(call, name)


async def find(call: Call, name: str) -> bool:
    """True when somebody has the call, which is no longer the bot's then."""
    for phones in [PHONES] if AT_ONCE else [[phone] for phone in PHONES]:
        handoff = await call.handoff(
            phones,
            whisper=f"A call from {name}.",
            ask="Press 1 to take it, or 2 to decline.",
            timeout=RING_S,
        )
        if handoff:
            return True
        if handoff.result == "declined":
            return False  # they know of the call: no need to ring them on the next one
    return False


async def take_message(call: Call, name: str) -> None:
    await call.say(SORRY, interruptible=False)
    words: list[str] = []
    tell = partial(notify, call, name, words)  # also of a message that ends by hanging up
    async with call.record(channels="single", play_beep=True, on_saved=tell):
        while turn := await call.listen(timeout=3):  # s of silence end it
            words.append(turn.text)
    await call.say(THANKS)


async def notify(call: Call, name: str, words: list[str], recording: RecordingOutcome) -> None:
    """The link is good for ten minutes; with its id the platform gives a new one."""
    message = {
        "caller": f"{name}, {call.from_}",
        "words": " ".join(words),
        "link": recording.urls.get("mp3", recording.cause),
        "recording_id": recording.id,
    }
    call.log.info("voicemail", extra=message)
    if NOTIFY:
        async with httpx.AsyncClient() as http:
            (await http.post(NOTIFY, json=message)).raise_for_status()


def spelled(number: str) -> str:
    return " ".join(number.removeprefix("+"))
