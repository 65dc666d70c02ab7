"""Requests as such: their bodies, paths and methods, whatever they ask for."""

import asyncio
from typing import Any

import pytest

from callbridge.carrier.api.calls import MOST_AT_ONCE
from callbridge.carrier.api.checks import MOST_PROBLEMS
from callbridge.carrier.api.router import MAX_BODY, MAX_DEPTH
from callbridge.carrier.shapes import is_url
from tests.callbridge.carrier.line import SELF, Line, codes
from tests.callbridge.carrier.live import KEY, carrier

APPLICATIONS = "/v2/call_control_applications"
BOB = "+13125550199"


def nested(depth: int) -> bytes:
    """An object with so many objects and lists in each other, itself included."""
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_a_body_is_as_deep_as_answers_can_be_written() -> None:
    line = Line()
    assert codes(line.request("POST", APPLICATIONS, nested(MAX_DEPTH))) != [("10015", None)]
    for depth in (MAX_DEPTH + 1, 990):
        response = line.request("POST", APPLICATIONS, nested(depth))
        assert (response.status, codes(response)) == (400, [("10015", None)])
    assert line.request("GET", APPLICATIONS).status == 200


def test_a_query_is_no_deeper_than_a_body() -> None:
    line = Line()
    for path in (APPLICATIONS, "/v2/call_events", "/v2/queues"):
        response = line.request("GET", f"{path}?filter{'[a]' * 1000}=1")
        assert (response.status, codes(response)) == (400, [("10015", None)])


FAULTS: list[dict[str, Any]] = [
    {"custom_headers": [{}] * 1000},
    {"webhook_urls": {f"call.{number}": [] for number in range(1000)}},
    {"webhook_retries_policies": {f"call.{number}": 1 for number in range(1000)}},
]


@pytest.mark.parametrize("fields", FAULTS)
def test_an_answer_tells_of_so_many_faults_at_most(fields: dict[str, Any]) -> None:
    """Of 60,000 empty headers it had 20 MB, and the audio of all calls waited for 2 seconds."""
    line = Line()
    assert len(codes(line.command(line.ring(), "transfer", to=BOB, **fields))) == MOST_PROBLEMS


def test_a_pointer_is_escaped() -> None:
    line = Line()
    urls = {"a/b~": ["http://a/"]}
    response = line.command(line.ring(), "answer", webhook_urls=urls)
    assert codes(response) == [("90057", "/webhook_urls/a~1b~0")]


def test_a_body_is_only_so_long() -> None:
    line = Line()
    call = line.ring()
    path, least = f"/v2/calls/{call}/actions/answer", len(b'{"x":""}')
    body = b'{"x":"%s"}' % (b"a" * (MAX_BODY - least + 1))
    assert codes(line.request("POST", path, body)) == [("10015", None)]
    assert line.request("POST", path, body.replace(b"aa", b"a", 1)).status == 200


def test_a_long_text_is_told_from_a_url_by_reading_it_once() -> None:
    """By trying every split of it, this one would take hours."""
    assert not is_url("http://" + "a" * 1_000_000 + " ", ("http", "https"))
    assert is_url("http://a", ("http", "https"))
    assert not is_url("http://?a", ("http", "https"))


def test_only_so_many_numbers_ring_at_once() -> None:
    line = Line()
    more: dict[str, Any] = {"to": [BOB] * (MOST_AT_ONCE + 1), "from": BOB}
    body = {"connection_id": line.config.connection_id} | more
    response = line.request("POST", "/v2/calls", body)
    assert (response.status, codes(response)) == (422, [("10027", "/to")])
    assert line.request("POST", "/v2/calls", body | {"to": more["to"][1:]}).status == 200


@pytest.mark.parametrize("id", ["a%0Ab", "a%00", "%1b%5B31m", "%E2%80%AE"])
def test_an_id_has_no_characters_that_are_not_seen(id: str) -> None:
    line = Line()
    response = line.request("GET", f"/v2/calls/{id}")
    assert (response.status, codes(response)) == (404, [("10005", None)])


def test_a_command_without_an_id_repeats_none_that_is_called_none() -> None:
    line = Line()
    call = line.ring()
    line.command(call, "answer")
    assert line.command(call, "streaming_start", command_id="None", **SELF).status == 200
    assert codes(line.command(call, "streaming_start", **SELF)) != []  # it is carried out


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        (
            {"webhook_urls": {"call.hangup": ["http://a", "b"]}},
            "10003",
            "/webhook_urls/call.hangup",
        ),
        ({"custom_headers": [{"name": "X", "value": "y"}, 1]}, "10026", "/custom_headers/1"),
        ({"custom_headers": [{"name": "X", "value": 5}]}, "10026", "/custom_headers/0/value"),
        ({"media_encryption": {}}, "10026", "/media_encryption"),
        (
            {"conversation_relay_config": {"url": "ws://a", "languages": [{"language": 1}]}},
            "10026",
            "/conversation_relay_config/languages/0/language",
        ),
        (
            {"transcription_config": {"transcription_engine": "Nobody"}, "transcription": True},
            "10032",
            "/transcription_config/transcription_engine",
        ),
    ],
)
def test_what_is_wrong_inside_says_where(fields: dict[str, Any], code: str, pointer: str) -> None:
    line = Line()
    assert (code, pointer) in codes(line.dial(BOB, **fields))


def test_lists_are_only_so_long() -> None:
    line = Line()
    body = {"application_name": "a", "webhook_event_url": "http://a"}
    response = line.request("POST", APPLICATIONS, body | {"siprec_tokens": ["a", "b", "c"]})
    assert ("10027", "/siprec_tokens") in codes(response)


async def test_a_wrong_method_says_in_its_header_which_is_right() -> None:
    async with carrier() as live:
        answer = await live.http.get("/v2/conferences/a/actions/join")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        answer = await live.http.put(APPLICATIONS)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "allow"),
    [
        ("OPTIONS", "/v2/calls", 405, "10030", "POST"),
        ("TRACE", "/v2/queues", 405, "10030", "GET, POST"),
        ("PUT", "/carrier/calls", 405, "10030", "POST"),
        ("GET", "/v2/calls/a%0Ab", 404, "10005", None),  # a line end, which routes do not match
        ("GET", "/elsewhere", 404, "10005", None),
    ],
)
async def test_whatever_is_not_here_is_refused_as_by_the_platform(
    method: str, path: str, status: int, code: str, allow: str | None
) -> None:
    async with carrier() as live:
        answer = await live.http.request(method, path)
    assert (answer.status_code, answer.headers.get("allow")) == (status, allow)
    assert [error["code"] for error in answer.json()["errors"]] == [code]


async def test_what_a_path_encodes_stays_in_its_place() -> None:
    async with carrier() as live:
        for id in ("a%3Fb", "a%23b", "a%2Fb"):
            answer = await live.http.get(f"/v2/calls/{id}")
            assert answer.status_code == 404
            assert answer.json()["errors"][0]["code"] in ("10005", "10015", "90015")
            assert id.replace("%3F", "?").replace("%23", "#").replace("%2F", "/") in str(
                answer.json()
            )


async def test_a_host_that_is_none_is_no_failure() -> None:
    async with carrier() as live:
        reader, writer = await asyncio.open_connection("127.0.0.1", live.running.port)
        writer.write(
            f"GET /v2/calls/x HTTP/1.1\r\nHost: [\r\nAuthorization: Bearer {KEY}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        status = await reader.readline()
        assert status.split()[1] == b"404"
        writer.close()
