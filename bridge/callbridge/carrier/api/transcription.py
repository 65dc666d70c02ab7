"""Transcription of a call: the commands, and what answer and dial say about it."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from callbridge.carrier.api.operation import CarrierMeans, LegCommand
from callbridge.carrier.api.problems import refused
from callbridge.carrier.api.relay import EngineConfig
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.parts.transcription import TranscriptionOrder

TranscriptionTracks = Literal["inbound", "outbound", "both"]


class NestedTranscription(msgspec.Struct, frozen=True):
    transcription_tracks: TranscriptionTracks = "inbound"
    transcription_engine_config: EngineConfig | None = None


@dataclass(frozen=True, kw_only=True)
class Transcribed:
    """An answer or a dial."""

    transcription: bool = False
    transcription_config: NestedTranscription | None = None

    def check_transcription(self, means: CarrierMeans) -> None:
        if self.transcription:
            _check(means)

    def transcribe(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        """From the answer on."""
        if self.transcription:
            config = self.transcription_config or NestedTranscription()
            order = _order(config.transcription_tracks, config.transcription_engine_config)
            means.transcriptions.begin(leg, order)


@dataclass(frozen=True, kw_only=True)
class StartTranscription(LegCommand, operation_id="calls.actions.start_transcription"):
    transcription_tracks: TranscriptionTracks = "inbound"
    transcription_engine_config: EngineConfig | None = None

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        if means.transcriptions.of(leg) is not None:
            raise refused("90054", "this call is being transcribed already")
        _check(means)
        order = _order(self.transcription_tracks, self.transcription_engine_config)
        means.transcriptions.begin(leg, order)


@dataclass(frozen=True, kw_only=True)
class StopTranscription(LegCommand, operation_id="calls.actions.stop_transcription"):
    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        part = means.transcriptions.of(leg)
        if part is None:
            raise refused("90055", "this call is not being transcribed")
        part.stop()


def _check(means: CarrierMeans) -> None:
    if not means.exchange.converses:
        detail = "this local carrier cannot listen: install callbridge[speech] and restart it"
        raise refused("10027", detail)


def _order(tracks: TranscriptionTracks, config: EngineConfig | None) -> TranscriptionOrder:
    interim = config is not None and config.interim_results is True
    return TranscriptionOrder(tracks=tracks, interim_results=interim)
