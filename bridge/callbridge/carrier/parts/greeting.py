"""Person or machine, by how a greeting goes: pure rules on sound and silence, 20 ms at a time.

Source: the platform's settings of answering machine detection, which are those of Asterisk's AMD,
and that program's rules (`apps/app_amd.c`). By the platform's defaults the longest greeting of a
person is as long as all of the analysis: so whoever has talked for long, and has not waited for an
answer yet, counts as a machine when the time is over. That is for the standard modes; the premium
ones are documented to be not sure then."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=0)]
GreetingVerdict = Literal["human", "machine", "not_sure"]

TICK_MS = 20
LONG_MS = 2000  # "Hello?" and a name are shorter
MIN_WORD_MS = 100  # shorter sounds are clicks; the platform has no setting for it


class DetectionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds, but for the threshold (a mean sample) and the number of words."""

    after_greeting_silence_millis: Count = 800
    beep_detection_profile: Literal["both", "freq_only"] = "both"
    beep_max_frequency_hz: Count = 2500
    beep_min_frequency_hz: Count = 350
    beep_min_tone_duration_millis: Count = 200
    beep_spectral_confirmation: bool = True
    beep_spectral_min_purity: Annotated[float, Meta(ge=0, le=1)] = 0.85
    beep_spectral_reject_fax_cng: bool = True
    beep_spectral_window_millis: Count = 200
    between_words_silence_millis: Count = 50
    greeting_duration_millis: Count = 3500
    greeting_silence_duration_millis: Count = 1500
    greeting_total_analysis_time_millis: Count = 5000
    initial_silence_millis: Count = 3500
    maximum_number_of_words: Count = 5
    maximum_word_length_millis: Count = 3500
    prompt_end_timeout_millis: Count = 30000
    silence_threshold: Count = 256
    total_analysis_time_millis: Count | None = None  # 3500, of the premium modes 30000


class Greeting:
    """What is known so far of a greeting. One that `guesses` takes who has talked for long for a
    machine when its time is over."""

    def __init__(self, settings: DetectionSettings, total_ms: int, *, guesses: bool) -> None:
        self._settings, self._total_ms, self._guesses = settings, total_ms, guesses
        self._heard_ms = 0
        self._words = 0
        self._in_word = False
        self._sound_ms = 0  # without a pause between words
        self.quiet_ms = 0  # now
        self.length_ms = 0  # of the greeting, with the pauses between its words
        self._begun_ms: int | None = None

    @property
    def begun(self) -> bool:
        return self._begun_ms is not None

    def hear(self, *, loud: bool) -> GreetingVerdict | None:
        """20 ms; None while nothing is decided."""
        self._heard_ms += TICK_MS
        verdict = self._sound() if loud else self._silence()
        if verdict is None and self._heard_ms >= self._total_ms:
            is_long = self.length_ms >= LONG_MS
            return "machine" if self._guesses and is_long else "not_sure"
        return verdict

    def _silence(self) -> GreetingVerdict | None:
        settings = self._settings
        self.quiet_ms += TICK_MS
        if self.quiet_ms >= settings.between_words_silence_millis:
            self._in_word, self._sound_ms = False, 0
        if not self.begun:
            return "machine" if self.quiet_ms > settings.initial_silence_millis else None
        return "human" if self.quiet_ms >= settings.after_greeting_silence_millis else None

    def _sound(self) -> GreetingVerdict | None:
        settings = self._settings
        self._sound_ms += TICK_MS
        if self._sound_ms < MIN_WORD_MS:
            return None
        if not self._in_word:
            self._in_word = True
            self._words += 1
        self.quiet_ms = 0
        if self._begun_ms is None:
            self._begun_ms = self._heard_ms - self._sound_ms
        self.length_ms = self._heard_ms - self._begun_ms
        is_machine = (
            self._words > settings.maximum_number_of_words
            or self._sound_ms > settings.maximum_word_length_millis
            or self.length_ms > settings.greeting_duration_millis
        )
        return "machine" if is_machine else None
