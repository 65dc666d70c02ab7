"""Text to speech on a leg."""

from dataclasses import dataclass
from typing import Literal

from callbridge.carrier.api.operation import CarrierMeans, LegCommand
from callbridge.carrier.api.playing import stop_first, times_of
from callbridge.carrier.api.problems import refused
from callbridge.carrier.api.voices import spoken
from callbridge.carrier.audio.playout import Target
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.parts.sound_queue import Which


@dataclass(frozen=True, kw_only=True)
class SpokenTo:
    """How a text is to be spoken."""

    voice: str
    payload_type: Literal["text", "ssml"] = "text"
    language: str | None = None

    def check_voice(self, means: CarrierMeans) -> None:
        if not means.exchange.speaks:
            detail = "this local carrier has no voice: install callbridge[voice] and restart it"
            raise refused("10027", detail)


@dataclass(frozen=True, kw_only=True)
class Voiced(SpokenTo):
    """The same on a leg."""

    service_level: str = "premium"


@dataclass(frozen=True, kw_only=True)
class SpeakOnLeg(Voiced, LegCommand, operation_id="calls.actions.speak"):
    payload: str
    loop: str | int | None = None
    stop: Which | None = None
    target_legs: Target = "self"

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        self.check_voice(means)
        times = times_of(self.loop)
        said = spoken(
            self.payload,
            voice=self.voice,
            ssml=self.payload_type == "ssml",
            language=self.language,
            service_level=self.service_level,
        )
        stop_first(leg, self.stop)
        means.speech.say(leg, said, target=self.target_legs, times=times)
