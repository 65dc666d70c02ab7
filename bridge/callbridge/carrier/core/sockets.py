"""WebSockets that the carrier opens to a customer, by the name that the shell knows each by."""

from collections.abc import Callable, Mapping

from callbridge.carrier.core.effects import CloseStream, OpenStream, SendFrame
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.core.part import Part


class SocketPart(Part):
    """A part with a socket; what it is told of the socket ends when it lets go of it."""

    def connected(self) -> None:
        """The socket is there."""
        raise NotImplementedError

    def failed(self, reason: str) -> None:
        """The socket could not be opened, or broke."""
        raise NotImplementedError

    def closed_by_customer(self) -> None:
        """The call stays up."""
        raise NotImplementedError

    def received(self, message: str | bytes) -> None:
        raise NotImplementedError


class CarrierSockets:
    """Which part has which socket. What comes for a socket that nobody has is ignored."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._owners: dict[str, tuple[CarrierLeg, SocketPart]] = {}

    def __contains__(self, socket_id: str) -> bool:
        return socket_id in self._owners

    # ---- for the parts ------------------------------------------------------------------------

    def connect(
        self,
        leg: CarrierLeg,
        socket_id: str,
        owner: SocketPart,
        url: str,
        headers: Mapping[str, str],
    ) -> None:
        self._owners[socket_id] = leg, owner
        self._exchange.wish(OpenStream(socket_id, url, dict(headers)))

    def send(self, socket_id: str, text: str) -> None:
        self._exchange.wish(SendFrame(socket_id, text))

    def let_go(self, socket_id: str) -> None:
        """Nothing more of this socket is for its part."""
        del self._owners[socket_id]

    def close(self, socket_id: str) -> None:
        """After what was sent on it."""
        self._exchange.wish(CloseStream(socket_id))

    # ---- for the shell ------------------------------------------------------------------------

    def opened(self, socket_id: str) -> None:
        self._tell(socket_id, lambda owner: owner.connected())

    def failed(self, socket_id: str, reason: str) -> None:
        self._tell(socket_id, lambda owner: owner.failed(reason))

    def closed(self, socket_id: str) -> None:
        self._tell(socket_id, lambda owner: owner.closed_by_customer())

    def received(self, socket_id: str, message: str | bytes) -> None:
        self._tell(socket_id, lambda owner: owner.received(message))

    def _tell(self, socket_id: str, what: Callable[[SocketPart], None]) -> None:
        """The part with that socket, if one has it; its webhooks go where its command said."""
        if (found := self._owners.get(socket_id)) is not None:
            leg, owner = found
            with leg.rerouting(owner.routing):
                what(owner)
