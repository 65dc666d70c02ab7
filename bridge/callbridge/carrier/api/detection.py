"""Answering machine detection, which dial and transfer ask for on their new leg."""

from dataclasses import dataclass
from typing import Literal

from callbridge.carrier.api.operation import CarrierMeans
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.parts.detection import DetectionMode
from callbridge.carrier.parts.greeting import DetectionSettings


@dataclass(frozen=True, kw_only=True)
class Detected:
    answering_machine_detection: DetectionMode | Literal["disabled"] = "disabled"
    answering_machine_detection_config: DetectionSettings | None = None

    def detect(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        """From the moment that somebody picks up."""
        mode = self.answering_machine_detection
        if mode != "disabled":
            settings = self.answering_machine_detection_config or DetectionSettings()
            means.detections.begin(leg, mode, settings)
