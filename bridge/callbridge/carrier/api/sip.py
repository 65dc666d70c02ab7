"""What is asked of the far end by SIP. The callers of this carrier have no SIP: what they would do
is told in the platform's events."""

import re
from dataclasses import dataclass

from callbridge.carrier.api.headers import WithHeaders
from callbridge.carrier.api.operation import CarrierMeans, LegCommand
from callbridge.carrier.api.problems import refused
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.parts.refer import ReferPart

ADDRESS = re.compile(r"sips?:[^\s@<>]+@[^\s@<>]+")
MAX_INFO = 1400  # bytes


@dataclass(frozen=True, kw_only=True)
class ReferLeg(WithHeaders, LegCommand, operation_id="calls.actions.refer"):
    sip_address: str

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        self.headers()
        if not ADDRESS.fullmatch(self.sip_address):
            raise refused("10027", "write it as sip:user@host", "/sip_address")
        if leg.part(ReferPart) is not None:
            raise refused("90102", "this call is being referred already")
        part = ReferPart(leg, means.exchange, self.sip_address)
        leg.add(part)
        part.begin()


@dataclass(frozen=True, kw_only=True)
class SendLegSipInfo(LegCommand, operation_id="calls.actions.send_sip_info"):
    """The far end of a bridge is another leg of the platform, which tells its application."""

    body: str
    content_type: str

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        if len(self.body.encode()) > MAX_INFO:
            raise refused("10025", f"must be at most {MAX_INFO} bytes long", "/body")
        means.exchange.note(leg, "sip info", content_type=self.content_type, body=self.body)
        if leg.partner is not None:
            means.exchange.emit(
                leg.partner,
                "call.sip_info.received",
                body=self.body,
                content_type=self.content_type,
            )
