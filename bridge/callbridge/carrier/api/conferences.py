"""Conferences and their participants as resources."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from callbridge.carrier.api.operation import AccountOperation, CarrierMeans
from callbridge.carrier.api.playing import file_of
from callbridge.carrier.api.problems import refused
from callbridge.carrier.conferences.conference import LONGEST_S, CarrierConference, ConferencePlan
from callbridge.carrier.conferences.participant import Beep, CarrierParticipant, Entry
from callbridge.carrier.core.leg import CarrierLeg, LegState
from callbridge.carrier.shapes import JsonObject
from callbridge.carrier.store.store import Page, page_of

STATUSES = ("init", "in_progress", "completed")


@dataclass(frozen=True, kw_only=True)
class CreateConference(AccountOperation, operation_id="conferences.create"):
    call_control_id: str
    name: str
    beep_enabled: Beep = "never"
    client_state: str | None = None
    comfort_noise: bool = True
    command_id: str | None = None
    duration_minutes: int | None = None
    hold_audio_url: str | None = None
    hold_media_name: str | None = None
    max_participants: int = 250
    region: str | None = None
    start_conference_on_create: bool = True

    def act(self, means: CarrierMeans) -> JsonObject:
        leg = free_leg(self.call_control_id, means)
        hold_audio = file_of(self.hold_audio_url, self.hold_media_name, "hold_")
        if means.conferences.named(self.name) is not None:
            raise refused("90033", "an active conference has that name", "/name")
        plan = ConferencePlan(
            name=self.name,
            beep=self.beep_enabled,
            comfort_noise=self.comfort_noise,
            lasts_s=min(60.0 * self.duration_minutes, LONGEST_S)
            if self.duration_minutes
            else LONGEST_S,
            hold_audio=hold_audio,
            max_participants=self.max_participants,
            region=self.region,
            starts_at_once=self.start_conference_on_create,
        )
        leg.client_state = self.client_state or leg.client_state
        conference = means.conferences.create(plan, leg, Entry())
        means.exchange.command(leg, "conference create", self.not_simulated(), self.given)
        return shown(conference)


@dataclass(frozen=True, kw_only=True)
class RetrieveConference(AccountOperation, operation_id="conferences.retrieve"):
    id: str

    def act(self, means: CarrierMeans) -> JsonObject:
        return shown(found(self.id, means))


@dataclass(frozen=True, kw_only=True)
class ListConferences(AccountOperation, operation_id="conferences.list"):
    """Those that expire last come first."""

    filter: JsonObject = field(default_factory=dict[str, object])
    page_number: int = 1
    page_size: int = 20
    region: str | None = None

    def act(self, means: CarrierMeans) -> Page:
        wanted = filters(self.filter, {"name": str, "status": status, "connection_id": str})
        if self.region is not None:
            wanted["region"] = self.region
        items = [shown(each) for each in means.conferences.newest_first()]
        items = [item for item in items if wanted.items() <= item.items()]
        return page_of(items, number=self.page_number, size=self.page_size)


@dataclass(frozen=True, kw_only=True)
class ListParticipants(AccountOperation, operation_id="conferences.list_participants"):
    """Those who are there, as they came; who has left is no participant any more."""

    conference_id: str
    filter: JsonObject = field(default_factory=dict[str, object])
    page_number: int = 1
    page_size: int = 20

    def act(self, means: CarrierMeans) -> Page:
        conference = found(self.conference_id, means)
        known = {"muted": yes_or_no, "on_hold": yes_or_no, "whispering": yes_or_no}
        wanted = filters(self.filter, known)
        items = [
            participant_shown(each)
            | {
                "record_type": "participant",
                "conference": {"id": conference.id, "name": conference.plan.name},
            }
            for each in conference.members.values()
            if wanted.items() <= _states(each).items()
        ]
        return page_of(items, number=self.page_number, size=self.page_size)


@dataclass(frozen=True, kw_only=True)
class RetrieveParticipant(AccountOperation, operation_id="conferences.retrieve_participant"):
    id: str
    participant_id: str

    def act(self, means: CarrierMeans) -> JsonObject:
        conference = found(self.id, means)
        participant = _participant(conference, self.participant_id)
        return participant_shown(participant) | {"conference_id": conference.id, "label": None}


@dataclass(frozen=True, kw_only=True)
class UpdateParticipant(AccountOperation, operation_id="conferences.update_participant"):
    id: str
    participant_id: str
    beep_enabled: Beep | None = None
    end_conference_on_exit: bool | None = None
    soft_end_conference_on_exit: bool | None = None

    def act(self, means: CarrierMeans) -> JsonObject:
        conference = found(self.id, means)
        participant = _participant(conference, self.participant_id)
        if self.beep_enabled is not None:
            participant.beep = self.beep_enabled
        if self.end_conference_on_exit is not None:
            participant.ends_on_exit = self.end_conference_on_exit
        if self.soft_end_conference_on_exit is not None:
            participant.soft_ends_on_exit = self.soft_end_conference_on_exit
        participant.updated_at = means.exchange.timestamp()
        return participant_shown(participant) | {"conference_id": conference.id, "label": None}


# ---- what requests name ------------------------------------------------------------------------


def found(id: str, means: CarrierMeans) -> CarrierConference:
    conference = means.conferences.find(id)
    if conference is None:
        raise refused("90058", f"no conference {id[:100]!r}", status=404)
    return conference


def live_leg(call: str, means: CarrierMeans, pointer: str = "/call_control_id") -> CarrierLeg:
    leg = means.exchange.find(call)
    if leg is None:
        raise refused("90015", f"no call {call[:100]!r}", pointer)
    if leg.state is LegState.ENDED:
        raise refused("90018", f"the call {call[:100]!r} has ended", pointer)
    return leg


def free_leg(call: str, means: CarrierMeans) -> CarrierLeg:
    """One that can join a conference."""
    leg = live_leg(call, means)
    if leg.state is not LegState.ANSWERED:
        raise refused("90034", "only an answered call can join a conference", "/call_control_id")
    if means.conferences.of(leg) is not None:
        detail = "the call is in a conference: it has to leave that one first"
        raise refused("90044", detail, "/call_control_id")
    return leg


def _participant(conference: CarrierConference, id: str) -> CarrierParticipant:
    for each in conference.members.values():
        if each.id == id:
            return each
    raise refused("10005", f"no participant {id[:100]!r} is in the conference", status=404)


# ---- lists ------------------------------------------------------------------------------------


def filters(given: JsonObject, known: Mapping[str, Callable[[str], object]]) -> JsonObject:
    """Raises Refused for a filter that this carrier does not know, or a value that it cannot be."""
    for name in given:
        if name not in known:
            raise refused("10027", f"this local carrier does not filter by {name}", "/filter")
    return {name: known[name](str(value)) for name, value in given.items()}


def status(value: str) -> str:
    if value not in STATUSES:
        raise refused("10032", f"status must be one of {', '.join(STATUSES)}", "/filter")
    return value


def yes_or_no(value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise refused("10032", "filter with true or false", "/filter")
    return value.lower() == "true"


# ---- what answers show ------------------------------------------------------------------------


def shown(conference: CarrierConference) -> JsonObject:
    by = conference.ended_by
    return {
        "record_type": "conference",
        "id": conference.id,
        "name": conference.plan.name,
        "created_at": conference.created_at,
        "updated_at": conference.updated_at,
        "expires_at": conference.expires_at,
        "connection_id": conference.owner.identity.connection_id,
        "region": conference.plan.region,
        "status": conference.status,
        "end_reason": conference.end_reason,
        "ended_by": {
            "call_control_id": by.call_control_id if by else None,
            "call_session_id": by.identity.call_session_id if by else None,
        },
    }


def participant_shown(participant: CarrierParticipant) -> JsonObject:
    return {
        "id": participant.id,
        "call_control_id": participant.leg.call_control_id,
        "call_leg_id": participant.leg.identity.call_leg_id,
        "created_at": participant.created_at,
        "updated_at": participant.updated_at,
        "end_conference_on_exit": participant.ends_on_exit,
        "soft_end_conference_on_exit": participant.soft_ends_on_exit,
        "muted": participant.muted,
        "on_hold": participant.on_hold,
        "status": "joined",
        "whisper_call_control_ids": list(participant.whisper_to),
    }


def _states(participant: CarrierParticipant) -> JsonObject:
    return {
        "muted": participant.muted,
        "on_hold": participant.on_hold,
        "whispering": participant.role == "whisper",
    }
