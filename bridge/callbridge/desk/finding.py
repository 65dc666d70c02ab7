"""Who is meant: a call by its id, by the end of it, or by its number."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from callbridge.errors import CallbridgeError

SHOWN_END = 8  # so many characters of an id are shown: they tell calls apart
SHORTEST_END = 3
MOST_LISTED = 20
WHOLE = re.compile(r"v\d:.{20,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class NotFound(CallbridgeError):
    """Nobody is called so, or more than one is."""


class Nameable(NamedTuple):
    """Something that can be meant: by the end of one of its `ids`, of which the first counts, or by
    a whole name, as a number is one. `shown` is how a list of such calls it."""

    ids: tuple[str, ...]
    names: tuple[str, ...] = ()
    shown: str = ""


def end_of(id: str) -> str:
    """What is shown of an id; one that begins with a hyphen would be taken for an option."""
    return id[-SHOWN_END:].lstrip("-")


def is_whole(wanted: str) -> bool:
    """Whether it is a whole id, which needs no looking for."""
    return WHOLE.fullmatch(wanted) is not None


def is_number(wanted: str) -> bool:
    """Whether it may be a number or an address, rather than an id."""
    return wanted.startswith(("+", "sip:")) or wanted.isdecimal()


def pick(wanted: str, among: Sequence[Nameable], noun: str) -> str:
    """The id of the one that is meant. Raises NotFound, which names those there are."""
    exact = [each for each in among if wanted in (*each.ids, *each.names)]
    found = exact or [each for each in among if _ends_so(wanted, each)]
    if not found:
        raise unknown(wanted, [each.shown for each in among], noun)
    if len(found) > 1:
        those = _listed([each.shown for each in found])
        raise NotFound(f"{wanted!r} is more than one {noun}: {those}; say more of the id")
    return found[0].ids[0]


def unknown(wanted: str, among: Sequence[str], noun: str) -> NotFound:
    """Names those there are."""
    others = f"there are: {_listed(among)}" if among else "and no other"
    return NotFound(f"there is no {noun} {wanted!r}, {others}")


def _ends_so(wanted: str, one: Nameable) -> bool:
    return len(wanted) >= SHORTEST_END and any(id.endswith(wanted) for id in one.ids)


def _listed(shown: Sequence[str]) -> str:
    more = len(shown) - MOST_LISTED
    return ", ".join(shown[:MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
