"""What a bot logs: with the ids of its call, and on the call's tape as well."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, cast

from callbridge.calls.leg import Leg
from callbridge.tape.events import BotLog

# What a record has already; logging raises for a field of that name, which would break the call.
TAKEN = {*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "message", "asctime"}


class CallLog(logging.LoggerAdapter[logging.Logger]):
    """A bot's log: each line has the call's ids, and is an event of the tape as well."""

    def __init__(self, logger: logging.Logger, leg: Leg) -> None:
        super().__init__(logger)
        self._leg = leg

    def process(
        self, msg: str, kwargs: MutableMapping[str, Any]
    ) -> tuple[str, MutableMapping[str, Any]]:
        leg = self._leg
        ids = {"call": leg.reference, "call_control_id": leg.call_control_id}
        extra = {_spelled(name): value for name, value in (kwargs.get("extra") or {}).items()}
        kwargs["extra"] = {**ids, **extra}
        return msg, kwargs

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if self._leg.tape.secrecy.inside:
            msg, args, kwargs = self._without_numbers(msg, args, kwargs)
        super().log(level, msg, *args, **kwargs)
        text = _in_words(msg, args)
        fields = dict(cast("dict[str, object]", kwargs.get("extra") or {}))
        self._leg.tape.write(BotLog(levelno=level, message=text, fields=fields))

    def _without_numbers(
        self, msg: object, args: tuple[object, ...], kwargs: dict[str, Any]
    ) -> tuple[str, tuple[object, ...], dict[str, Any]]:
        """A line that is logged in a secure block."""
        secrecy, kwargs = self._leg.tape.secrecy, dict(kwargs)
        if raised := kwargs.get("exc_info"):
            error = raised if isinstance(raised, BaseException) else sys.exc_info()[1]
            kwargs["exc_info"] = error and secrecy.harmless(error)
        kwargs["extra"] = secrecy.fields(kwargs.get("extra") or {})
        return secrecy.hidden(_in_words(msg, args)), (), kwargs


def _spelled(name: str) -> str:
    """A field of the bot's own, `name` say, in the line of the log: `name_`."""
    return f"{name}_" if name in TAKEN else name


def _in_words(msg: object, args: tuple[object, ...]) -> str:
    try:
        return logging.LogRecord("", 0, "", 0, msg, args, None).getMessage()
    except (TypeError, ValueError):  # logging will complain of it; the bot goes on
        return str(msg)
