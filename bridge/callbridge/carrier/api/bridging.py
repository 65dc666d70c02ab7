"""Joining two calls that there are already."""

from dataclasses import dataclass
from typing import Literal

from callbridge.carrier.api.operation import CarrierMeans, LegCommand
from callbridge.carrier.api.problems import refused
from callbridge.carrier.api.recordings import Recorded
from callbridge.carrier.audio.ringing import RINGING_TONES
from callbridge.carrier.core.leg import AfterUnbridge, BridgePlan, CarrierLeg, LegState
from callbridge.carrier.parts.ringback import Ringback


@dataclass(frozen=True, kw_only=True)
class BridgeLegs(Recorded, LegCommand, operation_id="calls.actions.bridge"):
    """The leg of the path with the one of the body, or with the first one of a queue, which goes
    before the other. The leg of the body may be parked or ring still."""

    call_control_id: str | None = None
    queue: str | None = None
    park_after_unbridge: Literal["self"] | None = None
    hold_after_unbridge: bool = False
    prevent_double_bridge: bool = False
    play_ringtone: bool = False
    ringtone: str = "us"

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        recording = self.recording(means)
        other = self._from_queue(leg, means) if self.queue is not None else self._other(leg, means)
        if self.prevent_double_bridge and other.partner is not None:
            raise refused("90102", "the other call is bridged already: see prevent_double_bridge")
        plan = BridgePlan(tell_both=True, after=self._after())
        with other.rerouting(leg.rerouted):
            means.exchange.bridge(leg, other, plan)
        if self.play_ringtone and other.state is LegState.RINGING:
            Ringback(leg, other, RINGING_TONES[self.ringtone]).begin()
        if recording is not None:
            means.recordings.start(leg, recording)

    def _after(self) -> AfterUnbridge | None:
        """What becomes of the leg of the path when the other one leaves."""
        if self.hold_after_unbridge:
            return "hold"
        return "park" if self.park_after_unbridge else None

    def _from_queue(self, leg: CarrierLeg, means: CarrierMeans) -> CarrierLeg:
        """Whoever is first is out of the queue, whether or not the bridge comes about."""
        queue = means.queues.named(self.queue or "")
        entry = queue.first_for(leg) if queue is not None else None
        if entry is None:
            raise refused("90035", "nobody waits in this queue", "/queue")
        other = entry.leg
        with other.rerouting(leg.rerouted or entry.routing):
            entry.leave("bridging-in-process")
        if other.state is LegState.ENDED:
            who = f"{other.call_control_id}, from {other.identity.from_} to {other.identity.to}"
            raise refused("90018", f"the first call of the queue has ended: {who}", "/queue")
        return other

    def _other(self, leg: CarrierLeg, means: CarrierMeans) -> CarrierLeg:
        """Raises Refused where there is nobody to talk to."""
        if self.call_control_id is None:
            raise refused("10004", "name a call_control_id or a queue", "/call_control_id")
        other = means.exchange.find(self.call_control_id)
        if other is None:
            raise refused("90015", "no such call", "/call_control_id")
        if other.state is LegState.ENDED:
            raise refused("90018", "the other call is no longer active", "/call_control_id")
        if other is leg:
            raise refused("90102", "a call cannot be bridged with itself", "/call_control_id")
        if other is leg.partner:
            raise refused("90102", "these two calls are bridged already", "/call_control_id")
        return other
