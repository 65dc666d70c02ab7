"""Sends commands to the Voice API: at once, again when it dawdles, and never for ever.

Everything that a command is stands in `wire`; here is only time and transport."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import httpx
import msgspec

from callbridge.control import commands as wire
from callbridge.control.lists import Listing
from callbridge.errors import CallGone, CarrierUnreachable, CommandRefused

# All of 5xx besides. The official SDK repeats after these two as well.
REPEATED_STATUSES = frozenset({408, 429})

# "Call has already ended" and "Invalid Call Control ID"; "Resource not found" comes with 404.
GONE = frozenset({(422, "90018"), (422, "90015"), (404, "10005")})

# With these the platform has carried out nothing.
NEVER_ARRIVED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
# Enough for a burst of calls with every command sent twice. A connection is kept for as long as no
# server would close it: they do so after a minute, and a new one costs two or three round trips,
# which whoever is to be connected would wait for.
LIMITS = httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=30.0)

# What one attempt came to: an answer, or why there is none.
Attempted = httpx.Response | httpx.RequestError


@dataclass(slots=True)
class CommandStats:
    """Counts over the life of the client."""

    commands: int = 0
    hedged: int = 0  # sent a second time because the first was slow
    repeated: int = 0  # sent again after 408, 429, 5xx or a broken connection
    unreachable: int = 0


class ListPage(NamedTuple):
    """What a list has on one page, and what is said of the whole: `total_pages`, usually."""

    items: list[dict[str, Any]]
    meta: dict[str, Any]


class CallControl:
    """Commands in, answers out. `http` knows the base URL and the key; times in seconds.

    `hedge_after` without an answer, the same command is sent a second time, and the first full
    answer counts: the platform carries out a `command_id` once. What takes no such id, and is not
    to be carried out twice, is sent again only where it cannot have arrived. Nothing takes longer
    than `give_up_after`. With `refused_is_final` nobody waits for a server that does not run."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        hedge_after: float = 0.5,
        give_up_after: float = 10.0,
        refused_is_final: bool = False,
    ) -> None:
        self.stats = CommandStats()
        self._http = http
        self._hedge_after = hedge_after
        self._give_up_after = give_up_after
        self._refused_is_final = refused_is_final

    async def send(self, command: wire.Command) -> dict[str, object]:
        """Carry out a command and return the `data` of the answer, {} where it has none.

        Raises CommandRefused (CallGone when its call is over) or CarrierUnreachable."""
        answer = await self._answer(command)
        return {} if answer.status_code == 204 else _read(command, answer, _Success).data

    async def page(self, listing: Listing) -> ListPage:
        """One page of a list. Raises as `send` does."""
        page = _read(listing, await self._answer(listing), _Listed)
        return ListPage(page.data, page.meta or {})

    async def every(self, listing: Listing) -> list[dict[str, Any]]:
        """What a list has from the page asked for to its last. Raises as `send` does.

        Where nobody says how many pages there are, the last is the first with nothing new on it."""
        items: list[dict[str, Any]] = []
        before: list[dict[str, Any]] = []
        while True:
            page = await self.page(listing)
            if not page.items or page.items == before:
                return items
            items += page.items
            last = page.meta.get("total_pages")
            if isinstance(last, int) and listing.page_number >= last:
                return items
            before = page.items
            listing = msgspec.structs.replace(listing, page_number=listing.page_number + 1)

    async def _answer(self, command: wire.Command) -> httpx.Response:
        """The answer to a command that was carried out."""
        self.stats.commands += 1
        request = wire.request(command)
        last, asked_s = "no answer", 0.0
        try:
            async with asyncio.timeout(self._give_up_after) as limit:
                for pause in _pauses():
                    outcome = await self._sent(request, command)
                    if isinstance(outcome, httpx.Response) and _is_final(outcome):
                        if outcome.is_success:
                            return outcome
                        raise _refusal(command, outcome)
                    last, asked_s = _in_words(outcome), _retry_after(outcome)
                    if command.at_most_once and not _never_arrived(outcome):
                        break
                    if self._refused_is_final and isinstance(outcome, httpx.ConnectError):
                        break
                    pause = max(pause, asked_s)
                    if _now() + pause >= (limit.when() or 0.0):
                        break  # nothing can come of waiting that long
                    await asyncio.sleep(pause)
                    self.stats.repeated += 1
        except TimeoutError:
            pass  # the same end as when the pauses run out
        self.stats.unreachable += 1
        raise CarrierUnreachable(
            f"{command.name}: not carried out by {self._http.base_url} within "
            f"{self._give_up_after:g} s ({last}){_perhaps(command)}. Check TELNYX_BASE_URL and the "
            "way there: DNS, firewall, proxy, the platform's status page.",
            asked_s,
        )

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _sent(self, request: wire.Request, command: wire.Command) -> Attempted:
        if command.at_most_once:
            return await self._attempt(request)
        return await self._hedged(request)

    async def _hedged(self, request: wire.Request) -> Attempted:
        """One attempt, or two at once if the first is slow; past this line none is alive."""
        async with asyncio.TaskGroup() as group:
            attempts = [group.create_task(self._attempt(request))]
            done, _ = await asyncio.wait(attempts, timeout=self._hedge_after)
            if not done:
                self.stats.hedged += 1
                attempts.append(group.create_task(self._attempt(request)))
            outcome = await _first_final(attempts)
            for attempt in attempts:
                attempt.cancel()
        return outcome

    async def _attempt(self, request: wire.Request) -> Attempted:
        method, path, body = request
        headers = {"content-type": "application/json"}
        try:
            return await self._http.request(method, path, content=body, headers=headers)
        except httpx.RequestError as error:
            return error


