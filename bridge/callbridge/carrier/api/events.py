"""What happened on calls, for those who ask later."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from callbridge.carrier.api.operation import AccountOperation, CarrierMeans
from callbridge.carrier.api.problems import refused
from callbridge.carrier.shapes import JsonObject, as_object
from callbridge.carrier.store.shelf import COMPARISONS
from callbridge.carrier.store.store import Page

COLUMNS = {
    "application_session_id": "session_id",
    "connection_id": "connection_id",
    "from": "from",
    "leg_id": "leg_id",
    "name": "name",
    "to": "to",
    "type": "type",
}


@dataclass(frozen=True, kw_only=True)
class ListEvents(AccountOperation, operation_id="call_events.list"):
    """The newest first."""

    filter: JsonObject = field(default_factory=dict[str, object])
    page_number: int = 1
    page_size: int = 20

    def act(self, means: CarrierMeans) -> Page:
        wanted = dict(self._wanted())
        return means.store.events(wanted, number=self.page_number, size=self.page_size)

    def _wanted(self) -> Iterator[tuple[str, str]]:
        for name, value in self.filter.items():
            if name in COLUMNS:
                yield COLUMNS[name], str(value)
            elif name == "occurred_at" and (bounds := as_object(value)) is not None:
                for comparison, instant in bounds.items():
                    if comparison not in COMPARISONS:
                        raise refused("10032", f"compare with {', '.join(COMPARISONS)}", "/filter")
                    yield f"at:{comparison}", str(instant)
            else:
                detail = f"this local carrier does not filter by {name}"
                raise refused("10027", detail, "/filter")
