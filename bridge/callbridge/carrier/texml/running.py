"""Verbs that take time, while they run on a leg: one at a time."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from callbridge.carrier.parts.relay_ear import CarrierEar
from callbridge.carrier.parts.relays import RelayPart
from callbridge.carrier.parts.streams import StreamPart
from callbridge.carrier.texml.prompts import Prompts
from callbridge.carrier.texml.verbs import GatherVerb
from telecodecs import Pcm


class SpeechToText(Protocol):
    def __call__(self, pcm: Pcm, *, then: Callable[[str | None], None]) -> None: ...


class RunningVerb:
    """A verb overrides what it has use for."""

    def tick(self, now: float) -> bool:
        """Begin a tick of 20 ms; True when the verb has ended."""
        raise NotImplementedError

    def digit(self, digit: str, now: float) -> None:
        """The caller has pressed a key."""

    def hear(self, pcm: Pcm | None, now: float) -> None:
        """20 ms of what the caller says; None is silence."""

    def sounded(self, sound_id: str, pcm: Pcm | None) -> None:
        """A sound that was asked for; None if there is none after all."""

    def stop(self) -> None:
        """The call is over."""


class Sounding(RunningVerb):
    """Say and Play."""

    def __init__(self, prompts: Prompts) -> None:
        self._prompts = prompts

    def tick(self, now: float) -> bool:
        return self._prompts.tick()

    def sounded(self, sound_id: str, pcm: Pcm | None) -> None:
        self._prompts.sounded(sound_id, pcm)

    def stop(self) -> None:
        self._prompts.stop()


class Pausing(RunningVerb):
    def __init__(self, until: float) -> None:
        self._until = until

    def tick(self, now: float) -> bool:
        return now >= self._until


class Gathering(RunningVerb):
    """`digits` is what was pressed, without the finishing key, `speech` what was said instead."""

    def __init__(
        self, verb: GatherVerb, prompts: Prompts, sample_rate: int, recognise: SpeechToText | None
    ) -> None:
        """Without `recognise` it has keys alone."""
        self.digits = self.speech = ""
        self._verb, self._prompts = verb, prompts
        self._prompting = True
        self._complete = False
        self._give_up_at = float("inf")
        self._ear: CarrierEar | None = None
        if recognise is not None:
            ask = partial(recognise, then=self._recognised)
            self._ear = CarrierEar(sample_rate, ask, interim=False)

    @property
    def enough(self) -> bool:
        return bool(self.speech) or len(self.digits) >= self._verb.min_digits

    def tick(self, now: float) -> bool:
        if self._prompting and self._prompts.tick():
            self._wait_from(now)
        if self._complete or now >= self._give_up_at:
            self.stop()
            return True
        return False

    def digit(self, digit: str, now: float) -> None:
        """The first key ends the prompt, whatever is left of it, and closes the ear."""
        if self._complete or "dtmf" not in self._verb.input:
            return
        self._ear = None
        self._interrupt(now)
        if digit in self._verb.finish_on_key:
            self._complete = True
            return
        self.digits += digit
        self._complete = len(self.digits) >= self._verb.max_digits

    def hear(self, pcm: Pcm | None, now: float) -> None:
        """Speech ends the prompt, too, and time does not run while it lasts."""
        if self._ear is not None and (self._ear.hear(pcm) or self._ear.busy):
            self._interrupt(now)

    def _recognised(self, text: str | None) -> None:
        heard = self._ear.recognised(text or "") if self._ear is not None else None
        if heard is not None:
            self.speech, self._complete = heard.text, True

    def _interrupt(self, now: float) -> None:
        self._prompts.stop()
        self._wait_from(now)

    def _wait_from(self, now: float) -> None:
        self._prompting = False
        self._give_up_at = now + self._verb.timeout

    def sounded(self, sound_id: str, pcm: Pcm | None) -> None:
        self._prompts.sounded(sound_id, pcm)

    def stop(self) -> None:
        self._prompts.stop()


class Connecting(RunningVerb):
    """A service has the call: until its session or stream is over, for whatever reason.

    `status` is this carrier's word: what the platform tells the action of a Connect is not
    published."""

    def __init__(self, is_over: Callable[[], bool], part: RelayPart | StreamPart | None) -> None:
        """`part` None is a service that could not be connected to."""
        self._is_over, self._part = is_over, part

    def tick(self, now: float) -> bool:
        return self._part is None or self._is_over()

    @property
    def status(self) -> str:
        match self._part:
            case RelayPart(ended="connection_failed" | "too_many_errors") | None:
                return "failed"
            case StreamPart(started=False):
                return "failed"
            case _:
                return "ended"

    @property
    def handoff_data(self) -> str | None:
        return self._part.handoff_data if isinstance(self._part, RelayPart) else None
