"""Where webhooks go, and in which form."""

from typing import Literal

import msgspec


class Routing(msgspec.Struct, frozen=True):
    """Where a leg's webhooks go: `urls` in order, `by_event` in their place for single events.

    `timeout_s` is how long an answer is waited for, None as long as the platform does. `tags` are
    the application's, which some events repeat; `tells_cost` adds call.cost to the end, and
    `tells_attestation` what the network says of the caller's number (SHAKEN/STIR) to the first."""

    urls: tuple[str, ...] = ()
    method: Literal["POST", "GET"] = "POST"
    by_event: dict[str, tuple[str, ...]] = {}
    by_event_method: Literal["POST", "GET"] = "POST"
    retries_ms: dict[str, tuple[int, ...]] = {}
    timeout_s: float | None = None
    api_version: Literal["1", "2"] = "2"
    tags: tuple[str, ...] = ()
    tells_cost: bool = False
    tells_attestation: bool = False
