"""Text to speech on a leg."""

from dataclasses import dataclass
from typing import Literal

from callbridge.carrier.api.operation import CarrierMeans, LegCommand
from callbridge.carrier.api.problems import refused
from callbridge.carrier.audio.playout import Target
from callbridge.carrier.core.leg import CarrierLeg


@dataclass(frozen=True, kw_only=True)
class SpeakOnLeg(LegCommand, operation_id="calls.actions.speak"):
    payload: str
    payload_type: Literal["text", "ssml"] = "text"
    loop: str | int | None = None
    stop: str | None = None
    target_legs: Target = "self"

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        if not means.exchange.speaks:
            detail = "this local carrier has no voice: install callbridge[voice] and restart it"
            raise refused("10027", detail)
        times = times_of(self.loop)
        if self.stop is not None:
            means.speech.stop(leg, "all" if self.stop == "all" else "current")
        ssml = self.payload_type == "ssml"
        means.speech.say(leg, self.payload, ssml=ssml, target=self.target_legs, times=times)


def times_of(loop: str | int | None) -> int | None:
    """How often to play; None is without end. Raises Refused."""
    match loop:
        case None:
            return 1
        case "infinity":
            return None
        case str() as text if text.isdecimal() and 1 <= int(text) <= 100:
            return int(text)
        case int() as number if 1 <= number <= 100:
            return number
        case _:
            raise refused("90009", "loop is a number from 1 to 100, or infinity", "/loop")
