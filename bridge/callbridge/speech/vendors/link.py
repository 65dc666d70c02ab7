"""How a service is reached: a WebSocket or an HTTP request, and what is said when that fails.

No key is ever part of an error, a log line or a `repr`."""

import asyncio
import json
import logging
import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import httpx
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from callbridge.errors import SettingsError, SpeechFailed

CONNECT_S = 3.0  # a caller waits
CLOSE_S = 0.3  # for the answer to our close: a barge-in waits for it
LARGEST = 1 << 22  # octets of a message: seconds of sound in base64, with their alignment

# At level DEBUG websockets writes down the handshake, and the key with it.
_log = logging.getLogger("callbridge.vendors")
_log.setLevel(logging.INFO)


class VendorSocket(Protocol):
    """A WebSocket of `websockets`, or one end of a pair in memory."""

    async def send(self, message: str | bytes, /) -> None: ...

    async def recv(self) -> str | bytes: ...


VendorConnect = Callable[[str, Mapping[str, str]], AbstractAsyncContextManager[VendorSocket]]
"""Opens a WebSocket to a URL with these headers. Raises what `websockets.connect` raises."""


@asynccontextmanager
async def over_the_network(url: str, headers: Mapping[str, str]) -> AsyncGenerator[VendorSocket]:
    async with connect_websocket(
        url,
        additional_headers=headers,
        open_timeout=CONNECT_S,
        close_timeout=CLOSE_S,
        max_size=LARGEST,
        logger=_log,
    ) as socket:
        yield socket


@asynccontextmanager
async def failing_as(vendor: str) -> AsyncGenerator[None]:
    """What goes wrong with a service is a SpeechFailed that says what, by this name."""
    try:
        yield
    except InvalidStatus as error:
        response = error.response
        said = (response.body or b"")[:200].decode(errors="replace")
        raise SpeechFailed(_refused(vendor, response.status_code, said)) from None
    except ConnectionClosed as error:
        close = error.rcvd or error.sent
        code, reason = (close.code, close.reason) if close else (1006, "no close frame")
        raise SpeechFailed(f"{vendor} closed the connection: {code} {reason}".rstrip()) from None
    except httpx.HTTPStatusError as error:
        said = error.response.text[:200]
        raise SpeechFailed(_refused(vendor, error.response.status_code, said)) from None
    except (OSError, TimeoutError) as error:
        raise SpeechFailed(f"{vendor} is not reached: {error or type(error).__name__}") from None
    except (WebSocketException, httpx.HTTPError) as error:  # their texts may quote our headers
        raise SpeechFailed(f"{vendor} is not reached: {type(error).__name__}") from None
    except ValueError as error:  # also msgspec's, and what is no UTF-8
        raise SpeechFailed(f"{vendor} sent what is not of its protocol: {error}") from None


def _refused(vendor: str, status: int, said: str) -> str:
    if status in (401, 403):  # what is said then may quote a part of the key
        return f"{vendor} refused with {status}: is its key right?"
    return f"{vendor} refused with {status} {said}".strip()


def key_of(vendor: str, variable: str, given: str) -> str:
    """The key that was given, else the environment's. Raises SettingsError."""
    key = (given or os.environ.get(variable, "")).strip()
    if not key:
        raise SettingsError(f"no key for {vendor}: set {variable}, or pass api_key=...")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsError(f"the key for {vendor} has characters that no key has: see {variable}")
    return key


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Run it as a task that ends with the block. It fails in silence: by what is missed then."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()


def http_client() -> httpx.AsyncClient:
    """That of the running loop, which keeps its connections for the next request."""
    loop = asyncio.get_running_loop()
    client = _clients.get(loop)
    if client is None or client.is_closed:
        client = _clients[loop] = httpx.AsyncClient(timeout=httpx.Timeout(10.0, connect=CONNECT_S))
    return client


def compact(message: Mapping[str, object]) -> str:
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False)
