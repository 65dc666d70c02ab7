"""Delivery of webhooks: signed, repeated, failed over, in the order of first attempts per call."""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import httpx
import msgspec
from nacl.signing import SigningKey

from callbridge.carrier.core.deliveries import DeliveryAttempt
from callbridge.carrier.core.effects import SendWebhook
from callbridge.carrier.core.events import in_version_1
from callbridge.carrier.net.signed import signed
from callbridge.carrier.net.trail import Trail, judge
from callbridge.carrier.shapes import JsonObject, as_list, as_object

log = logging.getLogger(__name__)

MAX_REDIRECTS = 3
# Events of one call or conference that wait for their first attempt: when a conference of 800 ends,
# each member has left.
MAX_QUEUED = 1024
MAX_REPEATING = 256  # events of all calls that wait for another one
MAX_ANSWER = 1000  # characters that are kept of what a customer answered

_encode = msgspec.json.Encoder(order="sorted").encode  # as recorded: keys in alphabetical order

OnAttempt = Callable[[SendWebhook, DeliveryAttempt], None]
SpawnErrand = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class Deliverer:
    """The customer's server may be slow, dead or wrong: nobody else waits for it, and what waits
    is bounded. `on_attempt` is told about every attempt."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        key: SigningKey,
        spawn: SpawnErrand,
        on_attempt: OnAttempt,
        *,
        timeout_s: float = 2.0,
        backoff_s: float = 0.5,
    ) -> None:
        self._http, self._key, self._spawn, self._on_attempt = http, key, spawn, on_attempt
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
            self._give_up(webhook, 0, "dropped: too many events wait")

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
            trail = Trail(webhook.urls, self._backoff_s, webhook.retries_ms)
            pause_s = await self._attempt(webhook, trail)
            if pause_s is not None:
                self._repeat_later(webhook, trail, pause_s)
        del self._queues[sequence]

    def _repeat_later(self, webhook: SendWebhook, trail: Trail, pause_s: float) -> None:
        if self._stopping:
            return
        if len(self._repeating) >= MAX_REPEATING:
            self._give_up(webhook, 1, "given up: too many events are repeated")
            return
        task = self._spawn(self._repeat(webhook, trail, pause_s))
        self._repeating.add(task)
        task.add_done_callback(self._repeating.discard)

    async def _repeat(self, webhook: SendWebhook, trail: Trail, pause_s: float | None) -> None:
        while pause_s is not None:
            await asyncio.sleep(pause_s)
            pause_s = await self._attempt(webhook, trail)

    async def _attempt(self, webhook: SendWebhook, trail: Trail) -> float | None:
        """Seconds until the next one; None when the event is delivered or given up."""
        url, number, began = trail.url, trail.attempt, self._now()
        timeout_s = webhook.timeout_s or self._timeout_s
        status, answer, error = None, "", None
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._post(webhook, url, number)
            status, answer = response.status_code, response.text[:MAX_ANSWER]
            verdict, said = judge(status), str(status)
        except TimeoutError:
            verdict, said, error = "again", f"no answer in {timeout_s:g} s", 75000
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as problem:
            verdict, said = "again", str(problem) or type(problem).__name__
            error = _error_of(problem)
        delivered = verdict == "delivered"
        pause_s = None if delivered else trail.failed(verdict)
        attempt = DeliveryAttempt(
            number=number,
            url=url,
            delivered=delivered,
            said=said,
            last=pause_s is None,
            error=None if delivered else error or _error_of_status(status),
            began=began,
            ended=self._now(),
            status=status,
            answer=answer,
        )
        self._tell(webhook, attempt)
        return pause_s

    async def _post(self, webhook: SendWebhook, url: str, attempt: int) -> httpx.Response:
        """Follows redirects with the same method and body, which clients usually change."""
        old = webhook.api_version == "1"
        event = in_version_1(webhook.data) if old else webhook.event
        if webhook.method == "GET":
            target, body = _with_query(url, event), b""
        else:
            meta = {} if old else {"meta": {"attempt": attempt, "delivered_to": url}}
            target, body = url, _encode(event | meta)
        response = await self._request(webhook.method, target, body)
        for _ in range(MAX_REDIRECTS):
            if not response.has_redirect_location:
                break
            target = urljoin(target, response.headers["location"])
            response = await self._request(webhook.method, target, body)
        return response

    async def _request(self, method: str, target: str, body: bytes) -> httpx.Response:
        headers = signed(self._key, body)
        return await self._http.request(method, target, content=body, headers=headers)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _give_up(self, webhook: SendWebhook, number: int, why: str) -> None:
        now = self._now()
        attempt = DeliveryAttempt(
            number=number,
            url=webhook.urls[0],
            delivered=False,
            said=why,
            last=True,
            error=75000,
            began=now,
            ended=now,
        )
        self._tell(webhook, attempt)

    def _tell(self, webhook: SendWebhook, attempt: DeliveryAttempt) -> None:
        if not attempt.delivered:
            say = log.warning if attempt.last else log.info
            number, url = attempt.number, urlsplit(attempt.url)._replace(query="").geturl()
            say("webhook %s, attempt %s at %s: %s", webhook.event_type, number, url, attempt.said)
        self._on_attempt(webhook, attempt)


def _error_of(problem: Exception) -> int:
    """The documented code of a delivery that was not answered."""
    causes = (problem, problem.__cause__, problem.__context__)
    text = " ".join(str(cause) for cause in causes)
    if any(isinstance(cause, ssl.SSLError) for cause in causes) or "CERTIFICATE" in text:
        return 75003
    if "Name or service not known" in text or "getaddrinfo" in text or "resolution" in text:
        return 75001
    return 75002 if isinstance(problem, httpx.ConnectError) else 75000


def _error_of_status(status: int | None) -> int:
    if status is None:
        return 75000
    exact = {400: 75400, 404: 75404, 500: 75500}
    return exact.get(status) or {3: 75300, 4: 75499, 5: 75599}.get(status // 100, 75000)


def _with_query(url: str, event: JsonObject) -> str:
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
