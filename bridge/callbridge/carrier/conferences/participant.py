"""One leg in a conference: how it takes part, and what is played to it alone."""

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from callbridge.carrier.conferences.sounds import (
    ConferencePlayer,
    ConferenceSounds,
    HoldAudio,
    Tell,
)
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.core.part import Part
from callbridge.carrier.core.room import Role, audience_of
from callbridge.carrier.parts.sounds import SoundFile

Beep = Literal["always", "never", "on_enter", "on_exit"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """How a leg joins. `whisper_to` are call_control_ids, of members now or later."""

    beep: Beep | None = None  # None: as the conference has it
    ends_on_exit: bool = False
    soft_ends_on_exit: bool = False
    hold: bool = False
    hold_audio: SoundFile | None = None
    mute: bool = False
    starts_conference: bool = False
    role: Role = "none"
    whisper_to: tuple[str, ...] = ()


class CarrierParticipant(Part):
    """`gone` is called when the leg has ended or is joined with others elsewhere."""

    def __init__(
        self,
        id: str,
        leg: CarrierLeg,
        entry: Entry,
        at: str,
        *,
        sounds: ConferenceSounds,
        tell: Tell,
        gone: Callable[["CarrierParticipant"], None],
    ) -> None:
        self.id, self.leg, self._sounds, self._gone = id, leg, sounds, gone
        self.beep = entry.beep
        self.ends_on_exit, self.soft_ends_on_exit = entry.ends_on_exit, entry.soft_ends_on_exit
        self.muted = entry.mute
        self.role: Role = entry.role
        self.whisper_to = entry.whisper_to
        self.on_hold = self.waits_for_start = False
        self.created_at = self.updated_at = at
        self.player = ConferencePlayer(leg.encoding.sample_rate, tell, "self")
        self._hold_audio: HoldAudio | None = None
        leg.add(self)
        leg.play(self.player.channel)

    def leave(self) -> None:
        """Nothing of the conference stays with the leg."""
        self.player.stop()
        self.unhold()
        self.leg.silence(self.player.channel)
        self.leg.remove(self)

    # ---- hold ---------------------------------------------------------------------------------

    def hold(self, audio: SoundFile | None) -> None:
        """Again: with this audio in the place of the other."""
        self.unhold()
        self.on_hold = True
        if audio is not None:
            self._hold_audio = self._sounds.hold(self.leg, audio)

    def unhold(self) -> None:
        self.on_hold = self.waits_for_start = False
        if self._hold_audio is not None:
            self._hold_audio.end()
            self._hold_audio = None

    # ---- who hears it -------------------------------------------------------------------------

    def audience(self, members: Iterable["CarrierParticipant"]) -> list[CarrierLeg] | None:
        """Who alone hears this participant; None: everybody."""
        if self.muted or self.on_hold:
            return []
        named = set(self.whisper_to)
        return audience_of(
            self.role, (each.leg for each in members if each.leg.call_control_id in named)
        )

    # ---- what the leg tells -------------------------------------------------------------------

    def begin_tick(self) -> None:
        self.player.step()
        if self._hold_audio is not None:
            self._hold_audio.step()

    def leg_moves(self) -> None:
        self._gone(self)

    def leg_ended(self) -> None:
        self._gone(self)
