"""Answering machine detection on a leg that was dialled: who has picked up, and when a machine has
said its greeting.

The rules on sound and silence decide everywhere; in the premium modes the words of a greeting help
them, where there is a recogniser. What the documents leave open is in docs/detection.md."""

from typing import Literal

from callbridge.carrier.audio.level import SpeechLevel
from callbridge.carrier.audio.tone import FIND_PURITY, ToneEnd, ToneFinder
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.core.part import Part
from callbridge.carrier.parts.detection_tones import is_answering_fax, is_beep, is_fax
from callbridge.carrier.parts.greeting import DetectionSettings, Greeting, GreetingVerdict
from callbridge.carrier.parts.greeting_ear import GreetingEar, RecogniseGreeting
from telecodecs import Pcm

DetectionMode = Literal[
    "detect",
    "detect_beep",
    "detect_words",
    "greeting_end",
    "premium",
    "premium_ios_call_screening_detection",
]

BEEP_TIMER_MS = 30000  # from the verdict
STANDARD_MS, PREMIUM_MS = 3500, 30000  # for the verdict, where a command does not say
SILENCE_MS = 5000
RESIDENCE_MS = 1500  # "Hello?", "Miller."; who says more is at work
OFFICE_TIMES = 2  # a person's greeting may be so much longer whose words are a person's
TONE_S = 0.1  # what may become a beep is no word
KNOWN_PAUSE_MS = 650  # after "Hello?", or "Stay on the line."
WAIT_FOR_WORDS_MS = 2500  # of silence, in which a recogniser answers even on a busy machine


