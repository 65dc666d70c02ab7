"""A telephone menu out of a JSON file: by keys or by what the caller says, with menus in menus.

With the local carrier, in three terminals; the last two callers meet in the queue:

    callbridge carrier --numbers examples/ivr/people.json
    . out/carrier.env && callbridge serve examples/ivr/ivr.py
    callbridge call --script examples/ivr/ivr.json
    callbridge call --script examples/ivr/queue.json &
    callbridge call --script examples/ivr/agent.json

With an account: a menu with your own numbers in it, whose path is IVR_MENU; and, as README says,
TELNYX_API_KEY, TELNYX_PUBLIC_KEY, CALLBRIDGE_PUBLIC_URL and (to hand off) CALLBRIDGE_CONNECTION_ID.
What a menu may have is in menu.py; a mistake is told at the start, with its place in the file.
Messages are kept in IVR_VOICEMAIL, voicemail/ unless it is given.
"""

import asyncio
import logging
import os
from collections import Counter
from contextlib import suppress
from functools import partial
from pathlib import Path

from menu import Choice, Enqueue, Handoff, Menu, Miss, Simple, Transfer, Voicemail, load

from callbridge import App, Call, RecordingOutcome

VOICEMAIL = Path(os.environ.get("IVR_VOICEMAIL", "voicemail"))
PHONE = load(Path(os.environ.get("IVR_MENU") or Path(__file__).with_name("menu.json")))

log = logging.getLogger("ivr")
app = App()


@app.call
async def answer(call: Call) -> None:
    path = [PHONE.menu]  # from the first menu down to the one that is heard
    while True:
        option = await choice(call, path[-1])
        if option.say:
            await call.say(option.say)
        match option:
            case Menu():
                path.append(option)
            case Simple(action="hang up"):
                return
            case Simple(action="back"):
                path = path[:-1] or path
            case Simple():
                pass
            case Voicemail():
                await take_message(call, option)
                return
            case Transfer() | Handoff() | Enqueue():
                if await connected(call, option):
                    return  # a person has the call now
                await call.say(PHONE.unavailable)
        if option is PHONE.give_up:
            return


async def choice(call: Call, menu: Menu) -> Choice:
    """What the caller chooses, or what comes of it when they do not."""
    listens = any(option.words for option in menu.options.values())
    missed = Counter[Miss]()
    while True:
        said = await call.gather(
            1, end_on="", prompt=menu.prompt, timeout=PHONE.timeout, speech=listens
        )
        option = menu.options.get(said.digits) or menu.said(said.text)
        if option is not None:
            return option
        miss = PHONE.invalid if said else PHONE.no_input
        missed[miss] += 1
        if missed[miss] > miss.limit:
            return PHONE.give_up
        await call.say(miss.say)


async def connected(call: Call, option: Transfer | Handoff | Enqueue) -> bool:
    match option:
        case Transfer():
            return bool(await call.transfer(option.to, timeout=option.timeout))
        case Handoff():
            whisper = f"{option.whisper} from {call.from_}"
            return bool(await call.handoff(option.to, whisper=whisper, timeout=option.timeout))
        case Enqueue():
            async with call.hold():
                return bool(await call.enqueue(option.queue, max_wait=option.max_wait))


async def take_message(call: Call, voicemail: Voicemail) -> None:
    """Until a key, a silence, or the end of the call; hanging up is a way to end a message."""
    keep = partial(keep_message, call.from_)
    async with call.record(format="wav", channels="single", play_beep=True, on_saved=keep):
        with suppress(TimeoutError):
            async with asyncio.timeout(voicemail.max_s):
                while (await call.gather(1, end_on="", timeout=5, speech=True)).stop == "speech":
                    pass  # and listen on
    await call.say("Thank you. Goodbye.")


async def keep_message(caller: str, recording: RecordingOutcome) -> None:
    """The platform's link is good for ten minutes: the file is fetched at once."""
    if not recording:
        log.error("no message of %s: %s", caller, recording.cause)
        return
    sound = await app.fetch(recording.urls["wav"])
    VOICEMAIL.mkdir(exist_ok=True)  # noqa: ASYNC240  it takes no time
    file = VOICEMAIL / f"{recording.id}.wav"  # a caller may send anything as their number
    await asyncio.to_thread(file.write_bytes, sound)
    log.info("a message of %s: %s", caller, file)


async def agent(queue: str, call: Call) -> None:
    """Waits with music until there is a caller, or the agent hangs up."""
    async with call.hold():
        while not await call.take(queue):  # noqa: ASYNC110  nothing tells of a caller who comes
            await asyncio.sleep(2)


for number, queue in PHONE.agents.items():
    app.call(number)(partial(agent, queue))
