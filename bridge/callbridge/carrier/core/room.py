"""Legs that hear each other: two that are bridged, or the members of a conference."""

from collections.abc import Iterable
from typing import Literal, Protocol

import numpy as np

from callbridge.carrier.audio.playout import RateAdapter
from callbridge.carrier.core.leg import CarrierLeg
from telecodecs import Pcm
from telecodecs.mix import clip, mix

Role = Literal["barge", "monitor", "none", "whisper"]


def audience_of(role: Role, whispers_to: Iterable[CarrierLeg]) -> list[CarrierLeg] | None:
    """Who alone hears a member in that role; None: everybody. All of them hear everybody.

    A supervisor who whispers to nobody in particular only listens."""
    match role:
        case "monitor":
            return []
        case "whisper":
            return list(whispers_to)
        case "barge" | "none":
            return None


class Source(Protocol):
    """What sounds in a room beside its members."""

    def sounds(self, sample_rate: int) -> Pcm | None:
        """The next 20 ms at that rate, None for silence; asked once a tick."""
        ...


class Room:
    """Each member hears the sum of the others at the highest sample rate among them, and the
    `sources` of the room.

    The sum is made once and each member's own voice is taken out of it again, so that a large
    conference costs one subtraction a speaker. `heard_only_by` and `deafen` make roles of it: a
    supervisor who is not heard by the caller, a listener whom nobody hears, one who is on hold."""

    def __init__(self, *legs: CarrierLeg) -> None:
        self._members = {leg: Member(leg) for leg in legs}
        self._audiences: dict[CarrierLeg, frozenset[CarrierLeg]] = {}
        self._deaf: set[CarrierLeg] = set()
        self.sources: tuple[Source, ...] = ()
        self.spoken: dict[CarrierLeg, Pcm] = {}  # of this tick, by those whom all others hear
        self.everything: Pcm | None = None  # of this tick: all that is not for some ears only
        self._without: dict[CarrierLeg, Pcm | None] = {}  # the same for each who speaks
        self._agree_on_a_rate()

    def __contains__(self, leg: CarrierLeg) -> bool:
        return leg in self._members

    @property
    def members(self) -> list[CarrierLeg]:
        return list(self._members)

    def join(self, leg: CarrierLeg) -> None:
        self._members[leg] = Member(leg)
        self._agree_on_a_rate()

    def leave(self, leg: CarrierLeg) -> None:
        del self._members[leg]
        self._audiences.pop(leg, None)
        self._deaf.discard(leg)
        self.spoken.pop(leg, None)
        self._agree_on_a_rate()

    def _agree_on_a_rate(self) -> None:
        self.sample_rate = max((leg.encoding.sample_rate for leg in self._members), default=8000)
        for member in self._members.values():
            member.adapt(self.sample_rate)

    def heard_only_by(self, speaker: CarrierLeg, audience: Iterable[CarrierLeg] | None) -> None:
        """From now on nobody else hears `speaker`. None: everybody does."""
        if audience is None:
            self._audiences.pop(speaker, None)
        else:
            self._audiences[speaker] = frozenset(audience)

    def deafen(self, listener: CarrierLeg, *, deaf: bool) -> None:
        """Whether `listener` hears nothing of the room."""
        if deaf:
            self._deaf.add(listener)
        else:
            self._deaf.discard(listener)

    # ---- each tick ----------------------------------------------------------------------------

    def mix(self) -> None:
        """Once a tick, when all legs have spoken; then every member's `heard_by` is up to date."""
        aside = self._listen_to_members()
        sounds = [each.sounds(self.sample_rate) for each in self.sources]
        self._without = self._sum([piece for piece in sounds if piece is not None])
        for leg, member in self._members.items():
            heard = self.without(leg)
            whispers = [pcm for speaker, pcm in aside.items() if leg in self._audiences[speaker]]
            if leg in self._deaf:
                heard = None
            elif whispers:
                heard = mix([piece for piece in (heard, *whispers) if piece is not None])
            member.hears(heard)

    def _listen_to_members(self) -> dict[CarrierLeg, Pcm]:
        """Sets `spoken`; returns what is said to some of the members only."""
        aside: dict[CarrierLeg, Pcm] = {}
        self.spoken = {}
        for leg, member in self._members.items():
            piece = member.speaks()
            if piece is None:
                continue
            audience = self._audiences.get(leg)
            if audience is None:
                self.spoken[leg] = piece
            elif audience:
                aside[leg] = piece
        return aside

    def _sum(self, beside: list[Pcm]) -> dict[CarrierLeg, Pcm | None]:
        """Sets `everything`; returns, for those who speak, the same without their own voice."""
        pieces = [*self.spoken.values(), *beside]
        if len(pieces) <= 2:  # nothing to be gained from a sum
            self.everything = mix(pieces)
            return {leg: mix([*self._others(leg), *beside]) for leg in self.spoken}
        voices = np.stack(pieces)
        total = voices.sum(axis=0, dtype=np.int32)
        self.everything = clip(total)
        return dict(zip(self.spoken, clip(total - voices[: len(self.spoken)]), strict=True))

    def without(self, leg: CarrierLeg) -> Pcm | None:
        """This tick's `everything` but for the leg's own voice, at the room's rate."""
        return self._without.get(leg, self.everything)

    def _others(self, listener: CarrierLeg) -> list[Pcm]:
        return [pcm for leg, pcm in self.spoken.items() if leg is not listener]

    def heard_by(self, leg: CarrierLeg) -> Pcm | None:
        """This tick's 20 ms at the leg's own rate, None for silence."""
        return self._members[leg].heard


class Member:
    """One leg in a room, and the filters between its sample rate and the room's."""

    def __init__(self, leg: CarrierLeg) -> None:
        self._leg = leg
        self._rate = leg.encoding.sample_rate
        self._up: RateAdapter | None = None
        self._down: RateAdapter | None = None
        self.heard: Pcm | None = None

    def adapt(self, room_rate: int) -> None:
        own = self._leg.encoding.sample_rate
        if room_rate == self._rate:
            return
        self._rate = room_rate
        self._up = RateAdapter(own, room_rate) if own != room_rate else None
        self._down = RateAdapter(room_rate, own) if own != room_rate else None

    def speaks(self) -> Pcm | None:
        """What the leg says, and what is played on it for the others."""
        voice = self._leg.said if self._up is None else self._up.process(self._leg.said)
        pieces = [channel.heard_by("opposite", self._rate) for channel in self._leg.channels]
        return mix([piece for piece in (voice, *pieces) if piece is not None])

    def hears(self, pcm: Pcm | None) -> None:
        self.heard = pcm if self._down is None else self._down.process(pcm)
