"""What is tried on a webhook, and on the addresses that it hands out."""

import time
import uuid
from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import msgspec
from nacl.signing import SigningKey

from callbridge.carrier.shapes import JsonObject
from callbridge.probe import rules
from callbridge.probe.calls import ProbeCalls
from callbridge.probe.doors import Rung
from callbridge.probe.findings import Scenario
from callbridge.probe.line import ProbeLine
from callbridge.probe.rules import Rule
from callbridge.probe.webhook_door import WEBHOOK_S, WebhookDoor

OLD_S = 600  # twice what is tolerated
SECOND_ANSWER_S = 1.0  # for an event that was delivered twice to be acted on again


class WebhookProbe:
    def __init__(self, door: WebhookDoor, calls: ProbeCalls, http: httpx.AsyncClient) -> None:
        self.door, self.calls, self.book = door, calls, calls.book
        self._http = http

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[tuple[Rung, ProbeLine]]:
        """A call that has begun on its socket."""
        async with self.calls.line() as (rung, line):
            line.begin()
            for message in rung.opening():
                await line.send(message)
            yield rung, line

    async def post(self, body: bytes, headers: dict[str, str]) -> int | None:
        """The status; None without an answer in time."""
        try:
            answer = await self._http.post(
                self.door.url,
                content=body,
                headers={"content-type": "application/json"} | headers,
                timeout=WEBHOOK_S,
            )
        except httpx.HTTPError:
            return None
        return answer.status_code

    def signed(
        self, body: bytes, *, key: SigningKey | None = None, age: float = 0
    ) -> dict[str, str]:
        """Headers; by the platform's key unless another one is given, `age` seconds ago."""
        timestamp = str(int(time.time() - age))
        signature = (key or self.door.key).sign(timestamp.encode() + b"|" + body).signature
        return {
            "telnyx-signature-ed25519": b64encode(signature).decode(),
            "telnyx-timestamp": timestamp,
        }

    async def refused(self, body: bytes, headers: dict[str, str], rule: Rule, what: str) -> None:
        status = await self.post(body, headers)
        if status is None or not 400 <= status < 500:
            self.book.found(rule, f"{what}: {_said(status)}")


def _said(status: int | None) -> str:
    return f"no answer in {WEBHOOK_S:g} s" if status is None else f"HTTP {status}"


def event(event_type: str, payload: JsonObject) -> bytes:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    data: JsonObject = {
        "record_type": "event",
        "event_type": event_type,
        "id": str(uuid.uuid4()),
        "occurred_at": now,
        "payload": payload,
    }
    return again(data, 1)


def again(data: JsonObject, attempt: int) -> bytes:
    """The body of one more delivery."""
    return msgspec.json.encode({"data": data, "meta": {"attempt": attempt, "delivered_to": ""}})


def a_call() -> JsonObject:
    """Of nobody: whoever takes the event for genuine finds no call behind it."""
    call = f"v3:probe-{uuid.uuid4().hex}"
    return {
        "call_control_id": call,
        "call_leg_id": call,
        "call_session_id": call,
        "connection_id": "0",
        "direction": "incoming",
        "state": "parked",
        "from": "+13125550150",
        "to": "+13125550100",
        "client_state": None,
    }


# ---- the scenarios ------------------------------------------------------------------------------


async def first_call(probe: WebhookProbe) -> None:
    """It tells what the endpoint has sockets for."""
    async with probe.opened() as (_, line):
        await line.listen(SECOND_ANSWER_S)


async def signatures(probe: WebhookProbe) -> None:
    body, rule = event("call.initiated", a_call()), rules.WEBHOOK_SIGNATURE
    await probe.refused(body, {}, rule, "without a signature")
    other = probe.signed(body, key=SigningKey.generate())
    await probe.refused(body, other, rule, "signed with another key")
    changed = body.replace(b'"parked"', b'"Parked"')
    await probe.refused(changed, probe.signed(body), rule, "changed behind its signature")


async def timestamps(probe: WebhookProbe) -> None:
    body = event("call.initiated", a_call())
    for age, what in ((OLD_S, "old"), (-OLD_S, "ahead of time")):
        headers = probe.signed(body, age=age)
        await probe.refused(body, headers, rules.WEBHOOK_AGE, f"{OLD_S} s {what}")


async def unknown_event(probe: WebhookProbe) -> None:
    body = event("call.something.new", a_call() | {"deep": {"er": [1, None]}})
    status = await probe.post(body, probe.signed(body))
    if status is None or not 200 <= status < 300:
        probe.book.found(rules.WEBHOOK_UNKNOWN, _said(status))


async def delivered_twice(probe: WebhookProbe) -> None:
    door = probe.door
    async with probe.opened() as (rung, line):
        before = door.commands(rung)
        body = again(door.first_event(rung), 2)
        await probe.post(body, probe.signed(body))
        await line.listen(SECOND_ANSWER_S)
        more = door.commands(rung)[len(before) :]
        if "answer" in more:
            probe.book.found(rules.WEBHOOK_ONCE, "answered again, by another command")


async def changed_secret(probe: WebhookProbe) -> None:
    relay = probe.door.kind == "relay"
    async with probe.calls.line() as (rung, _):
        url = altered(rung.url)
        if url is None:
            probe.book.cannot_see("the address has no query: there is no secret to change")
        elif await probe.calls.lets_in(rung, url, SECOND_ANSWER_S):
            rule = rules.RELAY_TOKEN if relay else rules.MEDIA_TOKEN
            probe.book.found(rule, "let in with every value of the query changed")


async def second_socket(probe: WebhookProbe) -> None:
    relay = probe.door.kind == "relay"
    async with probe.opened() as (rung, _):
        if await probe.calls.lets_in(rung, rung.url, SECOND_ANSWER_S):
            rule = rules.RELAY_ONE_SOCKET if relay else rules.MEDIA_ONE_SOCKET
            probe.book.found(rule, "a second socket at the same address stayed open")


def altered(url: str) -> str | None:
    """The address with the end of every value of its query changed; None without a query."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query)
    changed = [(name, value[:-1] + ("b" if value.endswith("a") else "a")) for name, value in pairs]
    return parts._replace(query=urlencode(changed)).geturl() if changed else None


WebhookScenario = Callable[[WebhookProbe], Awaitable[None]]
WEBHOOK_SCENARIOS: dict[Scenario, WebhookScenario] = {
    Scenario("call", rules.WEBHOOK_TAKEN): first_call,
    Scenario("signatures", rules.WEBHOOK_SIGNATURE): signatures,
    Scenario("timestamps", rules.WEBHOOK_AGE): timestamps,
    Scenario("unknown event", rules.WEBHOOK_UNKNOWN): unknown_event,
    Scenario("event delivered twice", rules.WEBHOOK_ONCE): delivered_twice,
    Scenario("changed secret", rules.WEBHOOK_TAKEN): changed_secret,
    Scenario("second socket", rules.WEBHOOK_TAKEN): second_socket,
}
