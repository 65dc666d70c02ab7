"""A bot whose calls are led by TeXML: the platform asks /texml what to do with a call, and the
answer connects it to Conversation Relay. The bot itself is as for every other way to begin.

With the local carrier, in three terminals:

    callbridge carrier --texml-url http://127.0.0.1:8000/texml
    . out/carrier.env && callbridge serve examples/relay_texml.py
    callbridge call --script examples/relay_texml.json

With an account: a TeXML application whose voice URL is https://your.host/texml (POST) and whose
status callback is https://your.host/webhooks, and a number that belongs to it; then
`callbridge serve examples/relay_texml.py` with the settings that README names.
"""

from collections.abc import AsyncIterator

from callbridge import App, Call, Turn

app = App(voice="relay")


@app.reply(greeting="Hello. Tell me your name, please.")
async def greet(call: Call, turn: Turn) -> AsyncIterator[str]:
    yield "Nice to meet you. I heard: "
    yield f"{turn.text} "
    yield "Goodbye."
    await call.hangup()
