"""The recording of a conference: all that is said and played in it."""

from callbridge.carrier.audio.playout import RateAdapter
from callbridge.carrier.conferences.sounds import Tell
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.core.room import Room
from callbridge.carrier.parts.recording import RecordedSound, RecordingDesk, RecordingParams
from callbridge.carrier.store.recordings import RecordingText, SavedRecording
from telecodecs import Pcm


class ConferenceRecording:
    """One channel with everything, or two: the creator of the conference, and all the rest.

    What is whispered is in no recording. The sample rate is that of the room at the start."""

    def __init__(
        self,
        conference_id: str,
        params: RecordingParams,
        owner: CarrierLeg,
        room: Room,
        exchange: Exchange,
        desk: RecordingDesk,
        tell: Tell,
    ) -> None:
        self.recording_id = exchange.new_uuid()
        self.paused = False
        self._conference_id, self._params, self._owner = conference_id, params, owner
        self._room, self._exchange, self._desk, self._tell = room, exchange, desk, tell
        self._sound = RecordedSound(params, room.sample_rate, self._write)
        self._started_at, self._started_unix = exchange.timestamp(), exchange.unix_time
        self._adapters: dict[tuple[str, int], RateAdapter] = {}

    def _write(self, frames: bytes) -> None:
        self._desk.write(self.recording_id, frames)

    def end_tick(self) -> None:
        """The room is mixed."""
        if self.paused:
            return
        room = self._room
        if self._params.channels == "dual":
            own = self._at_our_rate("own", room.spoken.get(self._owner))
            self._sound.add(own, self._at_our_rate("rest", room.without(self._owner)))
        else:
            self._sound.add(self._at_our_rate("all", room.everything), None)

    def _at_our_rate(self, track: str, pcm: Pcm | None) -> Pcm | None:
        rate = self._room.sample_rate
        if rate == self._sound.sample_rate:
            return pcm
        adapter = self._adapters.get((track, rate))
        if adapter is None:
            adapter = RateAdapter(rate, self._sound.sample_rate)
            self._adapters[track, rate] = adapter
        return adapter.process(pcm)

    def stop(self) -> None:
        identity, params = self._owner.identity, self._params
        begin, end = self._sound.kept
        stem = params.file_name or self._conference_id
        recording = SavedRecording(
            id=self.recording_id,
            file_name=f"{stem}_{self._started_unix}.{params.format}",
            format=params.format,
            channels=params.in_file,
            source="conference",
            initiated_by=params.initiated_by,
            started_at=self._started_at,
            ended_at=self._exchange.timestamp(),
            duration_millis=1000 * (end - begin) // self._sound.sample_rate,
            connection_id=identity.connection_id,
            call_control_id=identity.call_control_id,
            call_leg_id=identity.call_leg_id,
            call_session_id=identity.call_session_id,
            conference_id=self._conference_id,
        )
        self._desk.save(recording, self._sound, self, transcribe=False)

    # ---- what became of it --------------------------------------------------------------------

    def recording_saved(self, recording: SavedRecording, url: str) -> None:
        fields: dict[str, object] = {
            "channels": recording.channels,
            "format": recording.format,
            "recording_id": recording.id,
            "recording_urls": {recording.format: url},
            "public_recording_urls": {},
            "recording_started_at": recording.started_at,
            "recording_ended_at": recording.ended_at,
        }
        self._tell("recording.saved", fields)

    def recording_failed(self, reason: str) -> None:
        """Conferences have no event for it: that of a call is told of the creator's."""
        self._exchange.emit(self._owner, "call.recording.error", reason=reason)

    def recording_transcribed(self, text: RecordingText) -> None:
        """Nobody can ask for it."""
