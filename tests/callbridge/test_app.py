"""The application over HTTP: which webhooks count, what it says of itself, what it never says."""

import asyncio
import json
import logging
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from callbridge import App, Call
from callbridge.calls.leg import client_state
from callbridge.control import commands as control
from callbridge.errors import SettingsError
from callbridge.serve.service import WEBHOOK_LIMIT
from callbridge.sockets.scope import AsgiMessage, Scope
from telecodecs import silence
from tests.callbridge.control.vectors import RECORDED
from tests.callbridge.media import frames
from tests.callbridge.media.test_wire import mutilated
from tests.callbridge.platform import (
    API_KEY,
    SECRET,
    Platform,
    Served,
    event,
    eventually,
    initiated,
    serving,
)

HANGUP = event("call.hangup", hangup_cause="normal_clearing", hangup_source="caller")


def waiting() -> App:
    """An application whose bot says nothing and waits."""
    app = App()

    @app.call
    async def wait(call: Call) -> None:
        async for _ in call.audio():
            pass

    return app


async def quiet(call: Call) -> None:
    """A bot that says nothing."""


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(waiting()) as served:
        yield served


# ---- signatures ---------------------------------------------------------------------------------


async def test_a_genuine_webhook_is_taken(served: Served) -> None:
    await served.ring()
    assert len(served.app.service.calls) == 1


async def test_a_forged_webhook_is_refused_and_changes_nothing(served: Served) -> None:
    """Fails if the check says yes to everything."""
    body = initiated()
    good = served.platform.signed(body)
    stranger = type(served.platform)()
    stranger.key = type(stranger.key)(b"\x08" * 32)
    for headers in (
        {},
        good | {"telnyx-signature-ed25519": ""},
        good | {"telnyx-timestamp": "1"},
        good | {"telnyx-signature-ed25519": "A" * 86 + "=="},
        {name: value for name, value in good.items() if "timestamp" not in name},
        {name: value for name, value in good.items() if "signature" not in name},
        served.platform.signed(body, age=302),
        served.platform.signed(body, age=-302),
        served.platform.signed(body + b" "),
        stranger.signed(body),
    ):
        assert await served.webhook(body, headers) == 401
    assert len(served.app.service.calls) == 0
    assert served.platform.commands.empty()
    assert await served.webhook(body) == 200


async def test_a_webhook_said_twice_happens_once(served: Served) -> None:
    body = initiated()
    headers = served.platform.signed(body)
    for _ in range(3):
        assert await served.webhook(body, headers) == 200
    assert await served.webhook(body, served.platform.signed(body, age=5)) == 200
    assert served.app.service.calls.counts.begun["incoming"] == 1
    assert served.app.service.metrics.webhooks == {"accepted": 1, "repeated": 3}


async def test_a_signature_makes_no_event_of_rubbish(served: Served) -> None:
    for body in (b"", b"{", b"null", b"[]", b'{"data":{}}', b'{"data":{"event_type":"x"}}'):
        assert await served.webhook(body) == 400


async def test_only_post_is_a_webhook(served: Served) -> None:
    assert (await served.http.get("/webhooks")).status_code == 405


# ---- rubbish, and order -------------------------------------------------------------------------


def rubbish(chance: random.Random, reference: str) -> Iterator[bytes]:
    """Signed by the platform, and yet: mutilated events, and events with values of any kind."""
    bodies = [*RECORDED.values(), initiated(), HANGUP]
    values: list[object] = [None, 0, -1, 1e300, True, "", "x" * 500, [], {}, [{}], "\ud800"]
    kinds = ["call.initiated", "call.answered", "call.hangup", "call.dtmf.received"]
    kinds += ["call.bridged", "call.speak.ended", "streaming.failed", "conference.created", "new"]
    names = ["direction", "from", "to", "call_leg_id", "digit", "hangup_cause", "status"]
    states = [client_state(reference), client_state(reference, 7), client_state("x"), "?", None, 5]
    for number in range(10_000):
        if number % 2:
            yield mutilated(chance.choice(bodies).decode(), chance)
            continue
        payload: dict[str, Any] = {name: chance.choice(values) for name in chance.sample(names, 3)}
        payload["client_state"] = chance.choice(states)
        payload["call_control_id"] = chance.choice([frames.CALL_CONTROL_ID, "", "other", None, 5])
        kind = chance.choice(kinds)
        yield json.dumps(
            {"data": {"event_type": kind, "id": f"{number}", "payload": payload}}
        ).encode()


