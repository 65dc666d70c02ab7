"""`callbridge probe` as it is typed: what it prints, its JSON, its exit codes."""

import asyncio
import json
import os
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.asyncio.server import ServerConnection, serve

from callbridge import __main__ as command_line
from callbridge.errors import CallbridgeError
from callbridge.host.bind import free_ports
from callbridge.host.child import ourselves
from callbridge.probe import doors
from callbridge.probe.rules import RULES, table
from tests.callbridge.probe.endpoints import House
from tests.callbridge.probe.relays import (
    AllAtOnce,
    ClosesAtSetup,
    DeafWhileAnswering,
    GoodRelay,
    relay_at,
)
from tests.callbridge.probe.streams import GoodStream, stream_at

DOCUMENT = Path(__file__).parents[3] / "docs" / "probe.md"
QUICK = ("--patience", "1", "--greeting", "0.1", "--idle", "0.1")


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Typed = Mapping[type[GoodRelay], Ran]


async def typed(*args: str) -> Ran:
    """In a process of its own, as the endpoint is in this one."""
    process = await asyncio.create_subprocess_exec(
        *ourselves("probe", *args),
        env=os.environ | {"COLUMNS": "100"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


async def typed_for(kind: type[GoodRelay], *args: str) -> Ran:
    async with relay_at(kind, "/relay?token=secret") as url:
        return await typed(url, *QUICK, *args)


async def all_typed() -> tuple[Ran, ...]:
    return await asyncio.gather(
        typed_for(GoodRelay, "--json"),
        typed_for(DeafWhileAnswering),
        typed_for(AllAtOnce, "--json"),
    )


@pytest.fixture(scope="module")
def typed_at_once() -> Typed:
    """The three that take seconds, at once."""
    kinds = (GoodRelay, DeafWhileAnswering, AllAtOnce)
    return dict(zip(kinds, asyncio.run(all_typed()), strict=True))


def test_a_good_endpoint_is_0_and_its_json_says_what_was_tried(typed_at_once: Typed) -> None:
    ran = typed_at_once[GoodRelay]
    facts: dict[str, Any] = json.loads(ran.out)
    assert ran.code == 0
    assert (facts["kind"], facts["ok"], facts["must"], facts["should"]) == ("relay", True, 0, 0)
    assert (facts["findings"], facts["unseen"]) == ([], [])
    assert facts["url"].endswith("/relay")
    names = [each["scenario"] for each in facts["scenarios"]]
    assert names[0] == "first answer"
    assert "hang-up in mid-answer" in names
    assert all(each["findings"] == 0 < each["seconds"] for each in facts["scenarios"])


def test_a_broken_must_is_1_and_is_named_with_what_was_seen(typed_at_once: Typed) -> None:
    ran = typed_at_once[DeafWhileAnswering]
    assert ran.code == 1
    assert "silence" in ran.out
    assert "prompts over answers" in ran.out
    assert "relay-overlap" in ran.out
    assert "no answer to a final prompt in 1 s" in ran.out
    assert "breaks 1 of what it must and 0 of what it should do" in ran.out


def test_a_broken_should_alone_is_0_and_is_told(typed_at_once: Typed) -> None:
    ran = typed_at_once[AllAtOnce]
    facts: dict[str, Any] = json.loads(ran.out)
    assert ran.code == 0
    assert (facts["ok"], facts["must"], facts["should"]) == (True, 0, 1)
    (finding,) = facts["findings"]
    assert finding["severity"] == "should"
    assert finding.keys() == {"rule", "severity", "says", "source", "scenario", "seen", "at_s"}
    assert {each["scenario"] for each in facts["unseen"]} >= {"interrupt", "hang-up in mid-answer"}


async def test_what_no_second_call_can_tell_is_not_tried() -> None:
    async with relay_at(ClosesAtSetup) as url:
        ran = await typed(url, *QUICK, "--json")
    facts: dict[str, Any] = json.loads(ran.out)
    assert ran.code == 1
    assert len(facts["scenarios"]) == 1
    assert "1011 no setup, please" in facts["findings"][0]["seen"]


async def test_an_endpoint_that_is_not_there_is_2() -> None:
    (port,) = free_ports("127.0.0.1", 1)
    ran = await typed(f"ws://127.0.0.1:{port}/relay?token=secret")
    assert ran.code == 2
    assert ran.err.startswith(f"callbridge: ws://127.0.0.1:{port}/relay cannot be reached: ")
    assert ran.err.count("\n") == 1
    assert "secret" not in ran.err


async def test_an_endpoint_that_lets_nobody_in_is_2() -> None:
    house = House()
    house.dead = True
    async with relay_at(GoodRelay, house=house) as url:
        ran = await typed(url)
    assert ran.code == 2
    assert "takes no WebSocket: HTTP 500, dead" in ran.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("ftp://127.0.0.1/relay",), "is nothing to probe"),
        (("ws://127.0.0.1:x/relay",), "is nothing to probe"),
        (("ws://127.0.0.1/x", "--relay", "--media"), "not of both"),
        (("http://127.0.0.1/x", "--media"), "a webhook tells by itself"),
        (("wss://127.0.0.1/relay", "--cafile", __file__), "holds no certificates"),
    ],
)
def test_what_makes_no_sense_is_2_and_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    args: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["callbridge", "probe", *args])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 2
    assert words in capfd.readouterr().err


