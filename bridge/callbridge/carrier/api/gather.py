"""Keys that the far end is asked for, with a prompt or without."""

from dataclasses import dataclass
from functools import partial

from callbridge.carrier.api.operation import CarrierMeans, LegCommand
from callbridge.carrier.api.playing import file_of, stop_first
from callbridge.carrier.api.problems import refused
from callbridge.carrier.api.speech import Voiced
from callbridge.carrier.api.voices import spoken
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.parts.entry import EntryRules
from callbridge.carrier.parts.gather import GatherOrder, GatherPrompt
from callbridge.carrier.parts.playback import CarrierPlayback
from callbridge.carrier.parts.sounds import SoundFile
from telecodecs.dtmf import DIGITS

LONGEST_MS = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class KeysWanted:
    """What every gather says about the keys."""

    minimum_digits: int = 1
    maximum_digits: int = 128
    timeout_millis: int = 60000
    inter_digit_timeout_millis: int = 5000
    terminating_digit: str = "#"
    valid_digits: str = "0123456789#*"

    def check(self) -> None:
        """Raises Refused for what the facts cannot say."""
        if self.minimum_digits > self.maximum_digits:
            detail = f"minimum_digits is more than maximum_digits, {self.maximum_digits}"
            raise refused("90022", detail, "/minimum_digits")
        if not 1 <= self.timeout_millis <= LONGEST_MS:
            detail = f"timeout_millis is from 1 to {LONGEST_MS}"
            raise refused("90025", detail, "/timeout_millis")
        if len(self.terminating_digit) > 1 or self.terminating_digit not in DIGITS:
            detail = f"terminating_digit is one of {DIGITS}, or empty for none"
            raise refused("90007", detail, "/terminating_digit")
        if not self.valid_digits or set(self.valid_digits) - set(DIGITS):
            raise refused("90008", f"valid_digits are some of {DIGITS}", "/valid_digits")

    def rules(
        self, *, first_ms: int, whole_ms: int | None = None, ignores_others: bool = False
    ) -> EntryRules:
        return EntryRules(
            minimum=self.minimum_digits,
            maximum=self.maximum_digits,
            terminators=self.terminating_digit,
            valid=self.valid_digits,
            ignores_others=ignores_others,
            first_s=first_ms / 1000,
            next_s=self.inter_digit_timeout_millis / 1000,
            whole_s=float("inf") if whole_ms is None else whole_ms / 1000,
        )


@dataclass(frozen=True, kw_only=True)
class Entered(KeysWanted, LegCommand):
    """A gather on a leg."""


@dataclass(frozen=True, kw_only=True)
class Gather(Entered, operation_id="calls.actions.gather"):
    initial_timeout_millis: int = 5000
    gather_id: str | None = None

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        self.check()
        rules = self.rules(first_ms=self.initial_timeout_millis, whole_ms=self.timeout_millis)
        means.gathers.begin(leg, GatherOrder(rules=rules, gather_id=self.gather_id))


@dataclass(frozen=True, kw_only=True)
class GatherUsingAudio(Entered, operation_id="calls.actions.gather_using_audio"):
    audio_url: str | None = None
    media_name: str | None = None
    invalid_audio_url: str | None = None
    invalid_media_name: str | None = None
    maximum_tries: int = 3

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        self.check()
        file = file_of(self.audio_url, self.media_name)
        if file is None:
            raise refused("10004", "one of audio_url and media_name is required", "/audio_url")
        invalid = file_of(self.invalid_audio_url, self.invalid_media_name, "invalid_")
        stop_first(leg, None)
        order = GatherOrder(
            rules=self.rules(first_ms=self.timeout_millis),
            prompt=audio_prompt(leg, means, file),
            invalid_prompt=audio_prompt(leg, means, invalid),
            tries=self.maximum_tries,
        )
        means.gathers.begin(leg, order)


def audio_prompt(
    leg: CarrierLeg, means: CarrierMeans, file: SoundFile | None
) -> GatherPrompt | None:
    if file is None:
        return None
    return partial(means.playbacks.sound, leg, CarrierPlayback(file=file))


@dataclass(frozen=True, kw_only=True)
class GatherUsingSpeak(Voiced, Entered, operation_id="calls.actions.gather_using_speak"):
    payload: str
    invalid_payload: str | None = None
    maximum_tries: int = 3

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        self.check_voice(means)
        self.check()
        prompt = self._prompt(leg, means, self.payload, "/payload")
        invalid = None
        if self.invalid_payload and self.invalid_payload.strip():
            invalid = self._prompt(leg, means, self.invalid_payload, "/invalid_payload")
        stop_first(leg, None)
        order = GatherOrder(
            rules=self.rules(first_ms=self.timeout_millis),
            prompt=prompt,
            invalid_prompt=invalid,
            tries=self.maximum_tries,
        )
        means.gathers.begin(leg, order)

    def _prompt(
        self, leg: CarrierLeg, means: CarrierMeans, text: str, pointer: str
    ) -> GatherPrompt:
        said = spoken(
            text,
            voice=self.voice,
            ssml=self.payload_type == "ssml",
            language=self.language,
            service_level=self.service_level,
            pointer=pointer,
        )
        return partial(means.speech.prompt, leg, said)


@dataclass(frozen=True, kw_only=True)
class StopGather(LegCommand, operation_id="calls.actions.stop_gather"):
    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        means.gathers.stop(leg)
