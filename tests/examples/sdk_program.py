"""A program of the SDK as a process of its own, among a carrier and its callers."""

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.net.numbers import read_numbers
from callbridge.carrier.net.speaking import speaker
from callbridge.speech.espeak import speak
from telecodecs import Pcm
from tests.callbridge.carrier.live import KEY, Live, carrier, read_stereo

FOLDER = Path(__file__).parents[2] / "examples" / "sdk"
WITHIN_S = 40.0  # of a loaded machine; what is waited for comes much sooner


class Program:
    """`page` is the program's own HTTP, `live` the carrier that it is a customer of."""

    def __init__(self, live: Live, page: httpx.AsyncClient, out_dir: Path) -> None:
        self.live, self.page, self.out_dir = live, page, out_dir

    async def until(self, path: str, so: Callable[[Any], object]) -> Any:
        """What the program answers at a path, once it is so."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                found = (await self.page.get(path)).raise_for_status().json()
                if so(found):
                    return found
                await asyncio.sleep(0.02)

    async def asked(self, operation: str) -> dict[str, Any]:
        """What a stub of the carrier is asked for, once it is."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                asked = (await self.live.http.get("/carrier/asked")).json()["asked"]
                for each in asked:
                    if each["operation"] == operation:
                        given: dict[str, Any] = each["given"]
                        return given
                await asyncio.sleep(0.02)

    async def sides(self, number: str) -> tuple[Pcm, Pcm]:
        """What the far end of a call to a number said and heard, once it is over."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                for file in self.out_dir.glob("*.json"):
                    with contextlib.suppress(json.JSONDecodeError):  # it is being written
                        report = json.loads(await asyncio.to_thread(file.read_text))
                        if report["to"] == number:
                            said, heard, _ = read_stereo(str(file.with_suffix(".wav")))
                            return said, heard
                await asyncio.sleep(0.02)

    async def deliveries(self, calls: int) -> dict[tuple[str, str], list[str]]:
        """The events of each (call, path of the program) in their order, once so many calls are
        over."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                found = await self._delivered()
                if sum("call.hangup" in events for events in found.values()) == calls:
                    return found
                await asyncio.sleep(0.02)

    async def _delivered(self) -> dict[tuple[str, str], list[str]]:
        answer = await self.live.http.get("/v2/webhook_deliveries", params={"page[size]": 250})
        found: dict[tuple[str, str], list[str]] = {}
        for each in reversed(answer.json()["data"]):
            path = httpx.URL(each["attempts"][-1]["http"]["request"]["url"]).path
            event = each["webhook"]
            events = found.setdefault((event["payload"]["call_control_id"], path), [])
            events.append(event["event_type"])
        return found


@contextlib.asynccontextmanager
async def program(
    name: str, tmp_path: Path, *, hook: str, numbers: Path | None = None, **environment: str
) -> AsyncGenerator[Program, None]:
    """The example of that name, with a carrier whose webhooks go to its path `hook`."""
    people = read_numbers(numbers or FOLDER / "people.json", speaker(speak))
    out = tmp_path / "out"
    with socket.create_server(("127.0.0.1", 0)) as port:
        url = f"http://127.0.0.1:{port.getsockname()[1]}"
        config = CarrierConfig(api_key=KEY, webhook_url=url + hook, numbers=people, ring_s=0.1)
        # The first webhook costs the SDK seconds on a loaded machine: it makes its models.
        async with carrier(config, voice=speak, out_dir=out, webhook_timeout_s=WITHIN_S) as live:
            settings = {
                "TELNYX_API_KEY": KEY,
                "TELNYX_BASE_URL": live.base_url,
                "TELNYX_PUBLIC_KEY": live.running.public_key,
                "CALLBRIDGE_CONNECTION_ID": config.connection_id,
            }
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "uvicorn", "--app-dir", str(FOLDER)),
                *(f"{name}:app", "--fd", str(port.fileno()), "--no-access-log"),
                pass_fds=(port.fileno(),),
                env=os.environ | settings | environment,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                async with httpx.AsyncClient(
                    base_url=url, timeout=WITHIN_S, trust_env=False
                ) as page:
                    assert (await page.post(hook, content=b'{"data": {}}')).status_code == 403
                    yield Program(live, page, out)
            finally:
                process.terminate()
                _, told = await process.communicate()
                print(told.decode())  # pytest shows it where a test fails
            assert b"Traceback" not in told, told.decode()


def alike(heard: Pcm, said: Pcm) -> float:
    """How well all that one side said can be heard in what the other heard, 0 to 1."""
    size = 1 << (len(heard) + len(said)).bit_length()
    wave, voice = heard.astype(np.float64), said.astype(np.float64)
    products = np.fft.irfft(np.fft.rfft(wave, size) * np.conj(np.fft.rfft(voice, size)), size)
    there = np.roll(np.pad(wave, (0, size - len(wave))), -int(products.argmax()))[: len(voice)]
    there = there * (np.abs(voice) > 300)  # while they say nothing others may be heard
    norm = np.sqrt(float(there @ there) * float(voice @ voice))
    return float(there @ voice / norm) if norm else 0.0


def spoken_s(pcm: Pcm, rate: int = 8000) -> float:
    """Seconds in which there is a sound."""
    step = rate // 50
    pieces = pcm[: len(pcm) // step * step].reshape(-1, step).astype(np.int32)
    return float((np.abs(pieces).max(axis=1) > 300).sum()) / 50
