"""The official SDK for Node against a live carrier: see walk.mjs."""

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript, Press, Wait
from callbridge.speech.espeak import available, speak
from tests.callbridge.carrier.live import KEY, carrier

HERE = Path(__file__).parent
NODE = shutil.which("node")
WITHIN_S = 60.0
CALLEE = CallScript(
    steps=(Wait("bot_speaking", for_s=0.5), Press("5"), Wait("hangup", within_s=WITHIN_S))
)


@pytest.mark.skipif(NODE is None, reason="there is no node on this machine")
@pytest.mark.skipif(
    not (HERE / "node_modules" / "telnyx").is_dir(),
    reason="the SDK for Node is not installed: `make test` does that where there is npm",
)
@pytest.mark.skipif(not available(), reason="the extra callbridge[voice] is not installed")
async def test_the_sdk_for_node_walks_through_the_carrier() -> None:
    assert NODE is not None
    config = CarrierConfig(api_key=KEY, numbers={"+13125550199": CALLEE}, ring_s=0.05)
    async with carrier(config, voice=speak, webhook_timeout_s=WITHIN_S) as live:
        settings = {
            "TELNYX_API_KEY": KEY,
            "TELNYX_BASE_URL": live.base_url,
            "TELNYX_PUBLIC_KEY": live.running.public_key,
        }
        process = await asyncio.create_subprocess_exec(
            *(NODE, "walk.mjs"),
            cwd=HERE,
            env=os.environ | settings,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(WITHIN_S):
                said, complained = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
    assert process.returncode == 0, complained.decode()
    seen = json.loads(said)
    assert seen["pressed"] == "5"
    assert seen["cause"] == "normal_clearing"
    assert seen["code"] == "90018"
    assert len(seen["active"]) == 1
    assert seen["refused"] == []
    of_the_first = (
        "initiated",
        "answered",
        "speak.started",
        "speak.ended",
        "dtmf.received",
        "hangup",
    )
    of_the_second = ("initiated", "answered", "hangup")
    assert sorted(seen["events"]) == sorted(f"call.{each}" for each in of_the_first + of_the_second)
