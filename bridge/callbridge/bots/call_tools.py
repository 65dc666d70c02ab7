"""What a model may do with the call itself, as tools.

Whom it may connect a caller with is said by who writes the bot: a model that may dial any number
dials the one that a caller talks it into. Speech cancels all of these: what was asked of the
platform already goes on by itself, and a hang-up waits for the goodbye before it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import Field

from callbridge.bots.tools import Tool, ToolError, tool
from callbridge.calls.call import Call
from callbridge.errors import CallEnded, CallError, CallReleased, CommandError, VoiceCannot
from callbridge.outcomes import Transferred

LONG_S = 300.0  # a person is rung, or a long text is heard before it begins
MOST_KEYS = 32

_recorders: "dict[Call, _Recorder]" = {}  # those that run


@tool(cancellable=True, says="", timeout_s=LONG_S)
async def end_call(call: Call) -> None:
    """Hang up. Say goodbye before, in the same answer: it is heard to its end."""
    await call.hangup()
    raise CallEnded("the bot has hung up")


@tool(cancellable=True, says="", timeout_s=LONG_S)
async def send_digits(
    call: Call,
    digits: Annotated[str, Field(pattern="^[0-9A-D*#wW]{1,64}$")],
) -> None:
    """Press keys towards the other side, as for a menu that answers: 0-9 A-D * #; w waits half a
    second, W a second."""
    await call.send_digits(digits)


@tool(cancellable=True, says="", timeout_s=LONG_S)
async def gather(call: Call, digits: Annotated[int, Field(ge=1, le=MOST_KEYS)]) -> dict[str, str]:
    """Wait until the caller has pressed so many keys, or the # key. Ask for them before, in the
    same answer. Whoever says something instead ends it, too: that is the `said` of the result."""
    gathered = await call.gather(digits, speech=True)
    if not gathered:
        return {"digits": gathered.digits, "note": "nothing more came"}
    return {"said": gathered.text} if gathered.stop == "speech" else {"digits": gathered.digits}


@tool(cancellable=True, says="")
async def record(call: Call, on: bool) -> str:
    """Begin (true) or end (false) to record this call. Ask the caller first whether they agree."""
    running = _recorders.get(call)
    if not on:
        if running is None:
            return "There is no recording to end."
        await running.stop()
        return "The recording has ended."
    if running is not None:
        return "It is being recorded already."
    _recorders[call] = recorder = _Recorder(call)
    await recorder.begun()
    return "It is being recorded."


def transfer(people: Mapping[str, str], *, timeout: float = 30.0) -> Tool:
    """Connect the caller with one of `people`, numbers or SIP addresses by the names that the model
    knows them by; each rings for `timeout` seconds."""

    async def transfer(call: Call, to: str) -> str:
        """Connect the caller with somebody. Say before, in the same answer, that you do. Once it
        was answered the call is theirs."""
        return _connected(to, await call.transfer(people[to], timeout=timeout))

    return _one_of(transfer, "to", tuple(people))


def handoff(people: Mapping[str, str], *, timeout: float = 30.0) -> Tool:
    """The same with a summary for who picks up, who is asked whether they take the call."""

    async def handoff(call: Call, to: str, summary: str) -> str:
        """Hand the caller to a person. Say before, in the same answer, that you do. `summary` is
        read to the person: a sentence about who calls and what they want."""
        result = await call.handoff(people[to], whisper=summary, timeout=timeout)
        return _connected(to, result)

    return _one_of(handoff, "to", tuple(people))


def switch_language(codes: Sequence[str]) -> Tool:
    """Of `codes`: "de", "pt-BR"."""

    async def switch_language(call: Call, language: str) -> None:
        """Speak and understand another language from now on, and answer in it."""
        try:
            await call.language(language)
        except VoiceCannot as error:
            raise ToolError(str(error)) from None

    return _one_of(switch_language, "language", tuple(codes))


def _one_of(function: Any, parameter: str, values: tuple[str, ...]) -> Tool:
    """A tool whose parameter is one of the values, and a call tool besides."""
    if not values:
        raise ValueError(f"{function.__name__}: there is nobody, or nothing, to choose from")
    function.__annotations__[parameter] = cast("Any", Literal)[values]
    made = tool(cancellable=True, says="", timeout_s=LONG_S)(function)
    return Tool.of(made)


def _connected(to: str, outcome: Transferred) -> str:
    """Raises CallReleased when the call is theirs."""
    if outcome.answered:
        raise CallReleased(f"the call was handed to {to}")
    return f"The caller is still with you: {to}: {outcome.result}. {outcome.cause}".strip()


class _Recorder:
    """A recording that ends with the call, unless the model ends it before."""

    def __init__(self, call: Call) -> None:
        loop = asyncio.get_running_loop()
        self._call = call
        self._begun: asyncio.Future[None] = loop.create_future()
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="recording for a model")
        self._task.add_done_callback(lambda _: _recorders.pop(call, None))

    async def begun(self) -> None:
        """Raises ToolError, CallError."""
        await asyncio.shield(self._begun)

    async def stop(self) -> None:
        self._stopping.set()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            async with self._call.record():
                self._begun.set_result(None)
                over = asyncio.ensure_future(self._call.over())
                stopping = asyncio.ensure_future(self._stopping.wait())
                try:
                    await asyncio.wait({over, stopping}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    over.cancel()
                    stopping.cancel()
        except (CallError, CommandError) as error:
            if self._begun.done():
                self._call.log.warning("the recording was not ended: %s", error)
            elif isinstance(error, CallError):
                self._begun.set_exception(error)
            else:
                self._begun.set_exception(ToolError(str(error)))
