"""Commands on conferences."""

from dataclasses import dataclass, field

from callbridge.carrier.api.calls import require_few
from callbridge.carrier.api.conferences import found, free_leg, live_leg
from callbridge.carrier.api.joining import Joining, whispered_to
from callbridge.carrier.api.operation import AccountOperation, CarrierMeans
from callbridge.carrier.api.playing import file_of, times_of
from callbridge.carrier.api.problems import refused
from callbridge.carrier.api.speech import SpokenTo
from callbridge.carrier.api.voices import spoken
from callbridge.carrier.conferences.conference import CarrierConference
from callbridge.carrier.conferences.participant import Beep, CarrierParticipant
from callbridge.carrier.core.room import Role
from callbridge.carrier.parts.keypad import CarrierKeypad
from callbridge.carrier.parts.sound_queue import MAX_QUEUED
from callbridge.carrier.shapes import JsonObject

OK: JsonObject = {"result": "ok"}


@dataclass(frozen=True, kw_only=True)
class ConferenceCommand(AccountOperation):
    """`id` is that of a conference that goes on."""

    id: str

    def act(self, means: CarrierMeans) -> JsonObject:
        conference = found(self.id, means)
        if conference.is_over:
            raise refused("90019", "the conference has ended and takes no commands")
        more = self.carry_out(conference, means)
        name = f"conference {self.facts().action}"
        means.exchange.command(conference.owner, name, self.not_simulated(), self.given)
        return OK | (more or {})

    def carry_out(self, conference: CarrierConference, means: CarrierMeans) -> JsonObject | None:
        """Returns what is answered besides the result. Raises Refused before anything has
        changed."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Once(ConferenceCommand):
    """Carried out once for each command_id."""

    command_id: str | None = None


def participant(
    call: str, conference: CarrierConference, means: CarrierMeans, pointer: str = "/call_control_id"
) -> CarrierParticipant:
    """Raises Refused for a call that is not, or not any more, in the conference."""
    live_leg(call, means, pointer)
    member = conference.members.get(call)
    if member is None:
        raise refused("90015", f"the call {call[:100]!r} is not in this conference", pointer)
    return member


@dataclass(frozen=True, kw_only=True)
class Selective(ConferenceCommand):
    """For the participants that are named, or for all."""

    call_control_ids: list[str] = field(default_factory=list[str])

    def chosen(
        self, conference: CarrierConference, means: CarrierMeans
    ) -> list[CarrierParticipant]:
        if not self.call_control_ids:
            return list(conference.members.values())
        return [
            participant(call, conference, means, "/call_control_ids")
            for call in dict.fromkeys(self.call_control_ids)
        ]


# ---- who is in it -------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class JoinConference(Joining, Once, operation_id="conferences.actions.join"):
    call_control_id: str
    client_state: str | None = None

    def carry_out(self, conference: CarrierConference, means: CarrierMeans) -> None:
        leg = free_leg(self.call_control_id, means)
        entry = self.entry(means)
        if conference.is_full:
            raise refused("90032", f"{conference.plan.max_participants} are in the conference")
        leg.client_state = self.client_state or leg.client_state
        conference.join(leg, entry)


@dataclass(frozen=True, kw_only=True)
class LeaveConference(Once, operation_id="conferences.actions.leave"):
    call_control_id: str
    beep_enabled: Beep | None = None

    def carry_out(self, conference: CarrierConference, means: CarrierMeans) -> None:
        conference.leave(participant(self.call_control_id, conference, means), self.beep_enabled)


@dataclass(frozen=True, kw_only=True)
class EndConference(Once, operation_id="conferences.actions.end_conference"):
    def carry_out(self, conference: CarrierConference, means: CarrierMeans) -> None:
        conference.end("ended_via_api")


@dataclass(frozen=True, kw_only=True)
class UpdateConference(Once, operation_id="conferences.actions.update"):
    """Another role for a participant."""

    call_control_id: str
    supervisor_role: Role
    whisper_call_control_ids: list[str] = field(default_factory=list[str])

    def carry_out(self, conference: CarrierConference, means: CarrierMeans) -> None:
        member = participant(self.call_control_id, conference, means)
        whispered = whispered_to(self.whisper_call_control_ids, means)
        conference.cast(member, self.supervisor_role, whispered)


# ---- who hears whom -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class MuteParticipants(Selective, operation_id="conferences.actions.mute"):
    def carry_out(self, conference: CarrierConference, means: CarrierMeans) -> None:
        conference.mute(self.chosen(conference, means), muted=True)


@dataclass(frozen=True, kw_only=True)
class UnmuteParticipants(Selective, operation_id="conferences.actions.unmute"):
    def carry_out(self, conference: CarrierConference, means: CarrierMeans) -> None:
        conference.mute(self.chosen(conference, means), muted=False)


@dataclass(frozen=True, kw_only=True)
class HoldParticipants(Selective, operation_id="conferences.actions.hold"):
    audio_url: str | None = None
    media_name: str | None = None

    def carry_out(self, conference: CarrierConference, means: CarrierMeans) -> None:
        audio = file_of(self.audio_url, self.media_name)
        conference.hold(self.chosen(conference, means), audio)


@dataclass(frozen=True, kw_only=True)
class UnholdParticipants(Selective, operation_id="conferences.actions.unhold"):
    def carry_out(self, conference: CarrierConference, means: CarrierMeans) -> None:
        conference.unhold(self.chosen(conference, means))


# ---- what is played -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class PlayedTo(Selective):
    """Something that is heard by the whole conference, or by the participants that are named."""

    def listeners(
        self, conference: CarrierConference, means: CarrierMeans
    ) -> list[CarrierParticipant] | None:
        """None: the whole conference. Who is on hold hears nothing but their hold audio."""
        chosen = self.chosen(conference, means) if self.call_control_ids else None
        for each in chosen or ():
            if each.on_hold:
                call = each.leg.call_control_id
                detail = f"the participant {call!r} is on hold"
                raise refused("90047", detail, "/call_control_ids", status=400)
        if any(player.is_full for player in conference.players(chosen)):
            raise refused("90033", f"{MAX_QUEUED} sounds wait to be played already")
        return chosen


@dataclass(frozen=True, kw_only=True)
class PlayToConference(PlayedTo, operation_id="conferences.actions.play"):
    audio_url: str | None = None
    loop: str | int | None = None
    media_name: str | None = None

    def carry_out(self, conference: CarrierConference, means: CarrierMeans) -> None:
        file = file_of(self.audio_url, self.media_name)
        if file is None:
            raise refused("10004", "one of audio_url and media_name is required", "/audio_url")
        times = times_of(self.loop)
        conference.play(file, times, self.listeners(conference, means))


@dataclass(frozen=True, kw_only=True)
class SpeakToConference(SpokenTo, PlayedTo, Once, operation_id="conferences.actions.speak"):
    payload: str

    def carry_out(self, conference: CarrierConference, means: CarrierMeans) -> None:
        self.check_voice(means)
        said = spoken(
            self.payload,
            voice=self.voice,
            ssml=self.payload_type == "ssml",
            language=self.language,
            service_level="premium",
        )
        conference.speak(said, self.listeners(conference, means))


@dataclass(frozen=True, kw_only=True)
class StopConferenceAudio(Selective, operation_id="conferences.actions.stop"):
    """Without names: all that plays, to the conference and to single participants."""

    def carry_out(self, conference: CarrierConference, means: CarrierMeans) -> None:
        chosen = self.chosen(conference, means)
        if not self.call_control_ids:
            conference.player.stop()
        for each in chosen:
            each.player.stop()


@dataclass(frozen=True, kw_only=True)
class SendDtmfToConference(Selective, operation_id="conferences.actions.send_dtmf"):
    digits: str
    client_state: str | None = None
    duration_millis: int = 250

    def carry_out(self, conference: CarrierConference, means: CarrierMeans) -> None:
        require_few(self.digits, "/digits")
        for each in self.chosen(conference, means):
            each.leg.client_state = self.client_state or each.leg.client_state
            CarrierKeypad.of(each.leg).press(self.digits, self.duration_millis / 1000)
