"""How webhooks were delivered, for those who ask later."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from callbridge.carrier.api.operation import AccountOperation, CarrierMeans
from callbridge.carrier.api.problems import refused
from callbridge.carrier.shapes import JsonObject, as_object
from callbridge.carrier.store.store import Page

# Of each filter: the comparisons that it has, in the words of the store.
COMPARISONS = {
    "status": {"eq": "eq"},
    "started_at": {"gte": "gte", "lte": "lte"},
    "finished_at": {"gte": "gte", "lte": "lte"},
    "webhook": {"contains": "has"},
    "attempts": {"contains": "has"},
}


@dataclass(frozen=True, kw_only=True)
class RetrieveDelivery(AccountOperation, operation_id="webhook_deliveries.retrieve"):
    """A delivery has the id of its event."""

    id: str

    def act(self, means: CarrierMeans) -> JsonObject:
        delivery = means.store.delivery(self.id)
        if delivery is None:
            raise refused("10005", f"no webhook delivery {self.id[:100]!r}", status=404)
        return delivery | {"user_id": means.exchange.config.user_id}


@dataclass(frozen=True, kw_only=True)
class ListDeliveries(AccountOperation, operation_id="webhook_deliveries.list"):
    """The newest first."""

    filter: JsonObject = field(default_factory=dict[str, object])
    page_number: int = 1
    page_size: int = 20

    def act(self, means: CarrierMeans) -> Page:
        wanted = dict(self._wanted())
        page = means.store.deliveries(wanted, number=self.page_number, size=self.page_size)
        for item in page.items:
            item["user_id"] = means.exchange.config.user_id
        return page

    def _wanted(self) -> Iterator[tuple[str, str]]:
        for name, value in self.filter.items():
            if name == "event_type":
                yield "event_type", str(value)
                continue
            comparisons = as_object(value)
            known = COMPARISONS.get(name)
            if known is None or comparisons is None or not comparisons.keys() <= known.keys():
                detail = f"deliveries are not filtered by {name} in this way"
                raise refused("10031", detail, "/filter", status=400)
            for comparison, text in comparisons.items():
                yield f"{name}:{known[comparison]}", str(text)
