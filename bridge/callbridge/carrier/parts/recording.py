"""The recording of one leg: its sound on the way to the shell, and when it is over."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal, Protocol

import msgspec
import numpy as np

from callbridge.carrier.audio.playout import TICKS_PER_S, CarrierPlayout, Channel
from callbridge.carrier.core.effects import RecordingFormat
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg, LegState
from callbridge.carrier.core.part import Part
from callbridge.carrier.store.recordings import RecordingText, SavedRecording
from telecodecs import Pcm, silence
from telecodecs.mix import add, clip

RecordingChannels = Literal["single", "dual"]
RecordingTrack = Literal["both", "inbound", "outbound"]

WRITE_TICKS = TICKS_PER_S  # a second of sound is written at a time
# What is no silence, in samples: that begins speech (-30 dBFS), and that belongs to it (-44 dBFS).
LOUD, AUDIBLE = 1000, 200
LOUD_TICKS, OF_TICKS = 5, 8  # speech is 100 ms of loud sound within 160 ms
# The platform says that there is a beep, and not which.
BEEP_S, BEEP_HZ, BEEP_LEVEL = 0.4, 1000.0, 8000


def beep(sample_rate: int) -> Pcm:
    at = np.arange(round(BEEP_S * sample_rate)) / sample_rate
    return np.asarray(BEEP_LEVEL * np.sin(2 * np.pi * BEEP_HZ * at), np.int16)


class RecordingParams(msgspec.Struct, frozen=True, kw_only=True):
    """What a command says of a recording; 0 s is without end. `silence_s` ends it after speech."""

    format: RecordingFormat
    channels: RecordingChannels
    initiated_by: str
    track: RecordingTrack = "both"
    beep: bool = False
    max_length_s: int = 0
    silence_s: int = 0
    trim: bool = False
    file_name: str | None = None
    transcribe: bool = False

    @property
    def in_file(self) -> RecordingChannels:
        """One track alone is mono, whatever was asked for."""
        return self.channels if self.track == "both" else "single"


class RecordedSound:
    """Two tracks, 20 ms by 20 ms, on their way to the shell: no more than a second of them is here.

    `write` takes frames of 16 bit, little-endian: inbound left and outbound right, or one channel
    with both of them mixed or one alone."""

    def __init__(
        self, params: RecordingParams, sample_rate: int, write: Callable[[bytes], None]
    ) -> None:
        self.sample_rate = sample_rate
        self._params, self._write = params, write
        self._step = sample_rate // TICKS_PER_S
        self._silence = silence(self._step)
        self._waiting: list[tuple[Pcm, Pcm]] = []
        self._ticks = 0
        self._beep_ticks = round(BEEP_S * TICKS_PER_S) if params.beep else 0
        self._audible: tuple[int, int] | None = None  # first and last tick that is not silence
        self._speech = SpeechPause() if params.silence_s else None

    def add(self, inbound: Pcm | None, outbound: Pcm | None) -> None:
        """20 ms of both tracks; None is silence."""
        self._ticks += 1
        params = self._params
        heard = (
            *([inbound] if params.track != "outbound" else []),
            *([outbound] if params.track != "inbound" else []),
        )
        level = _level(heard) if params.trim or params.silence_s else 0
        if level > AUDIBLE:
            first = self._ticks - 1 if self._audible is None else self._audible[0]
            self._audible = first, self._ticks
        if self._speech is not None and self._ticks > self._beep_ticks:
            self._speech.hear(level)
        silent = self._silence
        self._waiting.append(
            (silent if inbound is None else inbound, silent if outbound is None else outbound)
        )
        if len(self._waiting) >= WRITE_TICKS:
            self.flush()

    @property
    def over(self) -> bool:
        """It is as long as it may be, or nobody has spoken for as long as that may be."""
        params = self._params
        if params.max_length_s and self._ticks >= params.max_length_s * TICKS_PER_S:
            return True
        pause = self._speech.ticks if self._speech is not None else 0
        return pause > 0 and pause >= params.silence_s * TICKS_PER_S

    @property
    def kept(self) -> tuple[int, int]:
        """First frame and the one behind the last: all, or without the silence at both ends."""
        begin, end = (self._audible or (0, 0)) if self._params.trim else (0, self._ticks)
        return begin * self._step, end * self._step

    def flush(self) -> None:
        if not self._waiting:
            return
        inbound, outbound = (np.concatenate(track) for track in zip(*self._waiting, strict=True))
        self._waiting = []
        self._write(self._frames(inbound, outbound).astype("<i2").tobytes())

    def _frames(self, inbound: Pcm, outbound: Pcm) -> Pcm:
        if self._params.track != "both":
            return inbound if self._params.track == "inbound" else outbound
        if self._params.channels == "dual":
            return np.stack((inbound, outbound), axis=1)
        return clip(add([inbound, outbound]))


class SpeechPause:
    """How long nobody has spoken, since somebody first did."""

    def __init__(self) -> None:
        self._loud: deque[bool] = deque(maxlen=OF_TICKS)
        self._begun = False
        self.ticks = 0

    def hear(self, level: int) -> None:
        """The loudest sample of 20 ms."""
        self._loud.append(level > LOUD)
        self._begun = self._begun or sum(self._loud) >= LOUD_TICKS
        self.ticks = self.ticks + 1 if self._begun and level <= AUDIBLE else 0


def _level(tracks: Iterable[Pcm | None]) -> int:
    return max((max(int(pcm.max()), -int(pcm.min())) for pcm in tracks if pcm is not None),
               default=0)  # fmt: skip


class RecordingOwner(Protocol):
    """Who is told what became of a recording: a leg, or a conference."""

    def recording_saved(self, recording: SavedRecording, url: str) -> None: ...

    def recording_failed(self, reason: str) -> None:
        """In the platform's words."""
        ...

    def recording_transcribed(self, text: RecordingText) -> None: ...


