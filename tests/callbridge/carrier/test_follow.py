"""`callbridge call` at a real carrier: followed to its end, or hung up at Ctrl-C."""

import asyncio
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core.report import TapeEntry
from callbridge.carrier.net import ring
from callbridge.carrier.net.follow import Followed, follow, unannounced
from callbridge.errors import CallbridgeError
from callbridge.host.child import ourselves
from tests.callbridge.carrier.live import KEY, carrier, hooks

NOBODY = "http://127.0.0.1:9/webhooks"  # no bridge answers
PATIENT: dict[str, Any] = {"steps": [{"wait": "answered", "within": 60}]}
HURRIED: dict[str, Any] = {"steps": [{"hangup": True}]}


class Terminal:
    """Somebody who presses Ctrl-C when the phone rings, if they want to."""

    def __init__(self, *, impatient: bool) -> None:
        self.kinds: list[str] = []
        self.hanging_up = 0
        self._impatient = impatient

    def tell(self, entry: TapeEntry) -> None:
        if not self.kinds and self._impatient:
            os.kill(os.getpid(), signal.SIGINT)
        self.kinds.append(entry.kind)

    def told(self) -> None:
        self.hanging_up += 1


async def called(terminal: Terminal, script: dict[str, Any]) -> Followed:
    async with (
        carrier(CarrierConfig(api_key=KEY, webhook_url=NOBODY)) as live,
        ring.carrier_at(f"http://127.0.0.1:{live.running.port}", KEY) as exchange,
    ):
        return await follow(exchange, script, ".", tell=terminal.tell, hanging_up=terminal.told)


async def test_ctrl_c_hangs_up_and_the_report_still_comes() -> None:
    terminal = Terminal(impatient=True)
    report, stopped = await called(terminal, PATIENT)
    assert stopped
    assert terminal.hanging_up == 1
    assert (report["state"], report["hangup_source"]) == ("ended", "caller")
    assert "webhook" in terminal.kinds  # call.hangup, after Ctrl-C


async def test_a_call_that_ends_by_its_script_was_not_stopped() -> None:
    terminal = Terminal(impatient=False)
    report, stopped = await called(terminal, HURRIED)
    assert (stopped, terminal.hanging_up) == (False, 0)
    assert report["state"] == "ended"


def gone(request: httpx.Request) -> httpx.Response:
    raise httpx.RemoteProtocolError("peer closed connection")


async def test_a_carrier_that_ends_in_the_middle_of_a_call_is_one_sentence() -> None:
    async with httpx.AsyncClient(
        transport=httpx.MockTransport(gone), base_url="http://127.0.0.1:8080"
    ) as http:
        with pytest.raises(CallbridgeError, match="has ended in the middle of the call"):
            async for _ in ring.Carrier(http).tape("v3:x"):
                pass


# ---- a bridge that does not answer --------------------------------------------------------------


async def test_a_call_that_no_bridge_can_answer_is_known_at_once() -> None:
    """Not after thirty seconds of ringing."""
    terminal = Terminal(impatient=False)
    async with asyncio.timeout(5):
        with pytest.raises(CallbridgeError, match=r"nobody answers at http://127\.0\.0\.1:9/web"):
            await called(terminal, PATIENT)
    assert "state" in terminal.kinds


@pytest.mark.parametrize(
    ("status", "complaint"),
    [(401, "does not know this carrier's key"), (404, "answers 404 to a call that comes in")],
)
async def test_a_bridge_that_refuses_the_webhook_is_named_with_what_it_said(
    status: int, complaint: str
) -> None:
    async def refuse(request: Request) -> Response:
        return Response(status_code=status)

    async with (
        hooks(refuse) as app,
        carrier(CarrierConfig(api_key=KEY, webhook_url=app.url)) as live,
        ring.carrier_at(f"http://127.0.0.1:{live.running.port}", KEY) as exchange,
    ):
        terminal = Terminal(impatient=False)
        with pytest.raises(CallbridgeError, match=complaint):
            await follow(exchange, PATIENT, ".", tell=terminal.tell, hanging_up=terminal.told)


def test_a_webhook_that_fails_once_is_no_verdict() -> None:
    detail: dict[str, object] = {
        "event_type": "call.initiated",
        "url": NOBODY,
        "said": "503",
        "given_up": False,
    }
    assert unannounced(TapeEntry(0.1, "webhook delivery", detail)) == ""
    assert unannounced(TapeEntry(0.1, "webhook delivery", detail | {"given_up": True}))
    late = detail | {"given_up": True, "event_type": "call.hangup"}
    assert unannounced(TapeEntry(9.0, "webhook delivery", late)) == ""
    taken: dict[str, object] = {"event_type": "call.initiated", "delivered": True, "said": "200"}
    assert unannounced(TapeEntry(0.1, "webhook delivery", taken)) == ""


async def test_a_call_ends_as_the_demos_does_with_figures_ticks_and_files_named_by_their_date(
    tmp_path: Path,
) -> None:
    script = tmp_path / "caller.json"
    script.write_text(json.dumps(HURRIED | {"expect": [{"answered": False}]}))
    config = CarrierConfig(api_key=KEY, webhook_url=NOBODY)
    async with carrier(config, out_dir=tmp_path / "out") as live:
        url = f"http://127.0.0.1:{live.running.port}"
        calling = await asyncio.create_subprocess_exec(
            *ourselves("call", "--script", str(script), "--url", url, "--api-key", KEY),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await calling.communicate()
    assert calling.returncode == 0
    text = " ".join(out.decode().split())
    assert "call 0.0 s, ended by the caller: originator_cancel" in text
    assert "✓ answered is false" in text
    files = sorted((tmp_path / "out").glob("2*"))
    assert [file.suffix for file in files] == [".json", ".png", ".wav"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-.{6}", files[0].stem)
    unfolded = "".join(text.split())
    for word, file in zip(("read", "look", "listen"), files, strict=True):
        assert f"{word}{file}" in unfolded
    assert "{" not in text
