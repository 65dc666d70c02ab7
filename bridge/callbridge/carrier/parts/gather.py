"""Keys that a command asks the far end for: prompts, attempts, and one event with what came of it.

Where the documents are silent this carrier does the following. Keys pressed while it is said that
the last entry was invalid belong to the next one. A gather takes the place of one that is under
way, which ends as cancelled. A prompt that cannot be heard is no end: keys are waited for."""

from collections.abc import Callable
from functools import partial
from typing import Literal

import msgspec

from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.core.part import Part
from callbridge.carrier.parts.entry import EntryRules, KeyEntry
from callbridge.carrier.parts.sound_queue import LegSounds, QueuedSound, SoundEnd

GatherStatus = Literal["valid", "invalid", "timeout", "call_hangup", "cancelled"]
GatherPrompt = Callable[[Callable[[SoundEnd], None]], QueuedSound]  # given who is told of its end


class GatherOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a command asks for. Without a `prompt` there is one attempt."""

    rules: EntryRules
    prompt: GatherPrompt | None = None
    invalid_prompt: GatherPrompt | None = None
    tries: int = 1
    gather_id: str | None = None
    key_ends_prompt: bool = True


class CarrierGathers:
    """The gathers of all legs, one at a time on each."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def begin(self, leg: CarrierLeg, order: GatherOrder) -> None:
        self.stop(leg)
        part = GatherPart(leg, self._exchange, order)
        leg.add(part)
        part.begin()

    def stop(self, leg: CarrierLeg) -> None:
        """Nothing happens where none is under way: it may have ended a moment ago."""
        part = leg.part(GatherPart)
        if part is not None:
            with leg.for_part(part):
                part.finish("cancelled")


class GatherPart(Part):
    def __init__(self, leg: CarrierLeg, exchange: Exchange, order: GatherOrder) -> None:
        self._leg, self._exchange, self._order = leg, exchange, order
        self._tries_left = order.tries
        self._entry = KeyEntry(order.rules)
        self._prompts: dict[int, QueuedSound] = {}  # that are still to be heard

    @property
    def doing(self) -> str:
        return "gathers"

    def begin(self) -> None:
        self._attempt(self._order.prompt)

    def _attempt(self, *prompts: GatherPrompt | None) -> None:
        self._tries_left -= 1
        self._entry = KeyEntry(self._order.rules)
        given = [prompt for prompt in prompts if prompt is not None]
        self._prompts = {
            number: prompt(partial(self._over, number)) for number, prompt in enumerate(given)
        }
        if not self._prompts:
            self._entry.wait(self._exchange.now)
        for sound in list(self._prompts.values()):
            LegSounds.of(self._leg).queue.add(sound)

    def _over(self, number: int, end: SoundEnd) -> None:
        """One of the prompts was heard, or cannot be heard."""
        if self._prompts.pop(number, None) is not None and not self._prompts:
            self._entry.wait(self._exchange.now)

    def digit(self, digit: str, occurred_at: str) -> None:
        """The first key ends the prompts. What the entry comes to is told after the event of its
        last key, hence in the next tick."""
        self._entry.press(digit, self._exchange.now)
        if self._order.key_ends_prompt:
            self._hush()

    def _hush(self) -> None:
        unheard, self._prompts = self._prompts, {}
        for sound in unheard.values():
            LegSounds.of(self._leg).queue.cancel(sound)

    def begin_tick(self) -> None:
        entry = self._entry
        if not entry.is_over(self._exchange.now):
            return
        verdict = entry.verdict
        if verdict == "valid" or self._tries_left <= 0:
            self.finish(verdict)
        elif verdict == "invalid":
            self._attempt(self._order.invalid_prompt, self._order.prompt)
        else:
            self._attempt(self._order.prompt)

    def finish(self, status: GatherStatus) -> None:
        self._leg.remove(self)
        self._hush()
        named = {"gather_id": self._order.gather_id} if self._order.gather_id else {}
        self._exchange.emit(
            self._leg, "call.gather.ended", digits=self._entry.digits, status=status, **named
        )

    def leg_ended(self) -> None:
        self.finish("call_hangup")
