"""The carrier's core: the exchange and its REST API, without I/O and without a clock."""

from callbridge.carrier.api.problems import Response
from callbridge.carrier.api.router import RestApi
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core.exchange import Exchange


class Switch(Exchange):
    """Every method takes `now`, monotonic seconds; `wall` is the Unix time at the first `now`.

    The shell calls `tick` every 20 ms and carries out `effects()` after every call. With a `seed`
    all ids are the same every time. `speaks` says that the shell can carry out `Synthesise`."""

    def __init__(
        self,
        config: CarrierConfig,
        *,
        wall: float,
        now: float = 0.0,
        seed: int | None = None,
        speaks: bool = False,
    ) -> None:
        super().__init__(config, wall=wall, now=now, seed=seed, speaks=speaks)
        self._rest = RestApi(self)

    def request(
        self, method: str, path: str, body: bytes, authorization: str | None, now: float
    ) -> Response:
        """One request to /v2. Never raises for what a client sends."""
        return self._rest.request(method, path, body, authorization, now)
