"""Verbs that take time, while they run on a leg: one at a time."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from callbridge.carrier.parts.entry import EntryRules, KeyEntry
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

    def grows(self, sound_id: str, pcm: Pcm) -> bool:
        """The next of one that is not whole yet. False if nobody wants it any more."""
        return False

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

    def grows(self, sound_id: str, pcm: Pcm) -> bool:
        return self._prompts.grows(sound_id, pcm)

    def stop(self) -> None:
        self._prompts.stop()


class Pausing(RunningVerb):
    def __init__(self, until: float) -> None:
        self._until = until

    def tick(self, now: float) -> bool:
        return now >= self._until


class Gathering(RunningVerb):
    """Keys, or speech in their place; the first of either ends the prompt."""

    def __init__(
        self, verb: GatherVerb, prompts: Prompts, sample_rate: int, recognise: SpeechToText | None
    ) -> None:
        """Without `recognise` it has keys alone."""
        self.speech = ""
        self._takes_keys = "dtmf" in verb.input
        self._prompts = prompts
        self._prompting = True
        self._entry = KeyEntry(
            EntryRules(
                minimum=verb.min_digits,
                maximum=verb.max_digits,
                terminators=verb.finish_on_key,
                first_s=verb.timeout,
                next_s=verb.timeout,
            )
        )
        self._ear: CarrierEar | None = None
        if recognise is not None:
            ask = partial(recognise, then=self._recognised)
            self._ear = CarrierEar(sample_rate, ask, interim=False)

    @property
    def digits(self) -> str:
        """What was pressed, without the finishing key."""
        return self._entry.digits

    @property
    def enough(self) -> bool:
        return bool(self.speech) or self._entry.has_enough

    def tick(self, now: float) -> bool:
        if self._prompting and self._prompts.tick():
            self._prompting = False
            self._entry.wait(now)
        if self.speech or self._entry.is_over(now):
            self.stop()
            return True
        return False

    def digit(self, digit: str, now: float) -> None:
        """The first key closes the ear."""
        if not self._takes_keys:
            return
        self._ear = None
        self._hush()
        self._entry.press(digit, now)

    def hear(self, pcm: Pcm | None, now: float) -> None:
        """Time does not run while speech lasts."""
        if self._ear is not None and (self._ear.hear(pcm) or self._ear.busy):
            self._hush()
            self._entry.wait(now)

    def _recognised(self, text: str | None) -> None:
        heard = self._ear.recognised(text or "") if self._ear is not None else None
        if heard is not None:
            self.speech = heard.text

    def _hush(self) -> None:
        self._prompting = False
        self._prompts.stop()

    def sounded(self, sound_id: str, pcm: Pcm | None) -> None:
        self._prompts.sounded(sound_id, pcm)

    def grows(self, sound_id: str, pcm: Pcm) -> bool:
        return self._prompts.grows(sound_id, pcm)

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
