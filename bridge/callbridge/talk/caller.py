"""Who writes to a bot: at once at a terminal, or out of a script, which waits for the bot."""

import asyncio
from collections.abc import AsyncIterable, Callable

from callbridge.errors import CallbridgeError
from callbridge.talk.call import TextCall
from callbridge.talk.script import (
    HELP,
    AskHelp,
    Keys,
    Pause,
    Quit,
    UnclearLine,
    Words,
    WrittenLine,
    read,
)
from callbridge.voice.relay_mouth import spoken_s

LOOK_S = 0.02  # the carrier's own clock: nothing changes more often
SETTLED_S, SETTLED_FAST_S = 0.5, 0.1  # a bot that is silent for so long has finished
PATIENCE_S = 10.0


class WritingCaller:
    """`interim` says words one by one, each taking its time. `patience_s` is how long a script
    waits for an answer to begin before it goes on without."""

    def __init__(
        self,
        call: TextCall,
        *,
        interim: bool = False,
        patience_s: float = PATIENCE_S,
        fast: bool = False,
    ) -> None:
        self._call = call
        self._interim, self._fast = interim, fast
        self._patience_s = patience_s
        self._settled_s = SETTLED_FAST_S if fast else SETTLED_S
        self._answers: int | None = None  # that there were when something was asked

    async def converse(self, lines: AsyncIterable[str], hint: Callable[[str], None]) -> None:
        """Somebody at a terminal, until they want to hang up. `hint` tells them what went wrong."""
        await self._until_heard()
        async for line in lines:
            try:
                written = read(line)
            except UnclearLine as unclear:
                hint(str(unclear))
                continue
            match written:
                case Quit():
                    return
                case AskHelp():
                    hint(HELP)
                case Pause():
                    hint("Waits are for scripts.")
                case Words() | Keys():
                    await self._do(written)
                case None:
                    pass

    async def follow(self, lines: AsyncIterable[str]) -> None:
        """A script, until the bot has answered its last line. Raises CallbridgeError for a line
        that is unclear."""
        await self._until_heard()
        number = 0
        async for line in lines:
            number += 1
            try:
                written = read(line)
            except UnclearLine as unclear:
                raise CallbridgeError(f"line {number}: {unclear}") from None
            match written:
                case Quit():
                    break
                case Pause(seconds):
                    await asyncio.sleep(seconds)
                case Words() | Keys():
                    await self._turn_to(written)
                    await self._do(written)
                case AskHelp() | None:
                    pass
        await self._bot_has_finished()

    async def _do(self, written: WrittenLine) -> None:
        call = self._call
        match written:
            case Words(text):
                if self._interim:
                    await self._begin(text)
                call.write(text)
                if text and call.is_heard:
                    self._answers = call.answers
            case Keys(digits):
                call.press(digits)
            case _:
                raise AssertionError(f"{written} is nothing that a bot hears")

    async def _begin(self, text: str) -> None:
        """All of it but the last word, as it is being said."""
        words = text.split()
        for count in range(1, len(words)):
            self._call.write(" ".join(words[:count]), last=False)
            await asyncio.sleep(0.0 if self._fast else spoken_s(words[count - 1] + " "))

    # ---- waiting for the bot ------------------------------------------------------------------

    async def _turn_to(self, written: WrittenLine) -> None:
        if isinstance(written, Words) and written.after_s is not None and not self._fast:
            await self._bot_has_spoken(written.after_s)
        else:
            await self._bot_has_finished()

    async def _until_heard(self) -> None:
        while not self._call.is_heard:  # noqa: ASYNC110  looks as often as the carrier's clock ticks
            await asyncio.sleep(LOOK_S)

    async def _bot_has_finished(self) -> None:
        if self._answers is not None:
            await self._until(self._answered)
        call, quiet_since = self._call, self._call.now()
        while call.now() < quiet_since + self._settled_s:
            await asyncio.sleep(LOOK_S)
            if not call.quiet:
                quiet_since = call.now()
        self._answers = None

    async def _bot_has_spoken(self, seconds: float) -> None:
        """So long, or to the end of what it says."""
        call = self._call
        await self._until(lambda: call.sounding or (self._answered() and call.quiet))
        began = call.now()
        while not call.quiet and call.now() < began + seconds:  # noqa: ASYNC110  as above
            await asyncio.sleep(LOOK_S)

    def _answered(self) -> bool:
        """What was said last is answered, or nobody is there who would."""
        answered = self._answers is not None and self._call.answers > self._answers
        return answered or not self._call.is_heard

    async def _until(self, enough: Callable[[], bool]) -> None:
        """Or until patience ends."""
        patient_until = self._call.now() + self._patience_s
        while not enough() and self._call.now() < patient_until:  # noqa: ASYNC110  as above
            await asyncio.sleep(LOOK_S)
