"""A receptionist: asks who is calling and what about, and puts them through to whom that concerns.

That person first hears who it is and what they want, and takes the call by a key; meanwhile the
caller hears music. If the person declines, is busy or does not pick up, the receptionist is back
and takes a message. It is also back when the two have talked and the person has hung up, and asks
whether there is anything else.

    callbridge demo examples/receptionist.py --numbers examples/people.json

or in three terminals:

    callbridge carrier --numbers examples/people.json
    . out/carrier.env && callbridge serve examples/receptionist.py
    callbridge call --script examples/receptionist.json             # sales takes the call
    callbridge call --script examples/receptionist_message.json     # support declines

With an account, leave the carrier out, write the .env of README ("With a real account", including
CALLBRIDGE_CONNECTION_ID: people are called), and put your own people into DESKS.
"""

import re
from dataclasses import dataclass
from functools import partial

from callbridge import App, Call, RecordingOutcome

app = App()


@dataclass(frozen=True)
class Desk:
    """Whom a call can concern, and by which words that is known."""

    name: str
    number: str
    words: str


DESKS = (
    Desk("our sales team", "+13125550181", r"buy|buying|price|prices|order|quote|offer"),
    Desk("technical support", "+13125550182", r"broken|repair|fix|help|problem|work|working"),
    Desk("the office", "+13125550183", ""),  # everything else
)
RING_S = 20

GREETING = "Good day, this is Miller and Sons. Who is calling, please?"
ABOUT = "Thank you. What is it about?"
AGAIN = "I am sorry, I did not hear you."
ANYTHING = "You are with the reception again. Is there anything else?"
GOODBYE = "Thank you for calling. Goodbye."
WHY = {"declined": "cannot take your call now", "busy": "is on another call"}


@app.call
async def receptionist(call: Call) -> None:
    name = as_name(await ask(call, GREETING)) or "Somebody who gave no name"
    matter = await ask(call, ABOUT)
    while matter:
        desk = desk_for(matter)
        if not await put_through(call, desk, f"{name} is calling. They say: {matter}"):
            await take_message(call, desk, name)
            break
        matter = await ask(call, ANYTHING)
        if is_no(matter):
            break
    await call.say(GOODBYE)


async def put_through(call: Call, desk: Desk, summary: str) -> bool:
    """True when they have talked, and the caller is the receptionist's again."""
    await call.say(f"I will see whether {desk.name} is free. One moment, please.")
    handoff = await call.handoff(desk.number, whisper=summary, timeout=RING_S, stay=True)
    if handoff:
        await handoff.over()
        return True
    await call.say(f"I am sorry, {desk.name} {WHY.get(handoff.result, 'does not answer')}.")
    return False


async def take_message(call: Call, desk: Desk, name: str) -> None:
    await call.say(f"Please leave a message for {desk.name} after the tone.", interruptible=False)
    words: list[str] = []
    keep = partial(deliver, call, desk, name, words)  # also when they hang up in the middle
    async with call.record(channels="single", play_beep=True, on_saved=keep):
        while turn := await call.listen(timeout=3):  # s of silence end it
            words.append(turn.text)
    await call.say(f"I will give it to {desk.name}.")


async def deliver(
    call: Call, desk: Desk, name: str, words: list[str], recording: RecordingOutcome
) -> None:
    """Put here what your office reads: a mail, a ticket. The link is good for ten minutes."""
    call.log.info(
        "message",
        extra={
            "desk": desk.name,
            "caller": f"{name}, {call.from_}",
            "words": " ".join(words),
            "link": recording.urls.get("mp3", recording.cause),
        },
    )


async def ask(call: Call, question: str) -> str:
    """What they say, or nothing if they were asked twice."""
    for prompt in (question, f"{AGAIN} {question}"):
        await call.say(prompt)
        if turn := await call.listen(timeout=6):
            return turn.text
    return ""


def as_name(said: str) -> str:
    """Peter Brown, out of "Hello, my name is Peter Brown."."""
    opening = r"^(?:(?:hello|hi|good \w+|yes)\W+)*(?:this is|my name is|i am|i'm|it is|it's)\s+"
    return re.sub(opening, "", said, flags=re.IGNORECASE).strip(" .,")


def desk_for(matter: str) -> Desk:
    return next(desk for desk in DESKS if mentions(matter, desk.words))


def is_no(said: str) -> bool:
    return mentions(said, "no|nothing|goodbye|bye|that is all|that's all")


def mentions(said: str, words: str) -> bool:
    return re.search(rf"\b(?:{words})\b", said, re.IGNORECASE) is not None
