"""What commands say of a leg that joins a conference."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from callbridge.carrier.api.conferences import found, live_leg
from callbridge.carrier.api.operation import CarrierMeans
from callbridge.carrier.api.playing import file_of
from callbridge.carrier.api.problems import refused
from callbridge.carrier.conferences.conference import ConferencePlan
from callbridge.carrier.conferences.conferences import ConferenceInvitation
from callbridge.carrier.conferences.participant import Beep, Entry
from callbridge.carrier.core.room import Role


@dataclass(frozen=True, kw_only=True)
class Joining:
    """What a join and a dial say of the participant."""

    beep_enabled: Beep | None = None
    end_conference_on_exit: bool = False
    hold: bool = False
    hold_audio_url: str | None = None
    hold_media_name: str | None = None
    mute: bool = False
    soft_end_conference_on_exit: bool = False
    start_conference_on_enter: bool = False
    supervisor_role: Role = "none"
    whisper_call_control_ids: list[str] = field(default_factory=list[str])

    def entry(self, means: CarrierMeans) -> Entry:
        return Entry(
            beep=self.beep_enabled,
            ends_on_exit=self.end_conference_on_exit,
            soft_ends_on_exit=self.soft_end_conference_on_exit,
            hold=self.hold,
            hold_audio=file_of(self.hold_audio_url, self.hold_media_name, "hold_"),
            mute=self.mute,
            starts_conference=self.start_conference_on_enter,
            role=self.supervisor_role,
            whisper_to=whispered_to(self.whisper_call_control_ids, means),
        )


def whispered_to(calls: Sequence[str], means: CarrierMeans) -> tuple[str, ...]:
    """Live calls: they may join after their supervisor."""
    for call in calls:
        live_leg(call, means, "/whisper_call_control_ids")
    return tuple(dict.fromkeys(calls))


@dataclass(frozen=True, kw_only=True)
class ConferenceConfig(Joining):
    """Of a leg that is dialled into a conference: into the one of that id, or else into the one of
    that name, which is created when there is none.

    `early_media` makes no difference: nobody here is heard before they answer."""

    id: str | None = None
    conference_name: str | None = None
    early_media: bool = True
    start_conference_on_create: bool = True


@dataclass(frozen=True, kw_only=True)
class Conferenced:
    """Commands that dial."""

    conference_config: ConferenceConfig | None = None

    def invitation(self, means: CarrierMeans) -> ConferenceInvitation | None:
        """Where the leg goes when it is answered. Raises Refused for a conference that is not."""
        config = self.conference_config
        if config is None:
            return None
        return ConferenceInvitation(self._into(config, means), config.entry(means))

    def _into(self, config: ConferenceConfig, means: CarrierMeans) -> str | ConferencePlan:
        if config.id is not None:
            if found(config.id, means).is_over:
                raise refused("90019", "the conference has ended", "/conference_config/id")
            return config.id
        if config.conference_name is None or not config.conference_name.strip():
            detail = "conference_config needs an id or a conference_name"
            raise refused("10004", detail, "/conference_config")
        return ConferencePlan(
            name=config.conference_name, starts_at_once=config.start_conference_on_create
        )
