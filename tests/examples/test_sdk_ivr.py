import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.net.numbers import read_numbers
from callbridge.carrier.net.speaking import speaker
from callbridge.speech.espeak import available, speak
from tests.callbridge.carrier.live import KEY, carrier, hooks

FOLDER = Path(__file__).parents[2] / "examples" / "sdk"


def loaded(monkeypatch: pytest.MonkeyPatch, **settings: str) -> ModuleType:
    """The example as it is, with these settings in its environment."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("sdk_ivr", FOLDER / "ivr.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["sdk_ivr"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class PassedOn:
    """Webhooks go to the example's page, in this process."""

    page: httpx.AsyncClient

    async def __call__(self, request: Request) -> Response:
        signed = {name: value for name, value in request.headers.items() if "telnyx" in name}
        answer = await self.page.post("/calls", content=await request.body(), headers=signed)
        return Response(status_code=answer.status_code)


async def test_a_menu_by_the_sdk_alone_leads_to_the_person_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not available():
        pytest.skip("the extra callbridge[voice] is not installed: nobody reads the menu")
    numbers = read_numbers(FOLDER / "people.json", speaker(speak))
    passed_on = PassedOn()
    async with hooks(passed_on) as app:
        config = CarrierConfig(api_key=KEY, webhook_url=app.url, numbers=numbers)
        async with carrier(config, voice=speak) as live:
            ivr = loaded(
                monkeypatch,
                TELNYX_API_KEY=KEY,
                TELNYX_BASE_URL=live.base_url,
                TELNYX_PUBLIC_KEY=live.running.public_key,
            )
            transport = httpx.ASGITransport(ivr.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://ivr") as page:
                passed_on.page = page
                assert (await page.post("/calls", content=b'{"data": {}}')).status_code == 403
                # The SDK makes its models with the first webhook, which takes seconds that the
                # carrier's clock has not, as both are in one process here.
                await live.finished(await live.ring(steps=[{"wait": "answered"}, {"hangup": True}]))
                call = await live.ring(**json.loads((FOLDER / "ivr.json").read_text()))
                summary = await live.finished(call)
            await ivr.sdk.close()
    assert summary["failed"] == []
    assert summary["bridged"]
