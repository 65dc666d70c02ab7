"""What commands say about webhooks."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from callbridge.carrier.core.routing import Routing

WebhookMethod = Literal["POST", "GET"]


@dataclass(frozen=True, kw_only=True)
class Routed:
    """Every command. Its `webhook_url` is for what the command causes, and for nothing else."""

    webhook_url: str | None = None
    webhook_url_method: WebhookMethod | None = None

    def routing(self, before: Routing) -> Routing:
        """A webhook_url goes before all that was said of the leg; the application's failover
        stays behind it."""
        method = self.webhook_url_method or before.method
        if self.webhook_url is None:
            return msgspec.structs.replace(before, method=method)
        urls = (self.webhook_url, *before.urls[1:])
        return msgspec.structs.replace(before, urls=urls, method=method, by_event={})


class RetriesPolicy(msgspec.Struct, frozen=True):
    retries_ms: list[int] = []


@dataclass(frozen=True, kw_only=True)
class RoutedByEvent(Routed):
    """Commands that begin a leg or answer one."""

    webhook_urls: dict[str, list[str]] | None = None
    webhook_urls_method: WebhookMethod | None = None
    webhook_retries_policies: dict[str, RetriesPolicy] | None = None

    def routing(self, before: Routing) -> Routing:
        return self.by_event(super().routing(before))

    def by_event(self, before: Routing) -> Routing:
        """What names its events is for the rest of the leg."""
        by_event = {event: tuple(urls) for event, urls in (self.webhook_urls or {}).items()}
        policies = self.webhook_retries_policies or {}
        retries = {event: tuple(policy.retries_ms) for event, policy in policies.items()}
        return msgspec.structs.replace(
            before,
            by_event=before.by_event | by_event,
            by_event_method=self.webhook_urls_method or before.by_event_method,
            retries_ms=before.retries_ms | retries,
        )
