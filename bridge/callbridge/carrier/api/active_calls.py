"""The calls that go on."""

from dataclasses import dataclass

from callbridge.carrier.api.calls import status
from callbridge.carrier.api.operation import AccountOperation, CarrierMeans
from callbridge.carrier.shapes import JsonObject
from callbridge.carrier.store.store import Page, page_of

SHOWN = (
    "record_type",
    "call_control_id",
    "call_leg_id",
    "call_session_id",
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
        shown: list[JsonObject] = []
        for leg in legs:
            call = status(leg, means.exchange)
            # Documented as a string that is always there: empty when none was set.
            state: JsonObject = {"client_state": leg.client_state or ""}
            shown.append({name: call[name] for name in SHOWN} | state)
        return page_of(shown, number=self.page_number, size=self.page_size)
