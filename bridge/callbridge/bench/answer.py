"""The bot that `callbridge bench --relay` measures: it answers each prompt with the tokens it asks
for, as a model would that takes no time to think."""

from collections.abc import AsyncIterator

from callbridge import App, Call, Turn
from callbridge.bench import relay_script

app = App(voice="relay")


@app.reply()
def answer(call: Call, turn: Turn) -> AsyncIterator[str]:
    return relay_script.answer(turn.text)
