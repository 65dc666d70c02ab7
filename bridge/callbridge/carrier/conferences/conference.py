"""One conference: who is in it, who hears whom, and what its customer is told of it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import msgspec

from callbridge.carrier.conferences.floor import Floor
from callbridge.carrier.conferences.noises import Beeper, ChannelSource, ComfortNoise
from callbridge.carrier.conferences.participant import Beep, CarrierParticipant, Entry
from callbridge.carrier.conferences.recording import ConferenceRecording
from callbridge.carrier.conferences.sounds import ConferencePlayer, ConferenceSounds
from callbridge.carrier.core.events import EventScope
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.core.room import Role, Room
from callbridge.carrier.parts.recording import RecordingDesk, RecordingParams
from callbridge.carrier.parts.sounds import SoundFile, SpokenText

ConferenceEndReason = Literal["all_left", "ended_via_api", "host_left", "time_exceeded"]

LONGEST_S = 4 * 3600.0  # a conference ends after four hours, whoever is in it


class ConferencePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a conference is created with. One that does not start at once is begun by a participant
    who is said to start it; until then all are on hold."""

    name: str
    beep: Beep = "never"
    comfort_noise: bool = True
    lasts_s: float = LONGEST_S
    hold_audio: SoundFile | None = None
    max_participants: int = 250
    region: str | None = None
    starts_at_once: bool = True


