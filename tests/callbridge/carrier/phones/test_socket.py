"""The socket of a telephone, over loopback: who may open one, and what becomes of bad pages."""

import asyncio
import json
import re

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.net import phones
from callbridge.carrier.net.phone_socket import (
    BAD_FRAME,
    FLOOD,
    FULL,
    MAX_WAITING,
    NO_HELLO,
    NO_TOKEN,
    TAKEN_OVER,
    FrameBudget,
    PhoneSocket,
)
from telecodecs import g711
from tests.callbridge.carrier.line import tone
from tests.callbridge.carrier.live import KEY, carrier, hooks
from tests.callbridge.carrier.phones.phone_line import ADA, BOB
from tests.callbridge.carrier.phones.socket import SocketPhone, open_socket, socket_phone, token_of

FRAME = g711.encode_ulaw(tone(20))


# ---- who may ------------------------------------------------------------------------------------


async def test_the_page_holds_no_key_and_obeys_a_policy() -> None:
    async with carrier() as live:
        page = await live.http.get("/phone", headers={"authorization": ""})
    assert page.status_code == 200
    assert KEY not in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert "<script>" not in page.text


async def test_each_page_has_a_token_of_its_own() -> None:
    async with carrier() as live:
        assert await token_of(live) != await token_of(live)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80"])
async def test_a_name_that_is_not_ours_gets_no_page(host: str) -> None:
    """DNS rebinding: a name of somebody's that points to this machine."""
    async with carrier() as live:
        answer = await live.http.get("/phone", headers={"host": host})
        assert answer.status_code == 421
        assert "token" not in answer.text
        headers = {"host": host}
        api = await live.http.get("/carrier/public_key", headers=headers)
        assert api.status_code == 200, "programs may ask under any name"


FOREIGN = ["http://evil.example", "null", "https://{address}", "http://localhost:{port}", None]


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_foreign_page_gets_no_socket(origin: str | None) -> None:
    """Cross-site WebSocket hijacking. Whoever sends no Origin is no page of ours, either."""
    async with carrier() as live:
        port = live.running.port
        named = origin and origin.format(address=f"127.0.0.1:{port}", port=port)
        with pytest.raises(InvalidStatus) as refused:
            async with open_socket(live, origin=named):
                pass
        assert refused.value.response.status_code == 403


async def test_a_socket_needs_the_token_of_a_page() -> None:
    async with carrier() as live, open_socket(live) as phone:
        await phone.tell("hello", token="x" * 32, number=ADA)
        code, why = await phone.closed()
    assert code == NO_TOKEN
    assert "load it again" in why


async def test_a_socket_that_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phones, "HELLO_WITHIN_S", 0.05)
    async with carrier() as live, open_socket(live) as phone:
        assert (await phone.closed())[0] == NO_HELLO


async def test_a_page_that_connects_anew_takes_the_place_of_its_old_socket() -> None:
    async with carrier() as live:
        token = await token_of(live)
        async with open_socket(live) as old, open_socket(live) as new:
            await old.tell("hello", token=token, number=ADA)
            await old.news("ready")
            await new.tell("hello", token=token, number=ADA)
            await new.news("ready")
            assert (await old.closed())[0] == TAKEN_OVER
            await new.tell("call", to="+13125550100")
            assert (await new.news("calling"))["to"] == "+13125550100"


async def test_there_are_so_many_phones_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phones, "MAX_PHONES", 1)
    async with carrier() as live, socket_phone(live, ADA):
        token = await token_of(live)
        async with open_socket(live) as more:
            await more.tell("hello", token=token, number=BOB)
            assert (await more.closed())[0] == FULL


async def test_tokens_that_no_phone_uses_are_forgotten_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(phones, "MAX_TOKENS", 3)
    async with carrier() as live:
        used = await token_of(live)
        async with open_socket(live) as phone:
            await phone.tell("hello", token=used, number=ADA)
            await phone.news("ready")
            unused = await token_of(live)
            for _ in range(5):
                await token_of(live)
            async with open_socket(live) as late:
                await late.tell("hello", token=unused, number=BOB)
                assert (await late.closed())[0] == NO_TOKEN
            async with open_socket(live) as again:
                await again.tell("hello", token=used, number=ADA)
                await again.news("ready")


# ---- calls --------------------------------------------------------------------------------------


async def test_two_phones_talk() -> None:
    async with carrier() as live, socket_phone(live, ADA) as ada, socket_phone(live, BOB) as bob:
        await ada.tell("call", to=BOB)
        assert (await bob.news("ringing"))["from"] == ADA
        await bob.tell("answer")
        await ada.news("answered")
        for _ in range(40):
            await ada.socket.send(FRAME)
            await asyncio.sleep(0.02)
        heard = g711.decode_ulaw(await bob.hears(40))
        assert max(abs(heard.astype(int))) > 7000
        await ada.socket.close()
        assert await bob.news("ended") | {"call": ""} == {
            "type": "ended",
            "call": "",
            "cause": "normal_clearing",
            "by": "other",
        }


