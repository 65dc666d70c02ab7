"""Commands arrive once and in time, whatever the way there does. All in virtual time."""

import asyncio
import json
import logging
from typing import Any

import httpx
import pytest

from callbridge.control import commands as wire
from callbridge.control.client import CallControl, ListPage, connect
from callbridge.control.commands import Answer, Bridge, Dial, Hangup
from callbridge.control.conferences import ConferenceJoin, ConferencePlay, ConferencesList
from callbridge.control.queues import QueueCallRemove, QueueDelete
from callbridge.errors import CallGone, CarrierUnreachable, CommandRefused
from callbridge.serve.settings import Settings
from callbridge.testing.loop import run
from tests.callbridge.control.test_signatures import KEY, encoded

BASE_URL = "https://api.telnyx.com/v2"
HANGUP = Hangup(call_control_id="v3:leg")
OK = httpx.Response(200, json={"data": {"result": "ok"}})

Reply = httpx.Response | httpx.RequestError


class Platform:
    """Answers the requests one after the other, each after its delay (s); the last for ever."""

    def __init__(self, *script: tuple[float, Reply]) -> None:
        self.script = list(script)
        self.requests: list[tuple[float, httpx.Request]] = []
        self.cancelled = 0

    async def answer(self, request: httpx.Request) -> httpx.Response:
        number = min(len(self.requests), len(self.script) - 1)
        delay, reply = self.script[number]
        self.requests.append((asyncio.get_running_loop().time(), request))
        try:
            await asyncio.sleep(delay)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(reply, httpx.RequestError):
            raise reply
        return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.requests]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.content) for _, request in self.requests]


def refusal(status: int, code: str | int, title: str = "Refused", detail: str = "") -> Reply:
    return httpx.Response(
        status, json={"errors": [{"code": code, "title": title, "detail": detail}]}
    )


async def sent(
    platform: Platform, command: wire.Command = HANGUP
) -> tuple[dict[str, object], CallControl, float]:
    """(answer, client, seconds it took); nothing of it is alive afterwards."""
    loop = asyncio.get_running_loop()
    http = httpx.AsyncClient(transport=httpx.MockTransport(platform.answer), base_url=BASE_URL)
    client, began = CallControl(http), loop.time()
    try:
        return await client.send(command), client, loop.time() - began
    finally:
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await client.aclose()


# ---- the usual case ---------------------------------------------------------------------------


def test_a_quick_answer_is_asked_for_once() -> None:
    platform = Platform((0.499, OK))
    answer, client, seconds = run(sent(platform))
    assert answer == {"result": "ok"}
    assert (len(platform.requests), client.stats.hedged) == (1, 0)
    assert seconds == pytest.approx(0.499)


def test_the_request_is_the_commands() -> None:
    platform = Platform((0.0, OK))
    run(sent(platform, Hangup(call_control_id="v3:a/b", command_id="c1")))
    ((_, request),) = platform.requests
    assert request.method == "POST"
    assert str(request.url) == f"{BASE_URL}/calls/v3:a%2Fb/actions/hangup"
    assert request.headers["content-type"] == "application/json"
    assert request.content == b'{"command_id":"c1"}'


# ---- rule 18: the same command again after 500 ms -----------------------------------------------


def test_a_slow_answer_is_asked_for_again_and_the_first_one_counts() -> None:
    platform = Platform((0.8, OK), (0.8, refusal(422, "90018")))
    answer, client, seconds = run(sent(platform))
    assert answer == {"result": "ok"}
    assert platform.times == pytest.approx([0.0, 0.5])
    assert platform.bodies[0] == platform.bodies[1] == {"command_id": HANGUP.command_id}
    assert (client.stats.hedged, platform.cancelled) == (1, 1)
    assert seconds == pytest.approx(0.8)


def test_the_second_can_overtake_the_first() -> None:
    second = httpx.Response(200, json={"data": {"result": "second"}})
    platform = Platform((9.0, OK), (0.1, second))
    answer, _, seconds = run(sent(platform))
    assert answer == {"result": "second"}
    assert seconds == pytest.approx(0.6)
    assert platform.cancelled == 1