class CarrierConference:
    """`owner` is the leg that created it: what is told of the conference as a whole goes where the
    webhooks of that leg go, and repeats its client_state, also when it has left.

    `over` is called when the conference has ended, before anybody is told."""

    def __init__(
        self,
        plan: ConferencePlan,
        owner: CarrierLeg,
        exchange: Exchange,
        sounds: ConferenceSounds,
        over: Callable[["CarrierConference"], None],
    ) -> None:
        self.plan, self.owner = plan, owner
        self._exchange, self._sounds, self._over = exchange, sounds, over
        self.id = exchange.new_uuid()
        self.created_at = self.updated_at = exchange.timestamp()
        self.ends_at = exchange.now + plan.lasts_s
        self.expires_at = exchange.timestamp(self.ends_at)
        self.status: Literal["init", "in_progress", "completed"] = "init"
        self.end_reason: ConferenceEndReason | None = None
        self.ended_by: CarrierLeg | None = None
        self.ended_at: float | None = None
        self.members: dict[str, CarrierParticipant] = {}  # by call_control_id, as they joined
        self.recordings: dict[str, ConferenceRecording] = {}  # that go on, by recording_id
        self._routing = owner.routing
        rate = owner.encoding.sample_rate
        self.player = ConferencePlayer(rate, self._tell_of_owner, "both")
        self._beeper = Beeper(rate)
        self._floor = Floor[CarrierLeg]()
        self.room = Room()
        noise = (ComfortNoise(),) if plan.comfort_noise else ()
        self.room.sources = (ChannelSource(self.player.channel), self._beeper, *noise)
        self._tell(owner, "created")
        if plan.starts_at_once:
            self.start()

    # ---- its webhooks -------------------------------------------------------------------------

    def _scope(self, leg: CarrierLeg) -> EventScope:
        repeated: dict[str, object] = {
            "client_state": self.owner.client_state,
            "conference_id": self.id,
            "creator_call_session_id": self.owner.identity.call_session_id,
        }
        routing = self._routing if leg is self.owner else None
        return EventScope(leg, repeated, routing, self.id)

    def _tell(self, leg: CarrierLeg, event: str, fields: dict[str, object] | None = None) -> None:
        self._exchange.emit(self._scope(leg), f"conference.{event}", **(fields or {}))

    def _tell_of_owner(self, event: str, fields: dict[str, object]) -> None:
        self._tell(self.owner, event, fields)

    # ---- who is in it -------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        return self.status == "completed"

    @property
    def is_full(self) -> bool:
        return len(self.members) >= self.plan.max_participants

    def join(self, leg: CarrierLeg, entry: Entry) -> CarrierParticipant:
        """An answered leg that is in no conference comes in; it leaves whom it was bridged with."""
        self._exchange.enter(leg, self.room)
        participant = CarrierParticipant(
            self._exchange.new_uuid(),
            leg,
            entry,
            self._exchange.timestamp(),
            sounds=self._sounds,
            tell=partial(self._tell_participant, leg),
            gone=self.leave,
        )
        self.members[leg.call_control_id] = participant
        if entry.hold or (self.status == "init" and not entry.starts_conference):
            participant.hold(entry.hold_audio or self.plan.hold_audio)
            participant.waits_for_start = not entry.hold
        self._settle([participant, *self._whisperers()])
        self._tell(leg, "participant.joined")
        if self._beeps(participant, None, "on_enter"):
            self._beeper.someone_entered()
        if entry.starts_conference:
            self.start()
        return participant

    def _tell_participant(self, leg: CarrierLeg, event: str, fields: dict[str, object]) -> None:
        self._tell(leg, f"participant.{event}", fields)

    def leave(self, participant: CarrierParticipant, beep: Beep | None = None) -> None:
        """The leg is parked, or has ended. The conference ends with its last participant, and with
        one who is said to end it."""
        self._remove(participant)
        if participant.ends_on_exit or participant.soft_ends_on_exit:
            self.end("host_left", participant.leg, hangs_up=participant.ends_on_exit)
        elif not self.members:
            self.end("all_left", participant.leg)
        else:
            self._settle(self._whisperers())
            if self._beeps(participant, beep, "on_exit"):
                self._beeper.someone_left()

    def _remove(self, participant: CarrierParticipant) -> None:
        leg = participant.leg
        del self.members[leg.call_control_id]
        participant.leave()
        self._exchange.leave(leg)
        self._floor.leave(leg)
        self._tell(leg, "participant.left")

    def _beeps(
        self, who: CarrierParticipant, now: Beep | None, moment: Literal["on_enter", "on_exit"]
    ) -> bool:
        """What is said at the moment goes before what was said at the entry, and that before what
        holds for the conference."""
        return (now or who.beep or self.plan.beep) in ("always", moment)

    def start(self) -> None:
        """Nothing happens to one that has begun. Who was put on hold by name stays there."""
        if self.status != "init":
            return
        self.status = "in_progress"
        waiting = [each for each in self.members.values() if each.waits_for_start]
        self.unhold(waiting)
        self.updated_at = self._exchange.timestamp()

    def end(
        self, reason: ConferenceEndReason, by: CarrierLeg | None = None, *, hangs_up: bool = True
    ) -> None:
        """All leave, then the conference has ended; what was played has ended before."""
        self.status, self.end_reason, self.ended_by = "completed", reason, by
        self.ended_at, self.updated_at = self._exchange.now, self._exchange.timestamp()
        self._over(self)
        self.player.stop()
        members = list(self.members.values())
        for participant in members:
            self._remove(participant)
        # The documents have no reason for one that was ended by a command.
        self._tell(self.owner, "ended", {} if reason == "ended_via_api" else {"reason": reason})
        for recording_id in list(self.recordings):
            self.stop_recording(recording_id)
        if hangs_up:
            for participant in members:
                self._exchange.customer_hangs_up(participant.leg)

    # ---- who hears whom -----------------------------------------------------------------------

    def mute(self, participants: Sequence[CarrierParticipant], *, muted: bool) -> None:
        for each in participants:
            each.muted = muted
        self._changed(participants)

    def hold(self, participants: Sequence[CarrierParticipant], audio: SoundFile | None) -> None:
        for each in participants:
            each.hold(audio)
        self._changed(participants)

    def unhold(self, participants: Sequence[CarrierParticipant]) -> None:
        for each in participants:
            each.unhold()
        self._changed(participants)

    def cast(
        self, participant: CarrierParticipant, role: Role, whisper_to: tuple[str, ...]
    ) -> None:
        participant.role, participant.whisper_to = role, whisper_to
        self._changed([participant])

    def _changed(self, participants: Sequence[CarrierParticipant]) -> None:
        for each in participants:
            each.updated_at = self._exchange.timestamp()
        self._settle(participants)

    def _settle(self, participants: Sequence[CarrierParticipant]) -> None:
        """Tell the room who hears them."""
        for each in participants:
            self.room.heard_only_by(each.leg, each.audience(self.members.values()))
            self.room.deafen(each.leg, deaf=each.on_hold)

    def _whisperers(self) -> list[CarrierParticipant]:
        """Those whose listeners depend on who is there."""
        return [each for each in self.members.values() if each.role == "whisper"]

    # ---- what is played -----------------------------------------------------------------------

    def play(
        self, file: SoundFile, times: int | None, to: Sequence[CarrierParticipant] | None = None
    ) -> None:
        """`times` None repeats it until it is stopped; `to` None plays it to the conference."""
        self._sounds.play(self.owner, self.players(to), file, times)

    def speak(self, said: SpokenText, to: Sequence[CarrierParticipant] | None = None) -> None:
        """`to` None says it to the conference."""
        self._sounds.speak(self.owner, self.players(to), said)

    def players(self, to: Sequence[CarrierParticipant] | None) -> list[ConferencePlayer]:
        """That of the conference, or those of its participants."""
        return [self.player] if to is None else [each.player for each in to]

    def record(self, params: RecordingParams, desk: RecordingDesk) -> str:
        """Until it is stopped or the conference ends. Returns its id."""
        recording = ConferenceRecording(
            self.id, params, self.owner, self.room, self._exchange, desk, self._tell_of_owner
        )
        self.recordings[recording.recording_id] = recording
        if params.beep:
            self._beeper.recording_begins()
        return recording.recording_id

    def stop_recording(self, recording_id: str) -> None:
        self.recordings.pop(recording_id).stop()

    # ---- time ---------------------------------------------------------------------------------

    def begin_tick(self) -> None:
        """End when the time is up; else tell of sounds that have begun or ended."""
        if self._exchange.now >= self.ends_at:
            self.end("time_exceeded")
        else:
            self.player.step()

    def end_tick(self) -> None:
        """All have spoken: record it, and tell of a new speaker."""
        for recording in self.recordings.values():
            recording.end_tick()
        speaker = self._floor.taken(self.room.spoken)
        if speaker is not None:
            self._tell(speaker, "floor.changed")
