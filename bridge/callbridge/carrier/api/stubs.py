"""Products beside the Voice API, as far as programs for calls use them."""

from callbridge.carrier.api.operation import AccountOperation, CarrierMeans
from callbridge.carrier.shapes import JsonObject
from callbridge.carrier.store.other_products import AskedOfStub
from callbridge.carrier.store.store import Page

ASKED = "/carrier/asked"  # where a customer of this carrier reads what was asked for


class OtherProduct(AccountOperation):
    """A stub: it is asked, answers as the platform does, and nothing is bought or sent. What was
    asked for is kept, so that a test of a customer's program can look at it."""

    def act(self, means: CarrierMeans) -> JsonObject | Page:
        answer = self.answer(means)
        exchange = means.exchange
        means.store.other_products.note(
            AskedOfStub(exchange.new_uuid(), self.operation_id, exchange.timestamp(), self.given)
        )
        return answer

    def answer(self, means: CarrierMeans) -> JsonObject | Page:
        """What each stub is. Raises Refused; then nothing was asked for."""
        raise NotImplementedError
