"""TeXML over real HTTP: what is signed, how much is read, how long is waited."""

import base64
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from nacl.signing import VerifyKey
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callbridge.carrier.config import CarrierConfig, TexmlApplication
from tests.callbridge.carrier.live import KEY, Hooks, Live, carrier, hooks

Answer = Callable[[Request], Awaitable[Response]]


async def hang_up(request: Request) -> Response:
    return Response("<Response><Hangup/></Response>", media_type="application/xml")


async def moved(request: Request) -> Response:
    if request.url.path == "/texml":
        return RedirectResponse("/elsewhere?a=1", 307)
    return Response("<Response><Redirect>beside</Redirect></Response>")


async def endless(request: Request) -> Response:
    return Response(b"<Response>" + b" " * 10_000_000)


def leading(customer: Hooks, query: str = "", **more: object) -> CarrierConfig:
    texml = TexmlApplication(voice_url=f"{customer.url}/texml{query}", **more)  # type: ignore[arg-type]
    return CarrierConfig(api_key=KEY, texml=texml)


def check_signature(live: Live, request: Request, content: bytes) -> None:
    """By hand: Ed25519 over timestamp|content."""
    key = VerifyKey(base64.b64decode(live.running.public_key))
    timestamp = request.headers["telnyx-timestamp"]
    signature = base64.b64decode(request.headers["telnyx-signature-ed25519"])
    key.verify(timestamp.encode() + b"|" + content, signature)


async def failure(live: Live, call: str) -> str:
    [failed] = [entry for entry in await live.tape(call) if entry["kind"] == "texml failed"]
    return str(failed["detail"]["why"])


async def test_a_post_is_a_signed_form() -> None:
    async with hooks(hang_up) as customer, carrier(leading(customer)) as live:
        call = await live.ring(steps=[{"wait": "hangup"}])
        assert (await live.finished(call))["hangup_cause"] == "call_rejected"
        request, body = await customer.received.get()
        assert request.method == "POST"
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        assert parse_qs(body.decode())["CallSid"] == [call]
        check_signature(live, request, body)


async def test_the_whole_query_of_a_get_is_signed() -> None:
    async with hooks(hang_up) as customer:
        config = leading(customer, "?tenant=7", voice_method="GET")
        async with carrier(config) as live:
            await live.finished(await live.ring(steps=[{"wait": "hangup"}]))
            request, body = await customer.received.get()
            assert (request.method, body) == ("GET", b"")
            assert request.query_params["tenant"] == "7"
            assert request.query_params["From"] == "+13125550123"
            check_signature(live, request, request.scope["query_string"])


async def test_redirects_of_http_are_followed_as_they_were_and_count_as_the_address() -> None:
    async with hooks(moved) as customer, carrier(leading(customer)) as live:
        call = await live.ring(steps=[{"wait": "hangup"}])
        await live.finished(call)
        asked = [(await customer.received.get())[0] for _ in range(3)]
        assert [(request.method, request.url.path) for request in asked] == [
            ("POST", "/texml"),
            ("POST", "/elsewhere"),
            ("POST", "/beside"),
        ]


async def test_a_document_without_end_is_read_no_further_than_its_limit() -> None:
    async with hooks(endless) as customer, carrier(leading(customer)) as live:
        call = await live.ring(steps=[{"wait": "hangup"}])
        assert "more than 65536 bytes" in await failure(live, call)


async def test_a_server_that_is_not_there_costs_the_call_and_not_the_carrier() -> None:
    texml = TexmlApplication(voice_url="http://127.0.0.1:9/texml")
    async with carrier(CarrierConfig(api_key=KEY, texml=texml)) as live:
        call = await live.ring(steps=[{"wait": "hangup"}])
        assert "failed" in await failure(live, call)
        assert (await live.finished(call))["hangup_cause"] == "call_rejected"
