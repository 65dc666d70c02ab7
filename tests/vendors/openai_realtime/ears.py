"""The input buffer of a session, and the voice detector that watches it (`server_vad`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from callbridge.speech.engines import Vad
from telecodecs import Pcm, Resampler, codec, silence

EAR_RATE = 8000
ONSET_WINDOWS = 3  # of 32 ms, all of them speech
FORMS = {"audio/pcmu": ("PCMU", 8000), "audio/pcma": ("PCMA", 8000), "audio/pcm": ("L16", 24000)}


@dataclass(frozen=True)
class SpeechStarted:
    start_ms: int


@dataclass(frozen=True)
class SpeechStopped:
    start_ms: int
    end_ms: int


class InputBuffer:
    """Positions are ms of all the audio that was ever appended in the session."""

    def __init__(self, vad: Vad, form: Mapping[str, Any]) -> None:
        self._vad = vad
        self._codec = codec(*FORMS[form["type"]])
        rate = self._codec.encoding.sample_rate
        self._resampler = Resampler(rate, EAR_RATE) if rate != EAR_RATE else None
        self._pcm: Pcm = silence(0)  # from `_start` on
        self._start = 0  # the sample at which the buffer begins
        self._judged = 0  # the sample up to which the detector has heard
        self._voiced = self._quiet = 0  # windows in a row
        self._speech_from: int | None = None

    @property
    def end_ms(self) -> int:
        return 1000 * (self._start + len(self._pcm)) // EAR_RATE

    @property
    def length_ms(self) -> int:
        """Of what was not committed yet."""
        return 1000 * len(self._pcm) // EAR_RATE

    def append(self, payload: bytes) -> None:
        pcm = self._codec.decode(payload)
        if self._resampler is not None:
            pcm = self._resampler.process(pcm)
        self._pcm = np.concatenate([self._pcm, pcm])

    def clear(self) -> None:
        self._forget_until(self._start + len(self._pcm))
        self._speech_from = None

    def take(self, start_ms: int | None = None) -> Pcm:
        """Commit: all of it, or from a position on."""
        taken = self._pcm
        if start_ms is not None:
            taken = taken[max(0, start_ms * EAR_RATE // 1000 - self._start) :]
        self.clear()
        return taken

    def listen(self, settings: Mapping[str, Any]) -> "list[SpeechStarted | SpeechStopped]":
        """What the detector makes of what was appended."""
        found: list[SpeechStarted | SpeechStopped] = []
        window = self._vad.window
        if self._speech_from is None:  # nobody speaks: only what may be a beginning is kept
            padding = settings.get("prefix_padding_ms", 300) * EAR_RATE // 1000
            self._forget_until(self._judged - padding - ONSET_WINDOWS * window)
        while self._judged + window <= self._start + len(self._pcm):
            at = self._judged - self._start
            piece = self._pcm[at : at + window]
            self._judged += window
            speech = self._vad.probability(piece) >= settings.get("threshold", 0.5)
            self._voiced = self._voiced + 1 if speech else 0
            self._quiet = 0 if speech else self._quiet + 1
            if (event := self._judge(window, settings)) is not None:
                found.append(event)
        return found

    def _judge(
        self, window: int, settings: Mapping[str, Any]
    ) -> SpeechStarted | SpeechStopped | None:
        if self._speech_from is None and self._voiced >= ONSET_WINDOWS:
            padding = settings.get("prefix_padding_ms", 300) * EAR_RATE // 1000
            began = self._judged - ONSET_WINDOWS * window - padding
            self._speech_from = max(self._start, began)
            return SpeechStarted(1000 * self._speech_from // EAR_RATE)
        patience = settings.get("silence_duration_ms", 500) * EAR_RATE / 1000
        if self._speech_from is not None and self._quiet * window >= patience:
            began, self._speech_from = self._speech_from, None
            return SpeechStopped(1000 * began // EAR_RATE, 1000 * self._judged // EAR_RATE)
        return None

    def _forget_until(self, sample: int) -> None:
        dropped = min(max(0, sample - self._start), len(self._pcm))
        self._pcm = self._pcm[dropped:]
        self._start += dropped
        self._judged = max(self._judged, self._start)
