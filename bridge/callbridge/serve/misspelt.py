"""Names that were meant to be settings: one that is misspelt would be a setting that is not set."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches

OURS, SHARED = "CALLBRIDGE_", "TELNYX_"

# How alike two names are behind their prefix, from 0 to 1. Nobody else has names that begin with
# CALLBRIDGE_; those that begin with TELNYX_ are read by other programs, too.
LIKE_OURS, LIKE_SHARED = 0.7, 0.8


def misspelt(given: Collection[str], settings: Collection[str]) -> Iterator[tuple[str, str]]:
    """(name, what was meant) for each of the `given` names that is close to one of `settings`.

    A name that begins with TELNYX_ is left alone when the one that it is close to is given, too:
    TELNYX_API_KEY_2 may well be a second key. Names count in capitals, as they do when read."""
    names = {name.upper() for name in given}
    for name in sorted(names - set(settings)):
        for prefix, alike in ((OURS, LIKE_OURS), (SHARED, LIKE_SHARED)):
            if name.startswith(prefix):
                meant = _closest(
                    name, [each for each in settings if each.startswith(prefix)], alike
                )
                if meant and (prefix == OURS or meant not in names):
                    yield name, meant


def _closest(name: str, settings: Collection[str], alike: float) -> str | None:
    """By what is behind the prefix, which would make all of them alike."""
    behind = {setting.partition("_")[2]: setting for setting in settings}
    close = get_close_matches(name.partition("_")[2], behind, n=1, cutoff=alike)
    return behind[close[0]] if close else None
