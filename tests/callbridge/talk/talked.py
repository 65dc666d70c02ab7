"""Conversations of `callbridge talk` in virtual time: lines go in, events come out."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TypeVar

from callbridge import App
from callbridge.talk.conversation import Conversing, TalkWish
from callbridge.talk.events import AnswerSent, TalkEvent
from callbridge.tape.events import Said
from callbridge.testing import VirtualClock, run
from callbridge.testing.callers import NUMBER

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Talked:
    """What was told, each with the seconds since the call began, and the exit code. `hints` are for
    somebody at a terminal."""

    told: list[tuple[float, TalkEvent]]
    errors: list[BaseException]
    hints: list[str]
    code: int

    def all(self, kind: type[E]) -> list[E]:
        return [event for _, event in self.told if isinstance(event, kind)]

    def times(self, kind: type[E]) -> list[float]:
        return [at_s for at_s, event in self.told if isinstance(event, kind)]

    @property
    def answers(self) -> list[str]:
        """The texts of the bot, as it sent them."""
        return [answer.text for answer in self.all(AnswerSent)]

    @property
    def heard(self) -> list[str]:
        """What was heard of them."""
        return [said.heard.strip() for said in self.all(Said)]


def talked(app: App, *lines: str, live: bool = False, **wish: object) -> Talked:
    """A whole conversation; `live` is somebody at a terminal, who does not wait for the bot."""
    return run(_talked(app, lines, TalkWish(bot="bot.py", **wish), live=live))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def _talked(app: App, lines: tuple[str, ...], wish: TalkWish, *, live: bool) -> Talked:
    told: list[tuple[float, TalkEvent]] = []
    errors: list[BaseException] = []
    hints: list[str] = []

    def tell(at_s: float, event: TalkEvent, error: BaseException | None) -> None:
        told.append((at_s, event))
        errors.extend([error] if error is not None else [])

    conversing = Conversing(app, wish, tell, clock=VirtualClock())
    caller, written = conversing.caller, _written(lines)
    writing = caller.converse(written, hints.append) if live else caller.follow(written)
    code = await conversing.run(wish.to or NUMBER, writing)
    return Talked(told, errors, hints, code)


async def _written(lines: tuple[str, ...]) -> AsyncIterator[str]:
    for line in lines:
        yield line
