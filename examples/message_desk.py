"""Takes a message and reads back what it understood, until the caller says that it is right.

callbridge serve examples/message_desk.py
"""

import asyncio

from callbridge import App, Call

app = App()

GREETING = "You have reached the message desk. Please leave your message now."
MENU = "Press five to hear it again, or the hash key to send it."
KEYS = "5#"


@app.call
async def message_desk(call: Call) -> None:
    await call.say(GREETING)
    message = (await call.listen(timeout=10)).text
    if not message:
        await call.say("I did not hear a message. Goodbye.")
        return
    key = "5"
    while key == "5":
        said = await call.say(f"I understood: {message} {MENU}", stop_on=KEYS)
        while said.stop == "interrupted":  # the caller speaks over it: that is part of the message
            message = f"{message} {(await call.listen(timeout=5)).text}"
            said = await call.say(MENU, stop_on=KEYS)
        key = said.digit or (await call.gather(1, end_on="", timeout=6)).digits
        await asyncio.sleep(0.3)  # a breath, as people take one
    call.log.info("message", extra={"words": len(message.split()), "sent": key == "#"})
    await call.say("Your message was sent. Goodbye." if key == "#" else "Goodbye.")