def test_a_refusal_is_a_full_answer() -> None:
    platform = Platform((9.0, OK), (0.1, refusal(422, "10004")))
    with pytest.raises(CommandRefused, match="10004"):
        run(sent(platform))
    assert platform.cancelled == 1


@pytest.mark.parametrize("stumble", [httpx.Response(503), httpx.ConnectError("refused")])
def test_a_stumble_of_one_leaves_the_other_its_chance(stumble: Reply) -> None:
    platform = Platform((2.0, OK), (0.1, stumble))
    answer, client, seconds = run(sent(platform))
    assert answer == {"result": "ok"}
    assert seconds == pytest.approx(2.0)
    assert client.stats.repeated == 0


# ---- again after errors -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stumble",
    [
        httpx.Response(500),
        httpx.Response(502, text="<html>Bad gateway</html>"),
        httpx.Response(503),
        httpx.Response(429),
        httpx.Response(408),
        httpx.ConnectError("refused"),
        httpx.RemoteProtocolError("peer closed the connection"),
        httpx.ReadTimeout("too slow"),
    ],
)
def test_passing_trouble_is_tried_again_under_the_same_command_id(stumble: Reply) -> None:
    platform = Platform((0.01, stumble), (0.01, stumble), (0.01, OK))
    answer, client, seconds = run(sent(platform))
    assert answer == {"result": "ok"}
    assert {body["command_id"] for body in platform.bodies} == {HANGUP.command_id}
    assert (len(platform.requests), client.stats.repeated) == (3, 2)
    assert 0.03 + 0.75 * 0.3 <= seconds <= 0.03 + 0.3  # pauses of 0.1 and 0.2 s, less up to 25 %


def test_a_server_that_does_not_run_is_waited_for_unless_that_is_final() -> None:
    platform = Platform((0.01, httpx.ConnectError("refused")))

    async def seconds_to_fail() -> float:
        http = httpx.AsyncClient(transport=httpx.MockTransport(platform.answer), base_url=BASE_URL)
        async with http:
            with pytest.raises(CarrierUnreachable, match="ConnectError: refused"):
                await CallControl(http, refused_is_final=True).send(HANGUP)
        return asyncio.get_running_loop().time()

    assert run(seconds_to_fail()) == pytest.approx(0.01)
    assert len(platform.requests) == 1


def test_retry_after_is_honoured() -> None:
    platform = Platform((0.0, httpx.Response(429, headers={"retry-after": "3"})), (0.0, OK))
    run(sent(platform))
    assert platform.times == pytest.approx([0.0, 3.0])


@pytest.mark.parametrize("asked", ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "1e9", "soon"])
def test_a_retry_after_that_is_no_number_is_the_usual_pause(asked: str) -> None:
    platform = Platform((0.0, httpx.Response(503, headers={"retry-after": asked})), (0.0, OK))
    _, _, seconds = run(sent(platform))
    assert seconds <= 0.1


def test_nobody_waits_for_a_retry_after_beyond_the_limit() -> None:
    platform = Platform((0.1, httpx.Response(429, headers={"retry-after": "60"})))

    async def seconds_to_fail() -> float:
        with pytest.raises(CarrierUnreachable, match="HTTP 429 Too Many Requests"):
            await sent(platform)
        return asyncio.get_running_loop().time()

    assert run(seconds_to_fail()) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("delay", "reply", "told"),
    [
        (1e9, OK, "no answer"),
        (0.1, httpx.ConnectError("Connection refused"), "ConnectError: Connection refused"),
        (0.1, httpx.Response(503), "HTTP 503 Service Unavailable"),
    ],
)
def test_it_gives_up_within_ten_seconds_and_says_what_to_check(
    delay: float, reply: Reply, told: str
) -> None:
    platform = Platform((delay, reply))

    async def seconds_to_fail() -> float:
        with pytest.raises(CarrierUnreachable) as caught:
            await sent(platform)
        message = str(caught.value)
        assert BASE_URL in message
        assert told in message
        assert "TELNYX_BASE_URL" in message
        return asyncio.get_running_loop().time()

    assert 8.0 <= run(seconds_to_fail()) <= 10.0
    assert len(platform.requests) <= 12
    assert len({body["command_id"] for body in platform.bodies}) == 1


