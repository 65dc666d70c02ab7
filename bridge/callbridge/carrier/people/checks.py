"""What is said about a script that makes no sense: which value, and what it may be instead."""

from collections.abc import Iterable
from difflib import get_close_matches

from callbridge.carrier.shapes import as_object
from callbridge.errors import CallbridgeError
from telecodecs import MissingLibrary, codec

LONGEST_S = 14400.0  # four hours, the longest call


class ScriptError(CallbridgeError):
    """A caller script that makes no sense; says which line and what is known instead."""


def one_of(what: str, value: object, known: Iterable[str]) -> None:
    """`what` names the value in the sentence of the error."""
    names = list(known)
    if value in names:
        return
    near = get_close_matches(str(value), names, 1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ScriptError(f"{what} {value!r} is not known{hint}; known: {', '.join(names)}")


def library(what: str, name: str) -> None:
    """Whether a codec can be spoken here, before the call that needs it."""
    try:
        codec(name)
    except MissingLibrary as error:
        raise ScriptError(f"{what} {error}") from None


def seconds(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST_S:
        raise ScriptError(f"{name!r} is a number of seconds, not {value!r}")


def number(name: str, value: object, least: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ScriptError(f"{name!r} is a number from {least:g} to {most:g}, not {value!r}")


def flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise ScriptError(f"{name!r} is true or false, not {value!r}")


def text(name: str, value: object, what: str) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ScriptError(f"{name!r} is {what}, as a string, not {value!r}")


def texts(name: str, value: object) -> None:
    """Names and values, both texts."""
    found = as_object(value)
    if found is None or not all(isinstance(each, str) for each in (*found, *found.values())):
        raise ScriptError(f"{name!r} is an object of texts, not {value!r}")
