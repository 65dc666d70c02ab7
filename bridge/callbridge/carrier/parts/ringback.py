"""What a leg hears while another one rings that it is to be bridged with."""

from callbridge.carrier.audio.playout import TICKS_PER_S, CarrierPlayout, Channel
from callbridge.carrier.audio.ringing import RingingTone
from callbridge.carrier.core.leg import CarrierLeg, LegState
from callbridge.carrier.core.part import Part


class Ringback(Part):
    """Until the other leg is answered, or does not ring for this one any more, or this one is
    joined with somebody else."""

    def __init__(self, leg: CarrierLeg, other: CarrierLeg, tone: RingingTone) -> None:
        self._leg, self._other = leg, other
        rate = leg.encoding.sample_rate
        self._period, self._tick = tone.period(rate), rate // TICKS_PER_S
        self._channel = Channel(CarrierPlayout(rate), "self")

    @property
    def doing(self) -> str:
        return "hears it ring"

    def begin(self) -> None:
        """In the place of one that the leg may hear already."""
        if (before := self._leg.part(Ringback)) is not None:
            before.end()
        self._leg.add(self)
        self._leg.play(self._channel)

    def end(self) -> None:
        self._leg.silence(self._channel)
        self._leg.remove(self)

    def begin_tick(self) -> None:
        if self._other.state is not LegState.RINGING or self._other.bridge_to is not self._leg:
            self.end()
            return
        playout = self._channel.playout
        playout.finish()
        if playout.waiting < self._tick:
            playout.put(self._period)

    def leg_moves(self) -> None:
        self.end()
