"""Says back what the caller says: the smallest bot, on frames.

callbridge serve examples/echo.py
"""

from callbridge import App, Call

app = App()


@app.call
async def echo(call: Call) -> None:
    async for pcm in call.audio():  # (160,) int16: 20 ms at 8 kHz
        await call.write(pcm)
