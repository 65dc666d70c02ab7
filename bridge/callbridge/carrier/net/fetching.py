"""The one door through which sound files come in: what a customer's command names is fetched only
where this carrier may reach.

By default that is the public internet over http and https. Addresses of this machine and of
private networks are refused unless they are allowed; a carrier that only this machine can reach may
fetch from this machine, as whoever commands it is there already. A name is resolved once, its
addresses are checked, and the connection goes to an address that was checked: a name that answers
otherwise a moment later (DNS rebinding) changes nothing. Redirects pass through the same door."""

import asyncio
import socket
from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from callbridge.carrier.shapes import is_url
from callbridge.errors import AudioFileError, SettingsError

FETCH_S = 15.0  # for all of it, redirects included
MAX_BYTES = 50_000_000  # half an hour of wav at 8 kHz is 29 million
MAX_REDIRECTS = 3
AT_ONCE = 8  # files on their way; the others wait

Address = IPv4Address | IPv6Address
FetchNetwork = IPv4Network | IPv6Network


class NotThere(AudioFileError):
    """The server says that it has no such file."""


class FetchRules:
    """Where files may come from: the public internet, what is `allowed` (hosts, addresses, networks
    such as 10.0.0.0/8), and this machine or not. Raises SettingsError for what is no host."""

    def __init__(self, allowed: Collection[str] = (), *, this_machine: bool = False) -> None:
        self._names, self._networks = _read_allowed(allowed)
        self._this_machine = this_machine

    def may_reach(self, host: str, address: Address) -> bool:
        if host.lower().rstrip(".") in self._names:
            return True
        plain = _unwrapped(address)
        if any(plain in network for network in self._networks):
            return True
        if plain.is_loopback:
            return self._this_machine
        return plain.is_global and not (plain.is_multicast or plain.is_reserved)


class FetchDoor:
    """`http` uses no proxy: one would connect to what was not checked."""

    def __init__(self, http: httpx.AsyncClient, rules: FetchRules) -> None:
        self._http, self._rules = http, rules
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def fetch(self, url: str) -> bytes:
        """The bytes of a file. Raises AudioFileError, NotThere."""
        try:
            async with self._at_once, asyncio.timeout(FETCH_S):
                return await self._follow(httpx.URL(url))
        except TimeoutError:
            raise AudioFileError(f"{_shown(url)}: not there in {FETCH_S:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise AudioFileError(f"{_shown(url)}: {str(error) or type(error).__name__}") from None

    async def _follow(self, url: httpx.URL) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._ask(url)
            try:
                if not answer.has_redirect_location:
                    return await _body(answer, _shown(url))
                url = url.join(answer.headers["location"])
            finally:
                await answer.aclose()
        raise AudioFileError(f"{_shown(url)}: more than {MAX_REDIRECTS} redirects")

    async def _ask(self, url: httpx.URL) -> httpx.Response:
        """Goes to an address that was checked, and speaks to the host that was named."""
        if not is_url(str(url), ("http", "https")):
            raise AudioFileError(f"{_shown(url)}: only http and https are fetched")
        address = await self._address_of(url)
        request = self._http.build_request(
            "GET",
            url.copy_with(host=str(address)),
            headers={
                "host": url.netloc.decode("ascii"),
                # A packed answer could be a thousand times as large as what came over the wire.
                "accept-encoding": "identity",
                # Kept, it would serve the next host at this address, whose certificate nobody saw.
                "connection": "close",
            },
            timeout=FETCH_S,
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )
        return await self._http.send(request, stream=True)

    async def _address_of(self, url: httpx.URL) -> Address:
        """Raises AudioFileError if any address of the host is out of bounds."""
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                url.raw_host.decode("ascii"), port, type=socket.SOCK_STREAM
            )
        except OSError as error:
            raise AudioFileError(f"{_shown(url)}: {error.strerror or error}") from None
        addresses = [ip_address(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in found]
        for address in addresses:
            if not self._rules.may_reach(url.host, address):
                raise AudioFileError(
                    f"{_shown(url)}: {address} is no public address, and this carrier does not "
                    f"fetch from it; allow it with --allow-fetch {url.host}"
                )
        return addresses[0]


def _unwrapped(address: Address) -> Address:
    """The address of IPv4 that one of IPv6 stands for."""
    if isinstance(address, IPv6Address):
        teredo = address.teredo
        return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
    return address


def _read_allowed(allowed: Collection[str]) -> tuple[frozenset[str], tuple[FetchNetwork, ...]]:
    names: set[str] = set()
    networks: list[FetchNetwork] = []
    for entry in allowed:
        host = entry.strip().lower().rstrip(".")
        try:
            networks.append(ip_network(host))
            continue
        except ValueError:
            pass
        if not host or any(character in host for character in "/:@ "):
            raise SettingsError(
                f"{entry!r} is no host to fetch from: it is like files.internal, 10.1.2.3 or "
                "10.0.0.0/8"
            )
        names.add(host)
    return frozenset(names), tuple(networks)


async def _body(answer: httpx.Response, shown: str) -> bytes:
    if answer.status_code in (404, 410):
        raise NotThere(f"{shown}: HTTP {answer.status_code}")
    if not answer.is_success:
        raise AudioFileError(f"{shown}: HTTP {answer.status_code}")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise AudioFileError(f"{shown}: packed as {answer.headers['content-encoding']}")
    data = bytearray()
    async for piece in answer.aiter_raw():
        data += piece
        if len(data) > MAX_BYTES:
            raise AudioFileError(f"{shown}: more than {MAX_BYTES // 1_000_000} MB")
    return bytes(data)


def _shown(url: str | httpx.URL) -> str:
    """For a webhook or a tape: a query or a password may be a secret."""
    try:
        return str(httpx.URL(url).copy_with(query=None, userinfo=b"", fragment=None))
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return "the address"
