"""The log as a reader of the tape: a line for each event, with the call's ids."""

import logging
from functools import cache

import msgspec

from callbridge.tape.events import BotLog, CallEvent, Happening
from callbridge.tape.tape import CallIds


class LogLines:
    """Writes to a logger; what the logger would not show costs one comparison."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def on_event(
        self, ids: CallIds, at: float, event: CallEvent, error: BaseException | None
    ) -> None:
        if isinstance(event, BotLog) or not self._logger.isEnabledFor(event.level):
            return  # a bot's own line is in the log already
        extra: dict[str, object] = {"call": ids.reference, "call_control_id": ids.call_control_id}
        for name, shown, default in _fields(type(event)):
            value = getattr(event, name)
            if value != default:
                extra[shown] = value
        raised = None if error is None else (type(error), error, error.__traceback__)
        # Not by `log`: that looks for the line of code it is called from, which is always this one.
        self._logger.handle(
            self._logger.makeRecord(
                self._logger.name, event.level, __file__, 0, event.words, (), raised, extra=extra
            )
        )


@cache
def _fields(kind: type[Happening]) -> tuple[tuple[str, str, object], ...]:
    """(name, name in the log, default) of what a line shows. To ask msgspec takes 30 us."""
    return tuple(
        (field.name, field.encode_name, field.default)
        for field in msgspec.structs.fields(kind)
        if field.name != "traceback"
    )
