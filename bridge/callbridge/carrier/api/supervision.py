"""Supervisors of calls that are bridged."""

from dataclasses import dataclass

from callbridge.carrier.api.operation import CarrierMeans, LegCommand
from callbridge.carrier.api.problems import refused
from callbridge.carrier.core.leg import CarrierLeg, LegState
from callbridge.carrier.parts.supervision import Supervision, SupervisorRole


@dataclass(frozen=True, kw_only=True)
class Supervising:
    """Commands that dial."""

    supervise_call_control_id: str | None = None
    supervisor_role: SupervisorRole = "barge"

    def supervised(self, means: CarrierMeans) -> CarrierLeg | None:
        """The leg that is to be supervised, if any. Raises Refused for one that cannot be."""
        if self.supervise_call_control_id is None:
            return None
        pointer = "/supervise_call_control_id"
        leg = means.exchange.find(self.supervise_call_control_id)
        if leg is None:
            raise refused("90015", "no such call", pointer)
        if leg.state is LegState.ENDED:
            raise refused("90018", "the call to be supervised is no longer active", pointer)
        if leg.partner is None:
            raise refused("90102", "only a bridged call can be supervised", pointer)
        return leg


@dataclass(frozen=True, kw_only=True)
class SwitchSupervisorRole(LegCommand, operation_id="calls.actions.switch_supervisor_role"):
    role: SupervisorRole

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        supervision = leg.part(Supervision)
        if supervision is None:
            raise refused("90102", "this call does not supervise another one")
        supervision.switch(self.role)