# ---- which protocol it is -----------------------------------------------------------------------


async def test_a_path_that_says_nothing_is_told_by_what_the_endpoint_says() -> None:
    async with relay_at(GoodRelay, "/ws") as relayed, stream_at(EarlyStream, "/ws") as streamed:
        assert await doors.kind_of(relayed, "+1", None) == "relay"
        assert await doors.kind_of(streamed, "+1", None) == "media"


class EarlyStream(GoodStream):
    """Greets as soon as it is started."""

    async def on_message(self, frame: dict[str, Any]) -> None:
        if frame.get("event") == "start":
            await self.play(bytes(160))


async def test_an_endpoint_that_says_nothing_is_to_be_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doors, "TELLING_S", 0.1)
    async with serve(listens, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(CallbridgeError, match="say --relay or --media"):
            await doors.kind_of(f"ws://127.0.0.1:{port}/ws", "+1", None)


async def listens(socket: ServerConnection) -> None:
    async for _ in socket:
        pass


# ---- TLS ----------------------------------------------------------------------------------------


async def test_certificates_are_those_of_the_file(tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cafile, certfile = tmp_path / "ca.pem", tmp_path / "cert.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(certfile))
    context.load_cert_chain(certfile)
    authority.cert_pem.write_to_path(str(cafile))
    async with serve(closes, "localhost", 0, ssl=context) as server:
        url = f"wss://localhost:{next(iter(server.sockets)).getsockname()[1]}/relay"
        trusted, not_trusted = await asyncio.gather(
            typed(url, *QUICK, "--cafile", str(cafile), "--json"), typed(url, *QUICK)
        )
    assert json.loads(trusted.out)["findings"][0]["rule"] == "relay-opens"
    assert not_trusted.code == 2
    assert "certificate verify failed" in not_trusted.err


async def closes(socket: ServerConnection) -> None:
    await socket.recv()


# ---- the rules ----------------------------------------------------------------------------------


def test_the_document_has_the_rules_as_the_code_has_them() -> None:
    """If not: python -m callbridge.probe.rules prints what belongs there."""
    assert table() in DOCUMENT.read_text()


def test_every_rule_has_a_faulty_endpoint_that_breaks_it() -> None:
    from tests.callbridge.probe import hooks, relays, streams

    broken = {*relays.BREAKS.values(), *streams.BREAKS.values(), *hooks.BREAKS.values()}
    assert set(RULES) - broken == {"media-token", "media-one-socket"}  # as with relays