def connect(
    base_url: str,
    api_key: str,
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    refused_is_final: bool = False,
    hedge_after: float = 0.5,
) -> CallControl:
    """A client for the API at `base_url`. To be closed with `aclose`.

    `transport` instead of the network: a carrier in the same process."""
    http = httpx.AsyncClient(
        transport=transport,
        base_url=base_url,
        headers={
            "authorization": f"Bearer {api_key}",
            "accept": "application/json",
        },
        # `send` has its own limit; this one ends an attempt that would outlive it.
        timeout=httpx.Timeout(10.0, connect=5.0),
        limits=LIMITS,
    )
    return CallControl(http, refused_is_final=refused_is_final, hedge_after=hedge_after)


async def _first_final(attempts: list[asyncio.Task[Attempted]]) -> Attempted:
    """The first answer that stands; if there is none, the last of the others."""
    pending = set(attempts)
    while True:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        outcomes = [attempt.result() for attempt in done]
        for outcome in outcomes:
            if isinstance(outcome, httpx.Response) and _is_final(outcome):
                return outcome
        if not pending:
            return outcomes[-1]


def _is_final(answer: httpx.Response) -> bool:
    return answer.status_code < 500 and answer.status_code not in REPEATED_STATUSES


def _never_arrived(outcome: Attempted) -> bool:
    if isinstance(outcome, httpx.Response):
        return outcome.status_code == 429
    return isinstance(outcome, NEVER_ARRIVED)


def _pauses() -> Iterator[float]:
    """Seconds between attempts, doubling; spread, so that a thousand calls do not come in step."""
    pause = FIRST_PAUSE_S
    while True:
        yield pause * random.uniform(0.75, 1.0)
        pause = min(2 * pause, LONGEST_PAUSE_S)


def _retry_after(outcome: Attempted) -> float:
    """What the answer asks for, in seconds; 0 when nothing, or a date (no clock here)."""
    if isinstance(outcome, httpx.RequestError):
        return 0.0
    asked = outcome.headers.get("retry-after", "")
    return float(asked) if asked.isascii() and asked.isdecimal() else 0.0


def _in_words(outcome: Attempted) -> str:
    if isinstance(outcome, httpx.Response):
        return f"HTTP {outcome.status_code} {outcome.reason_phrase}"
    return f"{type(outcome).__name__}: {outcome}"


def _perhaps(command: wire.Command) -> str:
    return ", or carried out and not answered" if command.at_most_once else ""


def _now() -> float:
    return asyncio.get_running_loop().time()


# ---- answers ------------------------------------------------------------------------------------


class _Source(msgspec.Struct, frozen=True):
    """Where in the request an error is."""

    pointer: str = ""


class _Fault(msgspec.Struct, frozen=True):
    """One of `errors`. The code is a string, on a few endpoints a number."""

    code: str | int = ""
    title: str = ""
    detail: str | None = None
    source: _Source | None = None


class _Refusal(msgspec.Struct, frozen=True):
    errors: list[_Fault]


class _Success(msgspec.Struct, frozen=True):
    data: dict[str, object]


class _Listed(msgspec.Struct, frozen=True):
    data: list[dict[str, Any]]
    meta: dict[str, Any] | None = None


Shape = TypeVar("Shape")


def _read(command: wire.Command, answer: httpx.Response, shape: type[Shape]) -> Shape:
    try:
        return msgspec.json.decode(answer.content, type=shape)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        status = answer.status_code
        title = "the answer is not the Voice API's"
        raise CommandRefused(
            command.name, status, str(status), title, "check TELNYX_BASE_URL"
        ) from None


def _refusal(command: wire.Command, answer: httpx.Response) -> CommandRefused:
    name, status = command.name, answer.status_code
    try:
        fault, *_ = msgspec.json.decode(answer.content, type=_Refusal).errors
    except (ValueError, RecursionError):  # no JSON (a proxy's page), or no errors in it
        fault = _Fault()
    code = str(fault.code or status)
    gone = (status, code) in GONE and _of_its_call(command, status, fault)
    error = CallGone if gone else CommandRefused
    title = fault.title or answer.reason_phrase or "refused"
    return error(name, status, code, title, fault.detail or "")


def _of_its_call(command: wire.Command, status: int, fault: _Fault) -> bool:
    """Whether what is gone is the call that was commanded.

    A dial has none; a bridge has two; and where the path names a conference or a queue, what was
    not found may be that."""
    if "call_control_id" not in command.__struct_fields__:
        return False
    if status == 404 and not command.path.startswith("/calls/"):
        return False
    return fault.source is None or fault.source.pointer not in command.of_another_call
