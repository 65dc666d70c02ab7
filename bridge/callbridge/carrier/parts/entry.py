"""Keys that somebody enters: how many, which ones, and how long they have. Pure: `now` is given.

Both who gather by command and who gather by document read their keys here."""

from typing import Literal

import msgspec

NEVER = float("inf")


class EntryRules(msgspec.Struct, frozen=True, kw_only=True):
    """`terminators` are keys that end an entry and are no part of it; `first_s` is the time for the
    first key, `next_s` for each later one, `whole_s` for all of them. A key that is not `valid`
    spoils an entry, unless such keys are as if they had not been pressed."""

    minimum: int = 1
    maximum: int = 128
    terminators: str = "#"
    valid: str = "0123456789ABCD*#"
    ignores_others: bool = False
    first_s: float = 5.0
    next_s: float = 5.0
    whole_s: float = NEVER


class KeyEntry:
    """One attempt. Its time begins with `wait`, or with the first key."""

    def __init__(self, rules: EntryRules) -> None:
        self._rules = rules
        self.digits = ""
        self._terminated = False
        self._give_up_at = self._whole_until = NEVER

    def wait(self, now: float) -> None:
        """Nothing keeps them from pressing keys any more."""
        self._whole_until = min(self._whole_until, now + self._rules.whole_s)
        if not self._begun:
            self._give_up_at = now + self._rules.first_s

    def press(self, digit: str, now: float) -> None:
        if self._complete:
            return
        if digit in self._rules.terminators:
            self._terminated = True
            return
        if self._rules.ignores_others and digit not in self._rules.valid:
            return
        self.digits += digit
        self._give_up_at = now + self._rules.next_s

    @property
    def _begun(self) -> bool:
        return bool(self.digits) or self._terminated

    @property
    def _complete(self) -> bool:
        return self._terminated or len(self.digits) >= self._rules.maximum

    def is_over(self, now: float) -> bool:
        return self._complete or now >= min(self._give_up_at, self._whole_until)

    @property
    def has_enough(self) -> bool:
        return len(self.digits) >= self._rules.minimum

    @property
    def verdict(self) -> Literal["valid", "invalid", "timeout"]:
        """Of an entry that is over."""
        if not self._begun:
            return "timeout"
        known = all(digit in self._rules.valid for digit in self.digits)
        return "valid" if known and self.has_enough else "invalid"
