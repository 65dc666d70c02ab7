"""Requests of TeXML: a form goes out, signed, and a document may come back."""

import asyncio
from urllib.parse import urlencode

import httpx
from nacl.signing import SigningKey

from callbridge.carrier.core.effects import RequestTexml
from callbridge.carrier.net.signed import signed
from callbridge.carrier.texml.markup import MAX_BYTES
from callbridge.carrier.texml.requests import TexmlAnswer

MAX_REDIRECTS = 3
FORM = "application/x-www-form-urlencoded"
PLAIN = {"accept-encoding": "identity"}  # a document that unpacks to a gigabyte is not unpacked


async def ask(
    http: httpx.AsyncClient, key: SigningKey, wish: RequestTexml, timeout_s: float
) -> TexmlAnswer:
    """Never raises for what a customer's server does."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _ask(http, key, wish)
    except TimeoutError:
        return TexmlAnswer(wish.url, why=f"no answer in {timeout_s:g} s")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return TexmlAnswer(wish.url, why=str(error) or type(error).__name__)


async def _ask(http: httpx.AsyncClient, key: SigningKey, wish: RequestTexml) -> TexmlAnswer:
    """Follows redirects with the same method and form, as webhooks do."""
    url = httpx.URL(wish.url)
    for _ in range(MAX_REDIRECTS + 1):
        request = _request(http, key, wish, url)
        answer = await http.send(request, stream=True)
        try:
            if not answer.has_redirect_location:
                return TexmlAnswer(str(url), answer.status_code, await _body(answer))
            url = url.join(answer.headers["location"])
        finally:
            await answer.aclose()
    return TexmlAnswer(str(url), why=f"more than {MAX_REDIRECTS} redirects")


def _request(
    http: httpx.AsyncClient, key: SigningKey, wish: RequestTexml, url: httpx.URL
) -> httpx.Request:
    form = urlencode(wish.form).encode()
    if wish.method == "POST":
        headers = signed(key, form, FORM) | PLAIN
        return http.build_request("POST", url, content=form, headers=headers)
    # What is signed of a GET is not published. A signature over an empty body would let anybody put
    # other parameters behind it, so here it is the whole query, as it stands in the request.
    query = b"&".join(part for part in (url.query, form) if part)
    request = http.build_request("GET", url.copy_with(query=query), headers=PLAIN)
    request.headers.update(signed(key, request.url.query, FORM))
    return request


async def _body(answer: httpx.Response) -> bytes:
    """A byte more than a document may have, at most."""
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > MAX_BYTES:
            break
    return bytes(body[: MAX_BYTES + 1])