async def test_ten_thousand_signed_but_senseless_webhooks_leave_it_answering(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)  # ten thousand warnings take their time
    await served.ring()
    (leg,) = served.app.service.calls.legs()
    statuses: set[int] = set()
    for number, body in enumerate(rubbish(random.Random(3), leg.reference)):
        if number % 50 == 0:
            statuses.add(await served.webhook(body))
            continue
        headers = served.platform.signed(body)
        answer = served.app.service.receive(
            body,
            signature=headers["telnyx-signature-ed25519"],
            timestamp=headers["telnyx-timestamp"],
            content_type="application/json",
        )
        statuses.add(answer.status_code)
    assert statuses == {200, 400}
    assert (await served.http.get("/healthz")).status_code == 200
    assert await served.webhook(initiated("fresh", call_control_id="fresh")) == 200
    await eventually(lambda: not served.platform.commands.empty())


@pytest.mark.parametrize("seed", range(5))
async def test_events_may_come_in_any_order(served: Served, seed: int) -> None:
    bodies = [
        initiated(),
        event("call.answered"),
        event("streaming.started", stream_id=frames.STREAM_ID),
        event("call.dtmf.received", digit="5"),
        event("streaming.stopped", stream_id=frames.STREAM_ID),
    ]
    random.Random(seed).shuffle(bodies)
    for body in bodies:
        assert await served.webhook(body) == 200
    assert len(served.app.service.calls) == 1
    assert await served.webhook(HANGUP) == 200
    await eventually(lambda: len(served.app.service.calls) == 0)
    assert await served.webhook(event("call.answered", "late")) == 200
    assert len(served.app.service.calls) == 0


async def test_a_megabyte_is_refused_before_it_is_read() -> None:
    """An endless body, and no server in between that would hide how much of it was read."""
    sent: list[AsgiMessage] = []
    pieces = 0

    async def receive() -> AsgiMessage:
        nonlocal pieces
        pieces += 1
        assert pieces < 100, "it reads on and on"
        return {"type": "http.request", "body": bytes(65_536), "more_body": True}

    async def send(message: AsgiMessage) -> None:
        sent.append(message)

    async with serving(waiting()) as served:
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/webhooks",
            "raw_path": b"/webhooks",
            "query_string": b"",
            "root_path": "",
            "headers": [],
        }
        async with asyncio.timeout(5):
            await served.app(scope, receive, send)
        assert sent[0]["status"] == 413
        assert pieces <= WEBHOOK_LIMIT // 65_536 + 1
        assert await served.webhook(bytes(WEBHOOK_LIMIT + 1)) == 413
        assert await served.webhook(bytes(WEBHOOK_LIMIT)) == 400


async def test_a_sender_that_vanishes_is_no_error_of_ours(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"POST /webhooks HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{")
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.transport.abort()
    await asyncio.sleep(0.05)
    assert (await served.http.get("/healthz")).status_code == 200
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


# ---- what it says of itself ---------------------------------------------------------------------


async def test_it_is_ready_until_it_is_full() -> None:
    async with serving(waiting(), max_calls=1) as served:
        assert (await served.http.get("/readyz")).status_code == 200
        await served.ring()
        full = await served.http.get("/readyz")
        assert (full.status_code, full.text) == (503, "full\n")
        assert await served.webhook(initiated("two", call_control_id="two")) == 503
        assert (await served.http.get("/healthz")).status_code == 200
        assert await served.webhook(HANGUP) == 200
        await eventually(lambda: len(served.app.service.calls) == 0)
        assert (await served.http.get("/readyz")).status_code == 200
        assert await served.webhook(initiated("two", call_control_id="two")) == 200


async def test_it_is_not_ready_while_it_drains() -> None:
    async with serving(waiting(), drain_s=30) as served:
        await served.ring()
        draining = asyncio.create_task(served.app.service.calls.drain(30))
        await asyncio.sleep(0)
        answer = await served.http.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "draining\n")
        assert await served.webhook(initiated("two", call_control_id="two")) == 503
        assert await served.webhook(HANGUP) == 200
        async with asyncio.timeout(10):
            await draining


async def test_an_application_that_closes_still_hears_of_its_calls() -> None:
    """The hang-ups that it waits for come by webhook."""
    async with serving(waiting(), drain_s=30) as served:
        await served.ring()
        service = served.app.service
        closing = asyncio.create_task(served.app.close())
        await asyncio.sleep(0)
        assert await served.webhook(HANGUP) == 200
        async with asyncio.timeout(10):
            await closing
        assert service.metrics.webhooks["accepted"] == 2


async def test_metrics_are_prometheus_text(served: Served) -> None:
    async with served.stream(await served.ring()) as socket:
        await socket.send(frames.CONNECTED)
        await socket.send(frames.start())
        await socket.send(frames.media(bytes(160), 1))
        (leg,) = served.app.service.calls.legs()
        await eventually(lambda: leg.tally()["frames_in"] == 1)
        answer = await served.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert values["callbridge_calls",] == 1
    assert values["callbridge_calls_begun_total", "incoming"] == 1
    assert values["callbridge_frames_in_total",] == 1
    assert values["callbridge_webhooks_total", "accepted"] == 1


# ---- what it never says -------------------------------------------------------------------------