async def test_a_tab_that_closes_hangs_up_and_the_application_is_told() -> None:
    async with hooks() as app, carrier(CarrierConfig(api_key=KEY, webhook_url=app.url)) as live:
        async with socket_phone(live, ADA) as ada:
            await ada.tell("call", to="+13125550100")
            call = (await app.event("call.initiated"))["call_control_id"]
            await live.command(call, "answer")
            await ada.news("answered")
        assert (await app.event("call.hangup"))["hangup_source"] == "caller"


async def test_a_carrier_that_ends_says_so_before_it_closes() -> None:
    async with carrier() as live, socket_phone(live, ADA) as ada:
        await ada.tell("call", to="+13125550100")
        call = (await ada.news("calling"))["call"]
        await live.command(call, "answer")
        await ada.news("answered")
        live.stop()
        assert (await ada.news("ended"))["by"] == "carrier"


# ---- bad pages ----------------------------------------------------------------------------------

GARBAGE = [
    "",
    "nonsense",
    "[]",
    "null",
    '{"type": "hello"}',
    '{"type": "nothing"}',
    '{"type": "call", "to": 5}',
    '{"type": "call"}',
    '{"type": "call", "to": "+13125550100", "more": 1}',
    '{"type": "press", "digit": "55"}',
    '{"type": "press", "digit": "E"}',
    '{"type": "press", "digit": "5\\n"}',
    '{"type": "hold", "on": 1}',
    '{"type": "call", "to": "' + "1" * 65 + '"}',
    '{"type": "hangup"' + " " * 2100 + "}",
    "[" * 2000,
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_closes_the_phone_and_nothing_else(garbage: str) -> None:
    async with carrier() as live, socket_phone(live, BOB) as other:
        async with socket_phone(live, ADA) as phone:
            await phone.socket.send(garbage)
            code, why = await phone.closed()
            assert code == BAD_FRAME
            assert len(why.encode()) <= 120
        await other.tell("call", to="+13125550100")
        await other.news("calling")


async def test_a_token_is_in_no_complaint() -> None:
    async with carrier() as live, open_socket(live) as phone:
        await phone.socket.send(
            json.dumps({"type": "hello", "token": "secret" * 40, "number": ADA})
        )
        code, why = await phone.closed()
    assert code == BAD_FRAME
    assert "secret" not in why


async def test_a_frame_of_a_wrong_rate_closes_the_phone_with_what_is_right() -> None:
    async with carrier() as live, socket_phone(live, ADA) as phone:
        await phone.tell("call", to="+13125550100")
        await phone.news("calling")
        await phone.socket.send(bytes(640))
        code, why = await phone.closed()
    assert (code, why) == (BAD_FRAME, "20 ms of PCMU are 160 octets, not 640")


async def flood(phone: SocketPhone, frame: str | bytes) -> None:
    for _ in range(100_000):
        await phone.socket.send(frame)
        await asyncio.sleep(0)


@pytest.mark.parametrize("frame", [FRAME, '{"type": "hangup"}'], ids=["audio", "clicks"])
async def test_a_flood_closes_the_phone(frame: str | bytes) -> None:
    async with carrier() as live, socket_phone(live, ADA) as phone:
        with pytest.raises(ConnectionClosed):
            await flood(phone, frame)
        assert phone.socket.close_code == FLOOD


async def test_a_frame_longer_than_any_closes_the_phone() -> None:
    async with carrier() as live, socket_phone(live, ADA) as phone:
        await phone.socket.send(bytes(100_000))
        assert (await phone.closed())[0] == 1009


def test_what_a_budget_leaves_over_is_kept_up_to_its_burst() -> None:
    budget = FrameBudget(10.0, 5.0, now=0.0)
    assert [budget.spend(0.0) for _ in range(6)] == [True] * 5 + [False]
    budget = FrameBudget(10.0, 5.0, now=0.0)
    assert all(budget.spend(second / 10) for second in range(1000))
    assert [budget.spend(1000.0) for _ in range(7)].count(True) == 5


class Stuck:
    """A WebSocket whose page reads nothing."""

    def __init__(self) -> None:
        self.sent: list[str | bytes] = []

    async def send_text(self, text: str) -> None:
        self.sent.append(text)

    async def send_bytes(self, payload: bytes) -> None:
        await asyncio.Event().wait()


async def test_a_page_that_does_not_read_costs_half_a_second_of_audio_and_then_its_call() -> None:
    at = [0.0]
    socket = PhoneSocket(Stuck(), lambda: at[0])  # type: ignore[arg-type]
    sending = asyncio.create_task(socket.send_all())
    for tick in range(900):
        at[0] = tick * 0.02
        socket.hear(FRAME)
        await asyncio.sleep(0)
        if socket.over.done():
            break
    sending.cancel()
    assert 10.0 < at[0] < 11.5
    assert socket.dropped > 400
    assert socket.waiting <= MAX_WAITING
    assert "does not take its audio" in str(socket.over.exception())


async def test_a_name_is_text_wherever_it_is_shown() -> None:
    """The page puts it in as text; here it comes as it was written, in JSON and nowhere else."""
    name = "<img src=x onerror=alert(1)>"
    async with (
        carrier() as live,
        socket_phone(live, ADA) as ada,
        socket_phone(live, BOB, name=name),
    ):
        while not (book := await ada.news("book"))["phones"]:
            pass
        assert book["phones"] == [{"number": BOB, "name": name}]
        assert not re.search("onerror", (await live.http.get("/phone")).text)
