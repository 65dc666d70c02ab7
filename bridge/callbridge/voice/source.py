"""The source of a text: a bot's code, run beside the call that says it.

What a source asks of the call between two pieces of its text (a hang-up, a transfer, a question)
waits until the pieces before it were heard: `saying_now().caught_up()`."""

import asyncio
import traceback
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
)
from contextvars import ContextVar
from typing import Any, Protocol, Self, cast

from callbridge.tape.codeline import code_line
from callbridge.tape.events import ReplyFailed, ReplyStuck
from callbridge.tape.tape import Tape

STUCK_S = 1.0  # for a task of the bot's to end after it was cancelled


class TextBeingSaid(Protocol):
    cut: "asyncio.Future[None]"

    async def caught_up(self, *, heard: bool = True) -> None:
        """Wait until all that its source has yielded is on its way, and with `heard` also heard.

        Returns early if it was cut: then the source is about to be cancelled."""
        ...


_saying: "ContextVar[TextBeingSaid | None]" = ContextVar("callbridge_saying", default=None)


def saying_now() -> TextBeingSaid | None:
    """The text whose source is running here, if it is one."""
    saying = _saying.get()
    return saying if saying is not None and not saying.cut.done() else None


def source_of(saying: TextBeingSaid) -> None:
    """The running task is the source of this text, and so is what it starts."""
    _saying.set(saying)


def require_text(text: object) -> None:
    if not isinstance(text, str | AsyncIterable):
        raise TypeError(f"what is said is text, or yields it: not {type(text).__name__}")


class Pieces:
    """The pieces of a text, in an `async with`: a generator is closed with it, and so is what it
    reads from. Raises TypeError for a piece that is no text.

    A source that never waits must not stop the others: after a piece that came at once they have
    their turn. Most pieces are waited for, and need no other turn of the loop; to see which it was,
    the steps of each are taken here, by what `async for` awaits: this itself."""

    __slots__ = ("_at_once", "_iterator", "_steps")

    def __init__(self, text: str | AsyncIterable[str]) -> None:
        self._iterator: AsyncIterator[str] = aiter(_whole(text) if isinstance(text, str) else text)
        self._steps: Any = None  # of the piece that is awaited
        self._at_once = False  # it came, or so far would come, without waiting

    async def __aenter__(self) -> AsyncIterator[str]:
        return cast("AsyncIterator[str]", self)

    async def __aexit__(self, *_: object) -> None:
        iterator = self._iterator
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Self:
        return self

    def __await__(self) -> Self:
        return self

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        if self._steps is None:
            if self._at_once:
                self._at_once = False
                return None  # to the loop, as asyncio.sleep(0) does
            self._steps, self._at_once = anext(self._iterator).__await__(), True
        try:
            step = next(self._steps)
        except StopIteration as end:
            raise self._came(end) from None
        self._at_once = False
        return step

    def throw(self, *error: Any) -> Any:
        """A cancellation, into what is awaited."""
        if self._steps is None:
            raise error[0]
        try:
            return self._steps.throw(*error)
        except StopIteration as end:  # it took no notice
            raise self._came(end) from None

    def _came(self, end: StopIteration) -> StopIteration | TypeError:
        self._steps = None
        if isinstance(end.value, str):
            if type(end.value) is not str:  # LangChain's are, and only a plain one can be encoded
                end.value = str.__str__(end.value)
            return end
        return TypeError(f"a bot yields text, not {type(end.value).__name__}")


async def _whole(text: str) -> AsyncIterator[str]:
    yield text


def failure_of(task: "asyncio.Task[None]") -> BaseException | None:
    """What a task has raised, if it has."""
    return task.exception() if task.done() and not task.cancelled() else None


class Dismissal:
    """Cancels tasks that run a bot's code. One that does not end is left behind, and counted."""

    __slots__ = ("_stuck", "_tape")

    def __init__(self, tape: Tape, stuck: Callable[[], None]) -> None:
        self._tape = tape
        self._stuck = stuck

    async def __call__(self, *tasks: "asyncio.Task[None]", within: float = STUCK_S) -> None:
        running = [task for task in tasks if not task.done()]
        if not running:
            return
        for task in running:
            task.cancel()
            task.add_done_callback(self._note_failure)
            self._watch(task, within)
        await asyncio.wait(running, timeout=within)

    def _watch(self, task: "asyncio.Task[None]", within: float) -> None:
        """By a timer: who waits for the task may be cancelled, by the end of the call."""
        timer = asyncio.get_running_loop().call_later(within, self._note_stuck, task)
        task.add_done_callback(lambda _: timer.cancel())

    def _note_stuck(self, task: "asyncio.Task[None]") -> None:
        if not task.done():
            self._stuck()
            self._tape.write(ReplyStuck(what=task.get_name()))

    def _note_failure(self, task: "asyncio.Task[None]") -> None:
        if error := failure_of(task):
            self._tape.write(
                ReplyFailed(
                    error=f"{type(error).__name__}: {error}",
                    traceback="".join(traceback.format_exception(error)),
                    **code_line(error)._asdict(),
                ),
                error,
            )