def everything_in(record: logging.LogRecord) -> str:
    return record.getMessage() + repr(vars(record))


@pytest.mark.parametrize("asgi", [False, True])
async def test_no_secret_is_logged_in_a_whole_call(
    caplog: pytest.LogCaptureFixture, asgi: bool
) -> None:
    app = waiting()
    # The command line quietens uvicorn for the whole process, that of its own tests as well.
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "uvicorn.error"):
        async with serving(app, asgi=asgi, media_token="a-shared-word") as served:
            answer = await served.ring()
            token = answer["stream_auth_token"]
            async with served.stream(answer) as socket:
                await socket.send(frames.CONNECTED)
                await socket.send(frames.start())
                await socket.send(frames.media(bytes(160), 1))
                await socket.send(frames.STOP)
                (leg,) = served.app.service.calls.legs()
                await eventually(lambda: leg.tally()["frames_in"] == 1)
                with pytest.raises(Exception, match="409"):
                    async with served.stream(answer):
                        pass
            assert await served.webhook(HANGUP) == 200
            await eventually(lambda: len(app.service.calls) == 0)
            with pytest.raises(Exception, match="404"):
                async with served.stream(answer):
                    pass
    ours = [record for record in caplog.records if record.name != "websockets.client"]
    assert any("/media?token=***" in record.getMessage() for record in ours) or not asgi
    for record in ours:
        said = everything_in(record)
        for secret in (token, token.rpartition(".")[2], SECRET, API_KEY, "a-shared-word"):
            assert secret not in said, record.getMessage()


async def test_no_secret_is_shown_by_what_a_bot_can_print() -> None:
    seen: list[str] = []
    app = App()

    @app.call
    async def shows(call: Call) -> None:
        seen.extend([repr(call), str(call), repr(vars(call)), repr(call.log)])

    async with serving(app, media_token="a-shared-word") as served:
        answer = await served.ring()
        token = answer["stream_auth_token"]
        async with served.stream(answer) as socket:
            await socket.send(frames.CONNECTED)
            await socket.send(frames.start())
            await eventually(lambda: seen)
        settings = served.platform.settings(media_token="a-shared-word")
        stream = control.Stream(stream_url=answer["stream_url"], stream_auth_token=token)
        seen += [repr(each) for each in (app, app.service, settings, settings.model_dump())]
        seen += [repr(vars(app)), repr(vars(app.service)), repr(stream)]
        seen += [repr(control.Answer(call_control_id="c", stream=stream))]
    for text in seen:
        for secret in (token, SECRET, API_KEY, "a-shared-word"):
            assert secret not in text


# ---- under another server -----------------------------------------------------------------------


async def lifespan(app: App) -> list[AsgiMessage]:
    """What it answers when a server starts and ends it."""
    sent: list[AsgiMessage] = []
    incoming: asyncio.Queue[AsgiMessage] = asyncio.Queue()
    incoming.put_nowait({"type": "lifespan.startup"})
    incoming.put_nowait({"type": "lifespan.shutdown"})

    async def send(message: AsgiMessage) -> None:
        sent.append(message)

    await app({"type": "lifespan"}, incoming.get, send)
    return sent


async def test_a_server_starts_and_ends_it() -> None:
    async with serving(waiting()) as served:
        app = App(served.platform.settings())
    assert [message["type"] for message in await lifespan(app)] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


def test_uvicorn_is_told_which_settings_are_missing(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text("from callbridge import App\napp = App()\n")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TELNYX_", "CALLBRIDGE_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "uvicorn", "bot:app", "--port", "0"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    for name in ("TELNYX_API_KEY", "TELNYX_PUBLIC_KEY", "CALLBRIDGE_PUBLIC_URL"):
        assert f"{name} is missing" in done.stderr


async def test_settings_cannot_change_under_a_running_application(served: Served) -> None:
    _ = served.app.service
    with pytest.raises(SettingsError, match="running already"):
        served.app.configure(served.platform.settings())


def test_silence_is_an_apology_too() -> None:
    assert repr(App(apology=silence(0)))


async def test_dialling_from_a_script_without_a_server_says_so_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    platform, app = Platform(), App()
    app.configure(platform.settings(connection_id="1"), platform.surroundings())
    dialling = asyncio.create_task(app.dial("+13125550199", "+13125550100", bot=quiet))
    await platform.command("calls")
    assert "nothing has reached this application yet" in caplog.text
    dialling.cancel()
    await app.close()


async def test_dialling_from_an_application_that_is_served_says_nothing_of_the_kind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    platform, app = Platform(), App()
    app.configure(platform.settings(connection_id="1"), platform.surroundings())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://here"
    ) as server:
        await server.get("/healthz")
    dialling = asyncio.create_task(app.dial("+13125550199", "+13125550100", bot=quiet))
    await platform.command("calls")
    assert "nothing has reached" not in caplog.text
    dialling.cancel()
    await app.close()
