"""One leg in a conference: how it takes part, and what is played to it alone."""

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from callbridge.carrier.conferences.sounds import HoldAudio, SoundOrders, SoundQueue, Tell
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.core.part import Part

Beep = Literal["always", "never", "on_enter", "on_exit"]
Role = Literal["barge", "monitor", "none", "whisper"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """How a leg joins. `whisper_to` are call_control_ids, of members now or later."""

    beep: Beep | None = None  # None: as the conference has it
    ends_on_exit: bool = False
    soft_ends_on_exit: bool = False
    hold: bool = False
    hold_audio_url: str | None = None
    mute: bool = False
    starts_conference: bool = False
    role: Role = "none"
    whisper_to: tuple[str, ...] = ()


class Participant(Part):
    """`gone` is called when the leg has ended or is joined with others elsewhere."""

    def __init__(
        self,
        id: str,
        leg: CarrierLeg,
        entry: Entry,
        at: str,
        *,
        orders: SoundOrders,
        tell: Tell,
        gone: Callable[["Participant"], None],
    ) -> None:
        self.id, self.leg, self._orders, self._gone = id, leg, orders, gone
        self.beep = entry.beep
        self.ends_on_exit, self.soft_ends_on_exit = entry.ends_on_exit, entry.soft_ends_on_exit
        self.muted = entry.mute
        self.role, self.whisper_to = entry.role, entry.whisper_to
        self.on_hold = self.waits_for_start = False
        self.created_at = self.updated_at = at
        self.sounds = SoundQueue(leg.encoding.sample_rate, tell, "self")
        self._hold_audio: HoldAudio | None = None
        leg.add(self)
        leg.play(self.sounds.channel)

    def leave(self) -> None:
        """Nothing of the conference stays with the leg."""
        self.sounds.stop()
        self.unhold()
        self.leg.silence(self.sounds.channel)
        self.leg.remove(self)

    # ---- hold ---------------------------------------------------------------------------------

    def hold(self, audio_url: str | None) -> None:
        """Again: with this audio in the place of the other."""
        self.unhold()
        self.on_hold = True
        if audio_url is not None:
            self._hold_audio = HoldAudio(self.leg)
            self._orders.hold(self.leg, self._hold_audio, audio_url)

    def unhold(self) -> None:
        self.on_hold = self.waits_for_start = False
        if self._hold_audio is not None:
            self._hold_audio.end()
            self._hold_audio = None

    # ---- who hears it -------------------------------------------------------------------------

    def audience(self, members: Iterable["Participant"]) -> list[CarrierLeg] | None:
        """Who alone hears this participant; None: everybody.

        A supervisor who whispers to nobody in particular only listens."""
        if self.muted or self.on_hold or self.role == "monitor":
            return []
        if self.role == "whisper":
            named = set(self.whisper_to)
            return [each.leg for each in members if each.leg.call_control_id in named]
        return None

    # ---- what the leg tells -------------------------------------------------------------------

    def begin_tick(self) -> None:
        self.sounds.step()
        if self._hold_audio is not None:
            self._hold_audio.step()

    def leg_moves(self) -> None:
        self._gone(self)

    def leg_ended(self) -> None:
        self._gone(self)
