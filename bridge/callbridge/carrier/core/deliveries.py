"""How the delivery of a webhook went, attempt by attempt."""

import msgspec

from callbridge.carrier.shapes import JsonObject


class DeliveryAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try of one URL. `said` is the status, or why there is none; `error` is the documented
    code of a failure (75000 and above). `last`: nothing more is tried."""

    number: int  # counts all tries of the event from 1
    url: str
    delivered: bool
    said: str
    last: bool
    error: int | None = None
    began: float = 0.0  # clock seconds
    ended: float = 0.0
    status: int | None = None
    answer: str = ""  # the beginning of its body

    def on_tape(self, event_type: str) -> JsonObject:
        detail: JsonObject = {
            "event_type": event_type,
            "attempt": self.number,
            "delivered": self.delivered,
            "said": self.said,
            "ms": round(1000 * (self.ended - self.began)),
        }
        if not self.delivered:
            detail |= {"given_up": self.last, "url": self.url.partition("?")[0]}
        return detail

    def shown(self, began: str, ended: str) -> JsonObject:
        """As `attempts` of a webhook delivery has it; `began` and `ended` are its instants."""
        response: JsonObject | None = None
        if self.status is not None:
            response = {"status": self.status, "headers": [], "body": self.answer}
        return {
            "status": "delivered" if self.delivered else "failed",
            "started_at": began,
            "finished_at": ended,
            "errors": [] if self.error is None else [self.error],
            "http": {"request": {"url": self.url, "headers": []}, "response": response},
        }