class DetectionPart(Part):
    """From the answer to its last event; then it is gone. `recognise` None: nobody understands
    words."""

    def __init__(
        self,
        leg: CarrierLeg,
        exchange: Exchange,
        mode: DetectionMode,
        settings: DetectionSettings,
        recognise: RecogniseGreeting | None = None,
    ) -> None:
        self._leg, self._exchange, self._mode = leg, exchange, mode
        self._premium = understands(mode)
        self._settings = _of_premium(settings) if self._premium else settings
        self._recognise = recognise if self._premium else None
        total_ms = settings.total_analysis_time_millis
        if total_ms is None:
            total_ms = PREMIUM_MS if self._premium else STANDARD_MS
        self._total_ms = total_ms
        # Somebody at work says more than at home.
        self._office_ms = OFFICE_TIMES * settings.greeting_duration_millis
        self._screened = False  # a screening is over, and detection has begun anew
        self._begin()

    def _begin(self) -> None:
        settings = self._settings
        self._level = SpeechLevel(settings.silence_threshold, adapts=self._premium)
        self._greeting = Greeting(settings, self._total_ms, guesses=not self._premium)
        self._tones = ToneFinder(
            self._leg.encoding.sample_rate,
            purity=min(FIND_PURITY, settings.beep_spectral_min_purity),
            window_ms=settings.beep_spectral_window_millis,
        )
        self._ear = self._new_ear()
        self._began_at = self._exchange.now
        self._machine_at: float | None = None  # when the verdict was that it is one
        self._screens = False  # a screening has asked who is calling
        self._answerable = False  # and waits for the answer

    def _new_ear(self) -> GreetingEar | None:
        if self._recognise is None:
            return None
        return GreetingEar(self._leg.encoding.sample_rate, self._recognise)

    @property
    def doing(self) -> str:
        return "detects machines"

    def leg_answered(self) -> None:
        self._began_at = self._exchange.now

    def end_tick(self, said: Pcm | None, heard: Pcm | None) -> None:
        loud = self._level.is_loud(said)
        ended = self._tones.hear(said)
        is_word = loud and self._tones.sounding_s < TONE_S
        if self._ear is not None:
            self._ear.hear(said, loud=is_word)
        nobody_yet = self._machine_at is None
        if self._premium and nobody_yet and self._hears_fax(ended):
            self._tell_verdict("fax_detected")
            self._done()
        elif self._hears_beep(ended):
            self._beeped()
        elif nobody_yet:
            self._judge(self._verdict(loud=is_word))
        else:
            self._greeting.hear(loud=loud)  # only for how long it is quiet
            self._wait()

    # ---- who it is ----------------------------------------------------------------------------

    def _verdict(self, *, loud: bool) -> GreetingVerdict | None:
        """The rules', but where words know better."""
        verdict = self._greeting.hear(loud=loud)
        if self._tones.sounding_s >= TONE_S:  # no silence in which a person waits
            return None if verdict == "human" else verdict
        ear = self._ear
        if ear is None:
            return verdict
        match ear.speaker:
            case "machine" | "screening":
                return "machine"
            case "person" if verdict == "machine" and self._greeting.length_ms < self._office_ms:
                return None
            case "person" if ear.knows_all and self._greeting.quiet_ms >= KNOWN_PAUSE_MS:
                return "human"
            case _ if verdict == "human" and self._words_are_to_come(ear):
                return None
            case _ if verdict == "human" and ear.hears_no_words:
                return None
            case _:
                return verdict

    def _words_are_to_come(self, ear: GreetingEar) -> bool:
        """It is quiet, and not yet known what has been said. They are asked for."""
        if ear.knows_all or self._greeting.quiet_ms >= WAIT_FOR_WORDS_MS:
            return False
        ear.ask()
        return True

    def _judge(self, verdict: GreetingVerdict | None) -> None:
        if self._is_silent():
            self._tell_verdict("silence")
            self._done()
        elif verdict == "machine":
            self._tell_verdict("machine")
            self._machine_at = self._exchange.now
            if self._mode == "detect":
                self._done()
            elif not self._may_be_screened():
                self._ear = None
        elif verdict is not None:
            self._tell_verdict(self._of_person(verdict))
            self._done()

    def _may_be_screened(self) -> bool:
        """A machine by sound alone, or by the words of a screening."""
        screens = self._mode == "premium_ios_call_screening_detection" and not self._screened
        return screens and self._ear is not None and self._ear.speaker != "machine"

    def _is_silent(self) -> bool:
        """Behind a screening nobody is: there, somebody is being asked to pick up."""
        is_asked = self._premium and not self._screened
        return is_asked and self._no_words() and self._greeting.quiet_ms >= SILENCE_MS

    def _no_words(self) -> bool:
        return not self._greeting.begun or (self._ear is not None and self._ear.hears_no_words)

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
        if self._screens:
            self._screening_is_over()
        elif self._mode == "greeting_end":
            self._tell_end("ended")
        elif self._mode == "detect":
            self._done()
        else:
            self._tell_end("beep_detected")

    def _wait(self) -> None:
        """For the end of the greeting of a machine."""
        assert self._machine_at is not None, "the verdict was told"
        settings, now = self._settings, self._exchange.now
        waited_ms = (now - self._machine_at) * 1000
        quiet = self._greeting.quiet_ms >= settings.greeting_silence_duration_millis
        match self._mode:
            case "greeting_end" if quiet:
                self._tell_end("ended")
            case "greeting_end" if waited_ms >= settings.greeting_total_analysis_time_millis:
                self._tell_end("not_sure")
            case "detect_words" if waited_ms >= BEEP_TIMER_MS:
                self._tell_end("not_sure")
            case "detect_beep" if waited_ms >= BEEP_TIMER_MS:
                self._give_up_beep()
            case "premium_ios_call_screening_detection" if not self._screened:
                self._wait_for_prompt(waited_ms, quiet=quiet)
            case "premium" | "premium_ios_call_screening_detection" if (
                now - self._began_at
            ) * 1000 >= self._total_ms:
                self._tell_end("no_beep_detected")
            case _:
                pass

    def _give_up_beep(self) -> None:
        if self._exchange.config.beep_timer_tells:
            self._tell_greeting_ended("not_sure")
        self._done()

    def _tell_end(self, result: str) -> None:
        self._tell_greeting_ended(result)
        self._done()

    def _tell_greeting_ended(self, result: str) -> None:
        kind = "premium.greeting" if self._premium else "greeting"
        self._exchange.emit(self._leg, f"call.machine.{kind}.ended", result=result)

    def _done(self) -> None:
        self._leg.remove(self)

    # ---- a screening of calls -------------------------------------------------------------------

    def _wait_for_prompt(self, waited_ms: float, *, quiet: bool) -> None:
        """For its end; of a screening also for what follows the caller's answer."""
        if self._ear is not None and not self._answerable:
            quiet = quiet and not self._words_are_to_come(self._ear)
            self._listen_for_screening(self._ear)
        given_up = waited_ms >= self._settings.prompt_end_timeout_millis
        if self._answerable and self._ear is not None and not given_up:
            self._listen_for_end_of_screening(self._ear, quiet=quiet)
        elif quiet and not self._answerable:
            self._tell_greeting_ended("prompt_ended")
            if self._screens:
                self._answerable, self._ear = True, self._new_ear()
            else:
                self._done()
        elif given_up:
            if not self._answerable:
                self._tell_greeting_ended("no_beep_detected")
            self._done()

    def _listen_for_screening(self, ear: GreetingEar) -> None:
        self._screens = ear.speaker == "screening"
        if ear.speaker is not None:
            self._ear = None

    def _listen_for_end_of_screening(self, ear: GreetingEar, *, quiet: bool) -> None:
        """What else is said together with "stay on the line" is not said by who picks up then."""
        has_ended = ear.knows_all and self._greeting.quiet_ms >= KNOWN_PAUSE_MS
        if has_ended and ear.passes_on:
            self._screening_is_over()
        elif has_ended and ear.speaker == "person":  # the words before were not understood
            self._screening_is_over()
            self._tell_verdict("human_residence")
            self._done()
        elif quiet and ear.knows_all and ear.text:
            self._ear = self._new_ear()  # what is said next is another sentence

    def _screening_is_over(self) -> None:
        """Who picks up now is to be found out as if the call had just been answered."""
        kind = "call.machine.premium.call_screening.detected"
        self._exchange.emit(self._leg, kind, result="screening")
        self._screened = True
        self._begin()

    # ---- tones --------------------------------------------------------------------------------

    def _hears_fax(self, ended: ToneEnd | None) -> bool:
        tones = self._tones
        return (ended is not None and is_fax(ended)) or is_answering_fax(tones.hz, tones.sounding_s)

    def _hears_beep(self, ended: ToneEnd | None) -> bool:
        spoken = not self._no_words()
        return ended is not None and is_beep(ended, self._settings, after_words=spoken)


def understands(mode: DetectionMode) -> bool:
    """Whether the words of a greeting count in it: in the premium modes."""
    return mode.startswith("premium")


def _of_premium(settings: DetectionSettings) -> DetectionSettings:
    """The premium modes know three of the settings: words and silence decide nothing in them."""
    return DetectionSettings(
        greeting_duration_millis=settings.greeting_duration_millis,
        initial_silence_millis=PREMIUM_MS,
        maximum_number_of_words=1000,
        maximum_word_length_millis=settings.greeting_duration_millis,
        prompt_end_timeout_millis=settings.prompt_end_timeout_millis,
    )