def test_cancelling_the_caller_ends_both_attempts() -> None:
    platform = Platform((1e9, OK))

    async def main() -> None:
        http = httpx.AsyncClient(transport=httpx.MockTransport(platform.answer), base_url=BASE_URL)
        task = asyncio.create_task(CallControl(http).send(HANGUP))
        await asyncio.sleep(1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await http.aclose()

    run(main())
    assert platform.cancelled == 2


# ---- commands without a command_id --------------------------------------------------------------

PLAY = ConferencePlay(conference_id="c1", audio_url="https://bot.example/a.wav")


def test_what_must_not_happen_twice_is_not_asked_for_again_when_the_answer_is_slow() -> None:
    platform = Platform((3.0, OK))
    answer, client, _ = run(sent(platform, PLAY))
    assert answer == {"result": "ok"}
    assert (len(platform.requests), client.stats.hedged) == (1, 0)


@pytest.mark.parametrize("stumble", [httpx.Response(503), httpx.ReadTimeout("too slow")])
def test_what_may_have_happened_is_not_asked_for_again(stumble: Reply) -> None:
    platform = Platform((0.1, stumble), (0.1, OK))
    with pytest.raises(CarrierUnreachable, match="or carried out and not answered"):
        run(sent(platform, PLAY))
    assert len(platform.requests) == 1


@pytest.mark.parametrize("stumble", [httpx.Response(429), httpx.ConnectError("refused")])
def test_what_cannot_have_arrived_is_asked_for_again(stumble: Reply) -> None:
    platform = Platform((0.1, stumble), (0.1, OK))
    run(sent(platform, PLAY))
    assert len(platform.requests) == 2


# ---- lists --------------------------------------------------------------------------------------


def page(*names: str, **meta: object) -> tuple[float, Reply]:
    return 0.0, httpx.Response(200, json={"data": [{"name": each} for each in names], "meta": meta})


async def listed(platform: Platform) -> list[str]:
    http = httpx.AsyncClient(transport=httpx.MockTransport(platform.answer), base_url=BASE_URL)
    client = CallControl(http)
    try:
        return [item["name"] for item in await client.every(ConferencesList(page_size=2))]
    finally:
        await client.aclose()


def test_a_list_is_read_to_its_last_page() -> None:
    platform = Platform(page("a", "b", total_pages=2), page("c", total_pages=2))
    assert run(listed(platform)) == ["a", "b", "c"]
    asked = [request.url.params["page[number]"] for _, request in platform.requests]
    assert asked == ["1", "2"]


def test_a_list_of_nobody_knows_how_many_pages_ends_with_an_empty_one() -> None:
    platform = Platform(page("a", "b", cursors={}), page("c"), page())
    assert run(listed(platform)) == ["a", "b", "c"]


def test_a_list_that_says_the_same_for_ever_is_read_once() -> None:
    assert run(listed(Platform(page("a", "b", cursors={})))) == ["a", "b"]


async def first_page(platform: Platform) -> ListPage:
    http = httpx.AsyncClient(transport=httpx.MockTransport(platform.answer), base_url=BASE_URL)
    async with http:
        return await CallControl(http).page(ConferencesList())


def test_a_page_says_what_is_known_of_the_whole() -> None:
    found = run(first_page(Platform(page("a", total_results=9))))
    assert found == ([{"name": "a"}], {"total_results": 9})


def test_what_is_no_list_is_not_the_voice_apis() -> None:
    with pytest.raises(CommandRefused, match="not the Voice API's"):
        run(listed(Platform((0.0, OK))))


# ---- answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"), [(422, "90018"), (422, 90018), (422, "90015"), (404, "10005"), (404, 10005)]
)
def test_a_call_that_is_gone(status: int, code: str | int) -> None:
    with pytest.raises(CallGone) as caught:
        run(sent(Platform((0.0, refusal(status, code, "Call has already ended", "No commands.")))))
    error = caught.value
    assert (error.status, error.code, error.command) == (status, str(code), "Hangup")
    assert (error.title, error.detail) == ("Call has already ended", "No commands.")


def test_a_dial_has_no_call_that_could_be_gone() -> None:
    dial = Dial(connection_id="1", to="+13125550199", from_="+13125550100")
    with pytest.raises(CommandRefused) as caught:
        run(sent(Platform((0.0, refusal(404, "10005"))), dial))
    assert type(caught.value) is CommandRefused


