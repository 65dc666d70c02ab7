"""A call whose far end is asked to ring somebody else itself (SIP REFER, RFC 3515)."""

import re

from callbridge.carrier.core.exchange import REFUSALS, Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.core.part import Part
from callbridge.carrier.people.script import CallScript

TRYING, DONE, NOBODY = 100, 200, 404
USER = re.compile(r"sips?:([^@;]+)")


class ReferPart(Part):
    """From the command to what the far end says of it. It succeeds where the number in the address,
    or the address itself, is one that answers; then the far end hangs up here."""

    def __init__(self, leg: CarrierLeg, exchange: Exchange, address: str) -> None:
        self._leg, self._exchange = leg, exchange
        self._response = _response(address, exchange)
        self._at = exchange.now + exchange.config.ring_s

    def begin(self) -> None:
        self._exchange.emit(self._leg, "call.refer.started", sip_notify_response=TRYING)

    def begin_tick(self) -> None:
        if self._exchange.now < self._at:
            return
        self._leg.remove(self)
        done = self._response == DONE
        event = "call.refer.completed" if done else "call.refer.failed"
        self._exchange.emit(self._leg, event, sip_notify_response=self._response)
        if done:
            self._exchange.part_company(self._leg)
            self._exchange.hang_up(self._leg.call_control_id)


def _response(address: str, exchange: Exchange) -> int:
    """The status that the far end reports."""
    user = USER.match(address)
    numbers = exchange.config.numbers
    behaviour = numbers.get(address) or (numbers.get(user[1]) if user else None)
    if isinstance(behaviour, CallScript):
        return DONE
    return NOBODY if behaviour is None else int(REFUSALS[behaviour].sip)
