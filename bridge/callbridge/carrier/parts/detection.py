"""Answering machine detection on a leg that was dialled: who has picked up, and when a machine has
said its greeting.

Where the documents are silent this carrier does the following. A beep is told of when it ends. A
beep before any verdict of the standard modes is a machine's. In the premium modes a greeting is a
home's if it is short, silence is 5 s without a word, and a screening tone is not known here."""

from typing import Literal

import numpy as np

from callbridge.carrier.audio.tone import ToneEnd, ToneFinder
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.core.part import Part
from callbridge.carrier.parts.greeting import DetectionSettings, Greeting, GreetingVerdict
from telecodecs import Pcm

DetectionMode = Literal[
    "detect",
    "detect_beep",
    "detect_words",
    "greeting_end",
    "premium",
    "premium_ios_call_screening_detection",
]

BEEP_TIMER_S = 30.0  # from the verdict
STANDARD_MS, PREMIUM_MS = 3500, 30000  # for the verdict, where a command does not say
SILENCE_MS = 5000
RESIDENCE_MS = 1500  # "Hello?", "Miller."; who says more is at work
CNG_HZ, CED_HZ, FAX_TOLERANCE_HZ = 1100, 2100, 40  # ITU-T T.30, 4.3
CNG_S, CED_S = 0.4, 1.0


class DetectionPart(Part):
    """From the answer to its last event; then it is gone."""

    def __init__(
        self,
        leg: CarrierLeg,
        exchange: Exchange,
        mode: DetectionMode,
        settings: DetectionSettings,
    ) -> None:
        self._leg, self._exchange, self._mode, self._settings = leg, exchange, mode, settings
        self._premium = mode.startswith("premium")
        total_ms = settings.total_analysis_time_millis
        if total_ms is None:
            total_ms = PREMIUM_MS if self._premium else STANDARD_MS
        self._total_s = total_ms / 1000
        self._greeting = Greeting(_rules(settings, premium=self._premium), total_ms)
        self._tones = ToneFinder(leg.encoding.sample_rate, purity=settings.beep_spectral_min_purity)
        self._began_at = 0.0
        self._machine_at: float | None = None  # when the verdict was that it is one
        self._quiet_ms = 0  # since then, now

    @property
    def doing(self) -> str:
        return "detects machines"

    def leg_answered(self) -> None:
        self._began_at = self._exchange.now

    def end_tick(self, said: Pcm | None, heard: Pcm | None) -> None:
        threshold = self._settings.silence_threshold
        loud = said is not None and float(np.mean(np.abs(said.astype(np.int32)))) > threshold
        ended = self._tones.hear(said)
        nobody_yet = self._machine_at is None
        if ended is not None and self._is_fax(ended) and self._premium and nobody_yet:
            self._tell_verdict("fax_detected")
            self._done()
        elif ended is not None and self._is_beep(ended):
            self._beeped()
        elif nobody_yet:
            # A tone that may become a beep is no word.
            self._judge(self._greeting.hear(loud=loud and self._tones.sounding_s < 0.1))
        else:
            self._quiet_ms = 0 if loud else self._quiet_ms + 20
            self._wait()

    # ---- who it is ----------------------------------------------------------------------------

    def _judge(self, verdict: GreetingVerdict | None) -> None:
        greeting = self._greeting
        if self._premium and not greeting.begun and greeting.quiet_ms >= SILENCE_MS:
            self._tell_verdict("silence")
            self._done()
        elif verdict == "machine":
            self._tell_verdict("machine")
            self._machine_at, self._quiet_ms = self._exchange.now, greeting.quiet_ms
            if self._mode == "detect":
                self._done()
        elif verdict is not None:
            self._tell_verdict(self._of_person(verdict))
            self._done()

    def _of_person(self, verdict: GreetingVerdict) -> str:
        if verdict == "human" and self._premium:
            at_home = self._greeting.length_ms <= RESIDENCE_MS
            return "human_residence" if at_home else "human_business"
        return verdict

    def _tell_verdict(self, result: str) -> None:
        kind = "premium.detection" if self._premium else "detection"
        self._exchange.emit(self._leg, f"call.machine.{kind}.ended", result=result)

    # ---- the end of its greeting ----------------------------------------------------------------

    def _beeped(self) -> None:
        if self._machine_at is None and not self._premium:
            self._tell_verdict("machine")
        if self._mode == "greeting_end":
            self._tell_end("ended")
        elif self._mode == "detect":
            self._done()
        else:
            self._tell_end("beep_detected")

    def _wait(self) -> None:
        """For the end of the greeting of a machine."""
        assert self._machine_at is not None, "the verdict was told"
        settings, mode = self._settings, self._mode
        waited_s = self._exchange.now - self._machine_at
        quiet = self._quiet_ms >= settings.greeting_silence_duration_millis
        match mode:
            case "greeting_end" if quiet:
                self._tell_end("ended")
            case "greeting_end" if waited_s * 1000 >= settings.greeting_total_analysis_time_millis:
                self._tell_end("not_sure")
            case "detect_words" if waited_s >= BEEP_TIMER_S:
                self._tell_end("not_sure")
            case "detect_beep" if waited_s >= BEEP_TIMER_S:
                self._done()  # without a beep there is no event
            case "premium" if self._exchange.now - self._began_at >= self._total_s:
                self._tell_end("no_beep_detected")
            case "premium_ios_call_screening_detection" if quiet:
                self._tell_end("prompt_ended")
            case "premium_ios_call_screening_detection" if (
                waited_s * 1000 >= settings.prompt_end_timeout_millis
            ):
                self._tell_end("no_beep_detected")
            case _:
                pass

    def _tell_end(self, result: str) -> None:
        kind = "premium.greeting" if self._premium else "greeting"
        self._exchange.emit(self._leg, f"call.machine.{kind}.ended", result=result)
        self._done()

    def _done(self) -> None:
        self._leg.remove(self)

    # ---- tones --------------------------------------------------------------------------------

    def _is_beep(self, tone: ToneEnd) -> bool:
        settings = self._settings
        return (
            tone.seconds * 1000 >= settings.beep_min_tone_duration_millis
            and settings.beep_min_frequency_hz <= tone.hz <= settings.beep_max_frequency_hz
            and not (settings.beep_spectral_reject_fax_cng and self._is_fax(tone))
        )

    @staticmethod
    def _is_fax(tone: ToneEnd) -> bool:
        calls = abs(tone.hz - CNG_HZ) <= FAX_TOLERANCE_HZ and CNG_S <= tone.seconds <= 0.7
        answers = abs(tone.hz - CED_HZ) <= FAX_TOLERANCE_HZ and tone.seconds >= CED_S
        return calls or answers


def _rules(settings: DetectionSettings, *, premium: bool) -> DetectionSettings:
    """The premium modes know two of the settings: words and silence decide nothing in them."""
    if not premium:
        return settings
    return DetectionSettings(
        greeting_duration_millis=settings.greeting_duration_millis,
        initial_silence_millis=PREMIUM_MS,
        maximum_number_of_words=1000,
        maximum_word_length_millis=settings.greeting_duration_millis,
    )
