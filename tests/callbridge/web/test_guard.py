"""Pages and sockets for the person at this machine, and for nobody else's page."""

import re
from collections.abc import AsyncGenerator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from callbridge.web.guard import Guarded, host_name
from callbridge.web.pages import Pages, asset, assets

URL = "http://127.0.0.1:8080"


async def changed(request: Request) -> Response:
    return Response("changed")


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


async def page(request: Request) -> Response:
    return Pages("callbridge.web").page("base.html")


def guarded() -> Guarded:
    routes = [
        Route("/", page),
        Route("/change", changed, methods=["POST"]),
        WebSocketRoute("/talk", talk),
        assets(),
    ]
    return Guarded(Starlette(routes=routes))


@pytest.fixture
async def http() -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=guarded()), base_url=URL
    ) as client:
        yield client


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": URL, "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://[", "sec-fetch-site": "same-origin"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example:8080"}, 421),
        ({"host": "["}, 421),
        ({"host": ""}, 421),
        ({"host": "localhost:8080", "origin": "http://localhost:8080"}, 200),
    ],
)
async def test_who_may_change_something(
    http: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    answer = await http.post("/change", headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null"])
def test_a_foreign_page_opens_no_socket(origin: str) -> None:
    client, host = TestClient(guarded()), {"host": "127.0.0.1:8080"}
    with client.websocket_connect("/talk", headers=host | {"origin": URL}) as socket:
        assert socket.receive_text() == "hello"
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        client.websocket_connect("/talk", headers=host | {"origin": origin}),
    ):
        pass
    assert refused.value.code == 1008


async def test_every_answer_tells_the_browser_what_its_page_may_do(http: httpx.AsyncClient) -> None:
    for answer in (
        await http.get("/"),
        await http.get("/nowhere"),
        await http.post("/change", headers={"origin": "null"}),
        await http.get(asset("callbridge.css")),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_page_names_assets_that_exist_and_may_be_kept(http: httpx.AsyncClient) -> None:
    first = await http.get("/")
    assert first.headers["cache-control"] == "no-store"
    named = re.findall(r'(?:src|href)="(/assets/[^"]+)"', first.text)
    assert len(named) >= 2
    for path in named:
        answer = await http.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    without = await http.get("/assets/callbridge.css")
    assert "immutable" not in without.headers["cache-control"]


def test_a_page_asks_no_other_host_and_runs_nothing_of_its_own() -> None:
    text = Pages("callbridge.web").text("base.html")
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//', text)
    assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=", text)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.1:8080", "127.0.0.1"),
        ("[::1]:80", "::1"),
        ("LOCALHOST", "localhost"),
        ("user@localhost", "localhost"),
        ("]", ""),
        ("", ""),
    ],
)
def test_host_names(host: str, name: str) -> None:
    assert host_name(host) == name
