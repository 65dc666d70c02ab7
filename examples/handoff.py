"""Asks what a call is about, and puts it through to somebody who is told so first.

callbridge demo handoff
"""

from callbridge import App, Call

app = App()

SALLY = "+13125550181"


@app.call
async def reception(call: Call) -> None:
    await call.say("Miller and Sons, good day. What can I do for you?")
    matter = (await call.listen(timeout=10)).text
    await call.say("I will put you through to Sally. One moment, please.")
    if not await call.handoff(SALLY, whisper=f"A caller for you: {matter}"):
        await call.say("I am sorry, Sally cannot take your call now. Goodbye.")
