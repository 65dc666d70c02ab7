"""Delivery of webhooks: signed, repeated, failed over, in the order of first attempts per call."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import httpx
import msgspec
from nacl.signing import SigningKey

from callbridge.carrier.core.effects import SendWebhook
from callbridge.carrier.net.signed import signed
from callbridge.carrier.shapes import as_list, as_object

log = logging.getLogger(__name__)

ATTEMPTS_PER_URL = 2
MAX_REDIRECTS = 3
# Events of one call or conference that wait for their first attempt: when a conference of 800 ends,
# each member has left.
MAX_QUEUED = 1024
MAX_REPEATING = 256  # events of all calls that wait for another one

_encode = msgspec.json.Encoder(order="sorted").encode  # as recorded: keys in alphabetical order

DeliveryOutcome = Callable[[SendWebhook, dict[str, object]], None]
SpawnErrand = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class DeliveryResult(msgspec.Struct, frozen=True):
    """Of one attempt. Refused for good: not delivered, and not worth another try."""

    delivered: bool
    final: bool
    said: str  # the status, or why there is none


class Deliverer:
    """The customer's server may be slow, dead or wrong: nobody else waits for it, and what waits
    is bounded. `outcome` is told about every attempt."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        key: SigningKey,
        spawn: SpawnErrand,
        outcome: DeliveryOutcome,
        *,
        timeout_s: float = 2.0,
        backoff_s: float = 0.5,
    ) -> None:
        self._http, self._key, self._spawn, self._outcome = http, key, spawn, outcome
        self._timeout_s, self._backoff_s = timeout_s, backoff_s
        self._queues: dict[str, deque[SendWebhook]] = {}
        self._repeating: set[asyncio.Task[None]] = set()
        self._stopping = False

    def send(self, webhook: SendWebhook) -> None:
        sequence = webhook.conference_id or webhook.call_control_id
        queue = self._queues.get(sequence)
        if queue is None:
            queue = self._queues[sequence] = deque([webhook])
            self._spawn(self._deliver(sequence, queue))
        elif len(queue) < MAX_QUEUED:
            queue.append(webhook)
        else:
            self._tell(webhook, 0, DeliveryResult(False, True, "dropped: too many events wait"))

    @property
    def busy(self) -> bool:
        """Whether an event is on its way."""
        return bool(self._queues or self._repeating)

    def stop_repeating(self) -> None:
        """The carrier ends: first attempts only from now on."""
        self._stopping = True
        for task in self._repeating:
            task.cancel()

    async def _deliver(self, sequence: str, queue: deque[SendWebhook]) -> None:
        """First attempts of the events of a call or conference, one after the other."""
        while queue:
            webhook = queue.popleft()
            result = await self._attempt(webhook, 1)
            if not result.final:
                self._repeat_later(webhook)
        del self._queues[sequence]

    def _repeat_later(self, webhook: SendWebhook) -> None:
        if self._stopping:
            return
        if len(self._repeating) >= MAX_REPEATING:
            self._tell(
                webhook, 1, DeliveryResult(False, True, "given up: too many events are repeated")
            )
            return
        task = self._spawn(self._repeat(webhook))
        self._repeating.add(task)
        task.add_done_callback(self._repeating.discard)

    async def _repeat(self, webhook: SendWebhook) -> None:
        pauses = self._pauses(webhook)
        for attempt, pause_s in enumerate(pauses, 2):
            await asyncio.sleep(pause_s)
            if (await self._attempt(webhook, attempt, last=attempt > len(pauses))).final:
                return
        log.warning("%s was not delivered to %s", webhook.event_type, ", ".join(webhook.urls))

    def _pauses(self, webhook: SendWebhook) -> list[float]:
        """Before every repetition. The platform's own schedule is not published."""
        if webhook.retries_ms is not None:
            return [pause / 1000 for pause in webhook.retries_ms]
        return [self._backoff_s] * (ATTEMPTS_PER_URL * len(webhook.urls) - 1)

    async def _attempt(
        self, webhook: SendWebhook, attempt: int, *, last: bool = False
    ) -> DeliveryResult:
        """The next URL's turn comes after two consecutive failures."""
        url = webhook.urls[min((attempt - 1) // ATTEMPTS_PER_URL, len(webhook.urls) - 1)]
        try:
            async with asyncio.timeout(self._timeout_s):
                result = await self._post(webhook, url, attempt)
        except TimeoutError:
            result = DeliveryResult(False, False, f"no answer in {self._timeout_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            result = DeliveryResult(False, False, str(error) or type(error).__name__)
        self._tell(webhook, attempt, result, url, last=last)
        return result

    async def _post(self, webhook: SendWebhook, url: str, attempt: int) -> DeliveryResult:
        """Follows redirects with the same method and body, which clients usually change."""
        body = _encode(webhook.event | {"meta": {"attempt": attempt, "delivered_to": url}})
        target = url
        if webhook.method == "GET":
            target, body = _with_query(url, webhook.event), b""
        response = await self._http.request(
            webhook.method, target, content=body, headers=signed(self._key, body)
        )
        for _ in range(MAX_REDIRECTS):
            if not response.has_redirect_location:
                break
            target = urljoin(target, response.headers["location"])
            response = await self._http.request(
                webhook.method, target, content=body, headers=signed(self._key, body)
            )
        return _judge(response.status_code)

    def _tell(
        self,
        webhook: SendWebhook,
        attempt: int,
        result: DeliveryResult,
        url: str = "",
        *,
        last: bool = False,
    ) -> None:
        detail: dict[str, object] = {
            "event_type": webhook.event_type,
            "attempt": attempt,
            "delivered": result.delivered,
            "said": result.said,
        }
        if not result.delivered:
            detail["given_up"] = result.final or last
            detail["url"] = urlsplit(url)._replace(query="").geturl()
            log.info("webhook %(event_type)s, attempt %(attempt)s: %(said)s", detail)
        self._outcome(webhook, detail)


def _judge(status: int) -> DeliveryResult:
    """Any 2xx is success; of the refusals only 408 and 429 are worth a repetition."""
    if 200 <= status < 300:
        return DeliveryResult(True, True, str(status))
    return DeliveryResult(False, 400 <= status < 500 and status not in (408, 429), str(status))


def _with_query(url: str, event: dict[str, object]) -> str:
    """For GET. Nested fields are written with brackets, as the platform's own SDK does; the
    documents do not say."""
    query = urlencode(list(_flatten("", event)))
    return f"{url}{'&' if urlsplit(url).query else '?'}{query}"


def _flatten(name: str, value: object) -> Iterator[tuple[str, str]]:
    if (fields := as_object(value)) is not None:
        for key, inner in fields.items():
            yield from _flatten(f"{name}[{key}]" if name else key, inner)
    elif (items := as_list(value)) is not None:
        for item in items:
            yield from _flatten(f"{name}[]", item)
    elif value is not None:
        yield name, value if isinstance(value, str) else _encode(value).decode()
