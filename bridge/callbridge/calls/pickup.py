"""Who has picked up a call that we made, as the platform's detection of machines tells.

Its webhooks come late, twice, in any order or never. The first that decides counts: a bot that has
begun to talk goes on. What is not clear counts as a person, since a person who is hung up on has
lost more than a machine that is talked to."""

import asyncio
from typing import Literal, get_args

from callbridge.control.commands import MachineDetection
from callbridge.errors import SettingsError

PickupKind = Literal["person", "machine", "fax"]

SCREENED: MachineDetection = "premium_ios_call_screening_detection"

# How long the platform takes at most, in seconds, with the settings that it has by itself.
_VERDICT_S: dict[MachineDetection, float] = {
    "premium": 30.0,
    SCREENED: 60.0,  # a screening asks for its answer first, within 30 s
    "detect": 3.5,
    "detect_beep": 3.5,
    "detect_words": 3.5,
    "greeting_end": 3.5,
}
_GREETING_S: dict[MachineDetection, float] = {
    "premium": 30.0,
    SCREENED: 30.0,
    "detect": 0.0,  # tells of no end
    "detect_beep": 30.0,  # and is silent without a beep
    "detect_words": 30.0,
    "greeting_end": 5.0,
}

_NO_PERSON: dict[str, PickupKind] = {"machine": "machine", "fax_detected": "fax"}


class Pickup:
    """`answered_by` is the platform's word for who it is, `screening` for a telephone that asks who
    calls; empty before it has told. `known` is what follows from it."""

    __slots__ = ("_mode", "_screened", "answered_by", "greeting_over", "known")

    def __init__(self, mode: MachineDetection) -> None:
        loop = asyncio.get_running_loop()
        self.answered_by = ""
        self.known: asyncio.Future[PickupKind] = loop.create_future()
        self.greeting_over: asyncio.Future[None] = loop.create_future()
        self._mode: MachineDetection = mode
        self._screened = False

    @property
    def verdict_s(self) -> float:
        """So long after the answer the platform should have told who it is."""
        return _VERDICT_S[self._mode]

    @property
    def greeting_s(self) -> float:
        """So long after the verdict the greeting of a machine should be over."""
        return _GREETING_S[self._mode]

    def on_verdict(self, result: str) -> None:
        self.answered_by = result
        who = _NO_PERSON.get(result, "person")
        if who == "machine" and self._mode == SCREENED and not self._screened:
            return  # or it is a telephone that asks who calls: the end of its words tells
        self._decide(who)

    def on_screening(self) -> None:
        """A telephone asks who calls. The platform begins anew and tells of another verdict."""
        self._screened = True
        if self.answered_by in ("", "machine"):  # else the verdict has overtaken this
            self.answered_by = "screening"

    def on_greeting_ended(self, result: str) -> None:
        """A beep before any verdict is the verdict. `prompt_ended` is the end of a screening's
        question, which the bot answers as it would a person's."""
        if result == "prompt_ended":
            self.on_screening()
            self._decide("person")
            return
        if self.answered_by in ("", "screening"):
            self.answered_by = "machine"
        self._decide("machine")
        if not self.greeting_over.done():
            self.greeting_over.set_result(None)

    def settle(self) -> PickupKind:
        """Who it is, now that nothing more is waited for."""
        self._decide(_NO_PERSON.get(self.answered_by, "person"))
        return self.known.result()

    def _decide(self, who: PickupKind) -> None:
        if not self.known.done():
            self.known.set_result(who)


def require_detection(amd: str | None, *, leaves_message: bool = False) -> None:
    """Raises SettingsError for a mode that is none, and for what makes no sense together."""
    modes = get_args(MachineDetection)
    if amd is not None and amd not in modes:
        raise SettingsError(f"amd is {amd!r}: it is one of {', '.join(modes)}")
    if leaves_message and amd is None:
        raise SettingsError('on_voicemail needs amd: how else would a machine be known? "premium"')
    if leaves_message and amd == "detect":
        raise SettingsError(
            'amd="detect" does not tell when a greeting is over, and on_voicemail waits for that: '
            'use "premium", "greeting_end", "detect_beep" or "detect_words"'
        )
