"""Whoever is at the far end of a leg: what they can tell of the call, and what they can do."""

from typing import Protocol

import msgspec

from telecodecs import Pcm


class Pressed(msgspec.Struct, frozen=True):
    """A digit's tone has ended."""

    digit: str


class PickedUp(msgspec.Struct, frozen=True):
    """They answer the telephone that rings."""


class HungUp(msgspec.Struct, frozen=True):
    """`failure` says which step failed, None when they meant to."""

    failure: str | None = None


class PutOnHold(msgspec.Struct, frozen=True):
    """The other side is on hold, or no more."""

    on: bool


Act = Pressed | PickedUp | PutOnHold | HungUp


class Situation(msgspec.Struct, frozen=True):
    """What a person can tell about the call."""

    answered: bool
    streaming: bool
    heard: Pcm | None  # the last 20 ms, None for silence


class Person(Protocol):
    """`mouth()` before, `listen()` after what was said and heard in a tick."""

    @property
    def step(self) -> object:
        """What they are at, for the tape: another object for another thing."""
        ...

    @property
    def where(self) -> str:
        """The same in words."""
        ...

    @property
    def says(self) -> str:
        """The text of it; empty where there is none."""
        ...

    def mouth(self) -> Pcm | None:
        """The next 20 ms of what they say, None for silence. Not asked before the answer."""
        ...

    def listen(self, now: Situation) -> list[Act]:
        """One tick has passed, also while it rings; what they do."""
        ...

    def left_undone(self) -> str | None:
        """A failure when the call ends now: what they had yet to do."""
        ...
