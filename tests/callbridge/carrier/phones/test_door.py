"""Who gets a telephone of a carrier that more than this machine reaches."""

import re
import ssl
from pathlib import Path

import httpx
import pytest
import trustme
from websockets.asyncio.client import connect
from websockets.typing import Origin

from callbridge.carrier.net import phones
from callbridge.carrier.net.phones import AT_HOME, phone_door
from callbridge.carrier.people.phone_wire import PhoneHello
from callbridge.errors import SettingsError
from callbridge.host.certificate import Certificate
from callbridge.web.pages import MISSING
from tests.callbridge.carrier.live import carrier
from tests.callbridge.carrier.phones.phone_line import ADA
from tests.callbridge.carrier.phones.socket import SocketPhone


def test_this_machine_needs_no_invitation_and_all_others_do() -> None:
    assert phone_door(here=True, tls=False) is AT_HOME
    assert "invite" not in repr(phone_door(here=False, tls=True))
    assert "secret" not in repr(PhoneHello("secret", ADA))
    assert AT_HOME.path() == "/phone"
    invited = phone_door(here=False, tls=True)
    assert re.fullmatch(r"/phone\?invite=[\w-]{32}", invited.path())
    assert phone_door(here=False, tls=True).path() != invited.path()
    assert phone_door(here=False, tls=False).path() == ""


async def test_without_tls_there_is_no_phone_and_a_sentence_that_says_why() -> None:
    async with carrier(host="0.0.0.0") as live:
        answer = await live.http.get("/phone")
    assert answer.status_code == 403
    assert "--ssl-certfile" in answer.text
    assert "gives the microphone only" in answer.text
    assert live.running.phone_path == ""


async def test_with_tls_whoever_has_the_invitation_has_a_phone(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "server.pem")
    )
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    async with (
        carrier(host="0.0.0.0", tls=Certificate(tmp_path / "server.pem")) as live,
        httpx.AsyncClient(verify=context, trust_env=False) as http,
    ):
        address = f"127.0.0.1:{live.running.port}"
        assert live.running.scheme == "https"
        refused = await http.get(f"https://{address}/phone?invite=guess")
        assert refused.status_code == 403
        assert "token" not in refused.text
        page = await http.get(f"https://{address}{live.running.phone_path}")
        token = re.findall(r'token="([^"]+)"', page.text)[0]
        async with connect(
            f"wss://{address}/phone/socket",
            origin=Origin(f"https://{address}"),
            ssl=context,
            proxy=None,
        ) as socket:
            phone = SocketPhone(socket)
            await phone.tell("hello", token=token, number=ADA)
            assert (await phone.news("ready"))["number"] == ADA


def no_templates(package: str) -> None:
    raise SettingsError(MISSING)


async def test_a_carrier_without_jinja_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(phones, "Pages", no_templates)
    async with carrier() as live:
        answer = await live.http.get("/phone")
        assert answer.status_code == 503
        assert "callbridge[web]" in answer.text
        assert (await live.http.get("/carrier/public_key")).status_code == 200