def pointing(pointer: str) -> Reply:
    fault = {"code": "90018", "title": "Ended", "source": {"pointer": pointer}}
    return httpx.Response(422, json={"errors": [fault]})


@pytest.mark.parametrize(
    ("command", "answer", "error"),
    [
        (Bridge(call_control_id="v3:a", with_="v3:b"), refusal(422, "90018"), CallGone),
        (Bridge(call_control_id="v3:a", with_="v3:b"), pointing("/call_control_id"),
         CommandRefused),
        (Bridge(call_control_id="v3:a", queue="q"), pointing("/queue"), CommandRefused),
        (HANGUP, pointing("/call_control_id"), CallGone),
        (ConferenceJoin(conference_id="c", call_control_id="v3:a"), pointing("/call_control_id"),
         CallGone),
        (ConferenceJoin(conference_id="c", call_control_id="v3:a"), refusal(404, "10005"),
         CommandRefused),
        (QueueCallRemove(queue_name="q", call_control_id="v3:a"), refusal(404, "10005"),
         CommandRefused),
    ],
)  # fmt: skip
def test_only_the_call_that_was_commanded_is_gone(
    command: wire.Command, answer: Reply, error: type[CommandRefused]
) -> None:
    with pytest.raises(CommandRefused) as caught:
        run(sent(Platform((0.0, answer)), command))
    assert type(caught.value) is error


def test_no_content_is_an_answer() -> None:
    answer, _, _ = run(sent(Platform((0.0, httpx.Response(204))), QueueDelete(queue_name="q")))
    assert answer == {}


@pytest.mark.parametrize(
    ("answer", "code", "title"),
    [
        (httpx.Response(200), "200", "not the Voice API's"),
        (refusal(422, "90034", "Call not answered yet"), "90034", "Call not answered yet"),
        (refusal(401, "10009", "Authentication failed"), "10009", "Authentication failed"),
        (refusal(422, 422, "Invalid"), "422", "Invalid"),
        (httpx.Response(404, text="<h1>nginx</h1>"), "404", "Not Found"),
        (httpx.Response(403, json={"errors": []}), "403", "Forbidden"),
        (httpx.Response(400, json={"errors": [{"code": None}]}), "400", "Bad Request"),
        (httpx.Response(400, content=b"\xff\xfe"), "400", "Bad Request"),
        (httpx.Response(301, headers={"location": "https://x.example"}), "301", "Moved"),
        (httpx.Response(200, text="<h1>A tunnel</h1>"), "200", "not the Voice API's"),
        (httpx.Response(200, json=["ok"]), "200", "not the Voice API's"),
    ],
)
def test_refusals_say_what_the_platform_said(answer: Reply, code: str, title: str) -> None:
    with pytest.raises(CommandRefused) as caught:
        run(sent(Platform((0.0, answer))))
    assert type(caught.value) is CommandRefused
    assert caught.value.code == code
    assert title in caught.value.title


# ---- the key ------------------------------------------------------------------------------------


async def test_the_key_goes_out_in_one_header_and_nowhere_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    settings = Settings.load(
        api_key="KEY0123-hush",
        public_key=encoded(bytes(KEY)),
        public_url="https://bot.example",
        base_url=f"http://127.0.0.1:{port}/v2",
    )
    client = connect(settings.base_url, settings.api_key.get_secret_value())
    with caplog.at_level(logging.DEBUG), pytest.raises(CommandRefused) as caught:
        await client.send(Answer(call_control_id="v3:leg"))
    await client.aclose()
    server.close()
    await server.wait_closed()

    (head,) = heard
    assert head.startswith(b"POST /v2/calls/v3:leg/actions/answer HTTP/1.1\r\n")
    assert b"authorization: bearer key0123-hush\r\n" in head.lower()
    assert "POST" in caplog.text, "the HTTP library's own lines are looked at too"
    error = caught.value
    chain = map(repr, (error, error.__cause__, error.__context__))
    for shown in (caplog.text, repr(client), repr(vars(client)), repr(settings), *chain):
        assert "hush" not in shown
