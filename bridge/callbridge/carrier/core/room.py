"""Legs that hear each other: two that are bridged, or the members of a conference."""

from callbridge.carrier.audio.playout import RateAdapter, Sum, add, clip, mix
from callbridge.carrier.core.leg import CarrierLeg
from telecodecs import Pcm


class Room:
    """Each member hears the sum of the others at the highest sample rate among them.

    The sum is made once and each member's own voice is taken out of it again, so that a large
    conference costs one subtraction a member. `cut` makes roles of it: a supervisor who is not
    heard by the caller, a listener whom nobody hears."""

    def __init__(self, *legs: CarrierLeg) -> None:
        self._members = {leg: Member(leg) for leg in legs}
        self._unheard: dict[CarrierLeg, set[CarrierLeg]] = {}
        self._agree_on_a_rate()

    def __contains__(self, leg: CarrierLeg) -> bool:
        return leg in self._members

    def join(self, leg: CarrierLeg) -> None:
        self._members[leg] = Member(leg)
        self._agree_on_a_rate()

    def leave(self, leg: CarrierLeg) -> None:
        del self._members[leg]
        self._unheard.pop(leg, None)
        for speakers in self._unheard.values():
            speakers.discard(leg)
        self._agree_on_a_rate()

    def _agree_on_a_rate(self) -> None:
        rate = max((leg.encoding.sample_rate for leg in self._members), default=8000)
        for member in self._members.values():
            member.adapt(rate)

    def cut(self, listener: CarrierLeg, speaker: CarrierLeg) -> None:
        """From now on `listener` does not hear `speaker`."""
        self._unheard.setdefault(listener, set()).add(speaker)

    def restore(self, listener: CarrierLeg, speaker: CarrierLeg) -> None:
        self._unheard.get(listener, set()).discard(speaker)

    def mix(self) -> None:
        """Once a tick, when all legs have spoken; then every member's `heard_by` is up to date."""
        spoken: dict[CarrierLeg, Pcm] = {}
        for leg, member in self._members.items():
            piece = member.speaks()
            if piece is not None:
                spoken[leg] = piece
        total = add(list(spoken.values())) if len(spoken) > 2 else None
        for leg, member in self._members.items():
            member.hears(self._for(leg, spoken, total))

    def _for(
        self, listener: CarrierLeg, spoken: dict[CarrierLeg, Pcm], total: Sum | None
    ) -> Pcm | None:
        unheard = self._unheard.get(listener, ())
        if total is None:  # two voices at most: nothing to be gained from a sum
            return mix(
                [pcm for leg, pcm in spoken.items() if leg is not listener and leg not in unheard]
            )
        for leg, pcm in spoken.items() if unheard else ():
            if leg in unheard and leg is not listener:
                total = total - pcm
        own = spoken.get(listener)
        return clip(total if own is None else total - own)

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
