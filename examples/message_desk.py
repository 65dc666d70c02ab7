"""Takes a message, reads back what it understood, and lets the caller correct it by key.

callbridge serve examples/message_desk.py
"""

from bridge import App, Call, Turn

app = App()

PROMPT = "You have reached the message desk. Please leave your message now."
MENU = "Press five to hear it again, or the hash key to send it."


@app.call
async def message_desk(call: Call) -> None:
    await call.say(PROMPT)
    message = await call.listen(timeout=10)
    if not message:
        await call.say("I did not hear a message. Goodbye.")
        return
    key = await read_back(call, message)
    while key == "5":
        key = await read_back(call, message)
    call.log.info("message", extra={"text": message.text, "sent": key == "#"})
    await call.say("Your message was sent. Goodbye." if key == "#" else "Goodbye.")


async def read_back(call: Call, message: Turn) -> str:
    """Say the message and the menu; the key that was pressed, while it was said or after it."""
    said = await call.say(f"I understood: {message.text} {MENU}", stop_on="5#")
    if said.digit:
        return said.digit
    if said.stop == "interrupted":  # the caller spoke over it: hear him out, then ask again
        more = await call.listen(timeout=5)
        call.log.info("said over it", extra={"text": more.text, "heard": said.text})
        said = await call.say(MENU, stop_on="5#")
        if said.digit:
            return said.digit
    return (await call.gather(1, end_on="", timeout=6)).digits