class RecordingDesk(Protocol):
    """Where finished recordings go."""

    def write(self, recording_id: str, frames: bytes) -> None: ...

    def save(
        self, recording: SavedRecording, sound: RecordedSound, owner: RecordingOwner,
        *, transcribe: bool,
    ) -> None: ...  # fmt: skip


class RecordingPart(Part):
    """From the answer of its leg, or at once, until it is stopped, long enough, or the leg ends."""

    def __init__(
        self,
        leg: CarrierLeg,
        exchange: Exchange,
        desk: RecordingDesk,
        recording_id: str,
        params: RecordingParams,
    ) -> None:
        self.recording_id = recording_id
        self.paused = False
        self._leg, self._exchange, self._desk, self._params = leg, exchange, desk, params
        self._sound: RecordedSound | None = None
        self._started_at = ""
        self._started_unix = 0
        self._beep: Channel | None = None
        if leg.state is LegState.ANSWERED:
            self.leg_answered()

    @property
    def doing(self) -> str:
        return "recording paused" if self.paused else "records"

    def leg_answered(self) -> None:
        rate, desk, recording_id = self._leg.encoding.sample_rate, self._desk, self.recording_id
        self._sound = RecordedSound(
            self._params, rate, lambda frames: desk.write(recording_id, frames)
        )
        self._started_at = self._exchange.timestamp()
        self._started_unix = self._exchange.unix_time
        if self._params.beep:
            self._beep = Channel(CarrierPlayout(rate), "both")
            self._beep.playout.put(beep(rate))
            self._leg.play(self._beep)

    def begin_tick(self) -> None:
        if self._beep is not None:
            self._beep.playout.finish()
            if self._beep.playout.idle:
                self._leg.silence(self._beep)
                self._beep = None

    def end_tick(self, said: Pcm | None, heard: Pcm | None) -> None:
        if self._sound is None or self.paused:
            return
        self._sound.add(said, heard)
        if self._sound.over:
            self.stop()

    def leg_ended(self) -> None:
        self.stop()

    def stop(self) -> None:
        """What was recorded is saved; of a leg that was never answered there is nothing."""
        self._leg.remove(self)
        if self._beep is not None:
            self._leg.silence(self._beep)
        if self._sound is not None:
            sound, self._sound = self._sound, None
            transcribe = self._params.transcribe
            self._desk.save(self._recording(sound), sound, self, transcribe=transcribe)

    def _recording(self, sound: RecordedSound) -> SavedRecording:
        identity, params = self._leg.identity, self._params
        begin, end = sound.kept
        stem = params.file_name or identity.call_leg_id
        return SavedRecording(
            id=self.recording_id,
            file_name=f"{stem}_{self._started_unix}.{params.format}",
            format=params.format,
            channels=params.in_file,
            source="call",
            initiated_by=params.initiated_by,
            started_at=self._started_at,
            ended_at=self._exchange.timestamp(),
            duration_millis=1000 * (end - begin) // sound.sample_rate,
            connection_id=identity.connection_id,
            call_control_id=identity.call_control_id,
            call_leg_id=identity.call_leg_id,
            call_session_id=identity.call_session_id,
            from_=identity.from_,
            to=identity.to,
        )

    # ---- what became of it --------------------------------------------------------------------

    def recording_saved(self, recording: SavedRecording, url: str) -> None:
        self._tell(
            "call.recording.saved",
            channels=recording.channels,
            format=recording.format,
            recording_id=recording.id,
            recording_urls={recording.format: url},
            public_recording_urls={},
            recording_started_at=recording.started_at,
            recording_ended_at=recording.ended_at,
            start_time=recording.started_at,
            end_time=recording.ended_at,
            occurred_at=self._exchange.timestamp(),
        )

    def recording_failed(self, reason: str) -> None:
        self._tell("call.recording.error", reason=reason)

    def recording_transcribed(self, text: RecordingText) -> None:
        self._tell(
            "call.recording.transcription.saved",
            recording_id=text.recording_id,
            recording_transcription_id=text.id,
            status="completed",
            transcription_text=text.text,
        )

    def _tell(self, event: str, **fields: object) -> None:
        """Where the command said: the shell answers when no part has its turn."""
        with self._leg.for_part(self):
            self._exchange.emit(self._leg, event, **fields)
