"""What the tests of whole calls share: callers, tones, and a bridge joined to a carrier."""

from collections.abc import Awaitable, Callable

import numpy as np

from bridge import App, Call
from bridge.carrier.config import CarrierConfig
from bridge.carrier.script import CallScript, Clip, HangUp, Play, Step, Wait
from bridge.testing import Pair, run
from telecodecs import Pcm

RATE = 8000
NUMBER = "+13125550100"

ANSWERED, STREAMING = Wait("answered"), Wait("streaming")


def tone(seconds: float, hertz: float = 440.0, rate: int = RATE) -> Pcm:
    time = np.arange(round(seconds * rate)) / rate
    return (8000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def says(pcm: Pcm, *, background: bool = False) -> Play:
    return Play(Clip(pcm, RATE), background)


def caller(*steps: Step, **script: str) -> CallScript:
    """A caller who waits for the stream first, and hangs up last."""
    return CallScript(to=NUMBER, steps=(ANSWERED, STREAMING, *steps, HangUp()), **script)  # type: ignore[arg-type]


def patient(*steps: Step) -> CallScript:
    """A caller who leaves it to the other side to hang up."""
    return CallScript(to=NUMBER, steps=(ANSWERED, STREAMING, *steps, Wait("hangup", within_s=120)))


def in_memory(
    bot: Callable[[Call], Awaitable[None]],
    test: Callable[[Pair], Awaitable[None]],
    config: CarrierConfig | None = None,
    **pair: object,
) -> None:
    """Run `test` in virtual time against an application with one bot; nothing may be left over."""
    app = App()
    app.call(bot)

    async def whole() -> None:
        joined = Pair(app, config, **pair)  # type: ignore[arg-type]
        await test(joined)
        await joined.quiet()
        assert not joined.app.service.calls.counts.bots_stuck
        await app.close()

    run(whole())


