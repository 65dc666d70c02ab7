"""Whether what is registered can be a bot: said where it is registered, with the line that is
wrong, and not to the first caller."""

import inspect
from collections.abc import Callable
from typing import Any

from callbridge.errors import BotError


def require_bot(bot: Callable[..., Any]) -> None:
    """A bot is `async def talk(call)`. Raises BotError."""
    if not callable(bot):
        raise BotError(f"{bot!r} is no bot: a bot is `async def talk(call)`")
    _require_arguments(bot, "call")
    plain = inspect.unwrap(bot)
    if inspect.isasyncgenfunction(plain):
        raise BotError(
            f"{_where(bot)} yields: a bot that only replies is registered with @app.reply, "
            "and any other one speaks with `await call.say(...)`"
        )
    if not _may_be_async(bot):
        raise BotError(f"{_where(bot)} is not async: a bot is `async def {plain.__name__}(call)`")


def require_decision(decide: Callable[..., Any]) -> None:
    """What decides about a call is `async def decide(ring)`. Raises BotError."""
    if not callable(decide) or not _may_be_async(decide):
        raise BotError(f"{_where(decide)} is not async: what decides is `async def decide(ring)`")
    _require_arguments(decide, "ring")


def require_handler(handler: Callable[..., Any]) -> None:
    """A reply is `async def reply(call, turn)`, or the same without async. Raises BotError."""
    if not callable(handler):
        raise BotError(f"{handler!r} is no reply: a reply is `async def reply(call, turn)`")
    _require_arguments(handler, "call", "turn")


def _may_be_async(function: Callable[..., Any]) -> bool:
    """A lambda may return a coroutine, and an object may have an `async def __call__`."""
    plain = inspect.unwrap(function)
    named = inspect.isfunction(plain) and plain.__name__ != "<lambda>"
    return not named or inspect.iscoroutinefunction(plain)


def _require_arguments(function: Callable[..., Any], *names: str) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of something built in: its first call will tell
        return
    try:
        signature.bind(*names)
    except TypeError:
        form = f"async def {getattr(function, '__name__', 'talk')}({', '.join(names)})"
        raise BotError(
            f"{_where(function)} takes {signature}, but is called as `{form}` would be"
        ) from None


def _where(function: Callable[..., Any]) -> str:
    """`bot.py:12: talk`, as editors and terminals take it."""
    plain = inspect.unwrap(function)
    name = getattr(plain, "__qualname__", repr(plain))
    code = getattr(plain, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}: {name}" if code is not None else name
