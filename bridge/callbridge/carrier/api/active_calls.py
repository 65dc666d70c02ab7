"""The calls that go on."""

from dataclasses import dataclass

from callbridge.carrier.api.calls import status
from callbridge.carrier.api.operation import AccountOperation, CarrierMeans
from callbridge.carrier.store.store import Page, page_of

SHOWN = (
    "record_type",
    "call_control_id",
    "call_leg_id",
    "call_session_id",
    "client_state",
    "call_duration",
)


@dataclass(frozen=True, kw_only=True)
class ListActiveCalls(AccountOperation, operation_id="connections.list_active_calls"):
    connection_id: str
    page_number: int = 1
    page_size: int = 20

    def act(self, means: CarrierMeans) -> Page:
        application = means.application(self.connection_id)
        legs = means.exchange.legs_of(application.id)
        calls = [status(leg, means.exchange) for leg in legs]
        shown = [{name: call[name] for name in SHOWN} for call in calls]
        return page_of(shown, number=self.page_number, size=self.page_size)
