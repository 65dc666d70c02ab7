"""Says back what the caller says, and takes a code from the keys of their telephone.

callbridge serve mybot.py
"""

from collections.abc import AsyncIterator

from callbridge import App, Call, Turn

app = App()


@app.reply(greeting="Hello. Say something, or say that you would like to enter a code.")
async def answer(call: Call, turn: Turn) -> AsyncIterator[str]:
    """`turn.text` is what the caller said; what is yielded is said to them, as it comes."""
    if "code" not in turn.text.lower():
        yield f"You said: {turn.text}"
        return
    entry = await call.gather(4, prompt="Please enter four digits.")
    yield f"You entered {', '.join(entry.digits)}." if entry.digits else "You entered nothing."
