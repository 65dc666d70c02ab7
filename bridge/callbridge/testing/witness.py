"""Who sees what the bridge puts on its tapes: the words for the report, the crashes for the test.

A bot that crashes leaves a call that looks like any other: an apology is heard, and a hang-up
follows. So a crash is raised in the test, as the exception that it was."""

import traceback
from typing import cast

from callbridge.tape.events import (
    BotCrashed,
    BotStuck,
    CallBroke,
    CallEvent,
    CallOver,
    DecisionCrashed,
    ReplyFailed,
    ReplyStuck,
)
from callbridge.tape.tape import CallIds

Crash = type[Exception] | tuple[type[Exception], ...]


class LeftBehind(RuntimeError):
    """A bot, or a reply of it, does not end though it was cancelled."""


class Witness:
    """Of all calls of one application; a reader of their tapes."""

    def __init__(self, expected: Crash | None) -> None:
        self._expected = expected or ()
        self._tapes: dict[str, tuple[CallIds, list[tuple[float, CallEvent]]]] = {}
        self._crashes: dict[str, list[Exception]] = {}  # expected ones, by the call's reference
        self._unexpected: list[Exception] = []
        self._met = not expected

    def on_event(
        self, ids: CallIds, at: float, event: CallEvent, error: BaseException | None
    ) -> None:
        _, events = self._tapes.setdefault(ids.reference, (ids, []))
        events.append((at, event))
        if isinstance(event, CallOver) and not ids.call_control_id:
            del self._tapes[ids.reference]  # a dial that was refused: nobody can ask for it
        crash = _crash(event, error)
        if crash is not None:
            crash.add_note(f"raised in call {ids.reference} to the test's application")
            self.on_crash(crash, ids.reference)

    def expects(self, crash: Exception) -> bool:
        return isinstance(crash, self._expected)

    def on_crash(self, crash: Exception, reference: str = "") -> None:
        """`reference` is empty for a task that belongs to no call."""
        if self.expects(crash):
            self._met = True
            self._crashes.setdefault(reference, []).append(crash)
        elif crash not in self._unexpected:
            self._unexpected.append(crash)

    def seen(
        self, call_control_id: str
    ) -> tuple[list[tuple[float, CallEvent]], tuple[Exception, ...]]:
        """The tape of a call, and its expected crashes."""
        for reference, (ids, events) in self._tapes.items():
            if ids.call_control_id == call_control_id:
                return events, tuple(self._crashes.get(reference, ()))
        return [], ()

    def forget(self, call_control_id: str) -> None:
        for reference, (ids, _) in list(self._tapes.items()):
            if ids.call_control_id == call_control_id:
                del self._tapes[reference]
                self._crashes.pop(reference, None)

    def raise_crashes(self) -> None:
        """Raise what crashed and was not raised yet: the exception itself, several as a group."""
        crashes, self._unexpected = self._unexpected, []
        if len(crashes) > 1:
            raise ExceptionGroup(f"{len(crashes)} crashes in the calls of this test", crashes)
        if crashes:
            raise crashes[0]

    def note_crashes(self, failure: BaseException) -> None:
        """Add what crashed and was not raised yet to a failure that is told in its place."""
        crashes, self._unexpected = self._unexpected, []
        for crash in crashes:
            failure.add_note("before that: " + "".join(traceback.format_exception(crash)).rstrip())

    def raise_if_unmet(self) -> None:
        """A test that expects a crash has had one. Raises AssertionError."""
        if not self._met:
            kinds = self._expected if isinstance(self._expected, tuple) else (self._expected,)
            names = " or ".join(kind.__name__ for kind in kinds)
            raise AssertionError(f"the test expects a crash by {names}, and there was none")


def _crash(event: CallEvent, error: BaseException | None) -> Exception | None:
    match event:
        case BotCrashed() | DecisionCrashed() | ReplyFailed() | CallBroke():
            return _unwrapped(error) if isinstance(error, Exception) else RuntimeError(event.error)
        case BotStuck(at=at):
            return LeftBehind(f"the bot does not end though it was cancelled; it waits at {at}")
        case ReplyStuck(what=what):
            return LeftBehind(f"{what} does not end though it was cancelled")
        case _:
            return None


def _unwrapped(error: Exception) -> Exception:
    """What a group of one has wrapped: a task's own exception."""
    inside = cast("tuple[Exception, ...]", getattr(error, "exceptions", ()))
    return _unwrapped(inside[0]) if len(inside) == 1 else error
