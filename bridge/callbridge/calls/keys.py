"""Keys in the order in which they were pressed; they do not always come in that order."""

from collections.abc import Sequence

from callbridge.calls.leg import Digit
from callbridge.outcomes import Gathered

ALL = "0123456789*#ABCD"


def in_order(digits: Sequence[Digit]) -> list[Digit]:
    """By the time they were pressed; keys without a time first."""
    return sorted(digits, key=lambda digit: digit.occurred_at)


def text(digits: Sequence[Digit]) -> str:
    return "".join(digit.digit for digit in in_order(digits))


def complete(
    digits: Sequence[Digit], count: int, end_on: str
) -> tuple[Gathered, list[Digit]] | None:
    """The keys that are asked for and those behind them, once there are enough."""
    ordered = in_order(digits)
    for index, digit in enumerate(ordered):
        if digit.digit in end_on:
            return Gathered(text(ordered[:index]), "end_key"), ordered[index + 1 :]
        if index + 1 == count:
            return Gathered(text(ordered[:count]), "complete"), ordered[count:]
    return None
