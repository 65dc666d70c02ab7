"""Text messages: nobody here has a telephone that shows them."""

from dataclasses import dataclass

from callbridge.carrier.api.operation import CarrierMeans
from callbridge.carrier.api.problems import refused
from callbridge.carrier.api.stubs import OtherProduct
from callbridge.carrier.shapes import JsonObject


@dataclass(frozen=True, kw_only=True)
class SendMessage(OtherProduct, operation_id="messages.send"):
    """Stays queued for ever."""

    to: str
    from_: str | None = None
    text: str | None = None
    media_urls: list[str] | None = None
    messaging_profile_id: str | None = None
    subject: str | None = None
    type: str | None = None

    def answer(self, means: CarrierMeans) -> JsonObject:
        if self.from_ is None and self.messaging_profile_id is None:
            raise refused("10004", "say from which number, or of which profile", "/from")
        if not self.text and not self.media_urls:
            raise refused("10004", "a message has a text or media", "/text")
        return {
            "record_type": "message",
            "id": means.exchange.new_uuid(),
            "direction": "outbound",
            "type": self.type or ("MMS" if self.media_urls else "SMS"),
            "messaging_profile_id": self.messaging_profile_id,
            "from": {"phone_number": self.from_},
            "to": [{"phone_number": self.to, "status": "queued"}],
            "subject": self.subject,
            "text": self.text,
            "media": [{"url": url} for url in self.media_urls or ()],
            "errors": [],
            "received_at": means.exchange.timestamp(),
            "sent_at": None,
            "completed_at": None,
            "cost": None,
        }
