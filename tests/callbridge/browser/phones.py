"""Telephones in a real browser, and a carrier and a bot for them to talk to."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from callbridge.carrier.config import CarrierConfig
from callbridge.host.bind import free_ports
from callbridge.host.child import ourselves, running
from telecodecs import Pcm
from tests.callbridge.carrier.live import KEY, Live, carrier

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Page

HOST = "127.0.0.1"
WITHIN_MS = 10_000.0

# What the page plays, all of it, from where the loudspeaker gets it.
TAP = """phone => {
  const {context, output} = phone.sound;
  const tap = context.createScriptProcessor(1024, 1, 1);
  window.heard = [];
  tap.onaudioprocess = ({inputBuffer}) => window.heard.push(...inputBuffer.getChannelData(0));
  output.connect(tap);
  tap.connect(context.destination);
  return context.sampleRate;
}"""

HEARD = """() => {
  const octets = new Uint8Array(Int16Array.from(window.heard, (x) => 32767 * x).buffer);
  let text = '';
  for (let at = 0; at < octets.length; at += 8192) {
    text += String.fromCharCode(...octets.subarray(at, at + 8192));
  }
  return btoa(text);
}"""


class PhoneTab:
    """One tab with a telephone."""

    def __init__(self, page: "Page", number: str) -> None:
        self.page, self.number = page, number
        self._tapped_rate = 0

    async def until(self, state: str, within_ms: float = WITHIN_MS) -> None:
        await self.page.wait_for_selector(f"[data-state={state}]", timeout=within_ms)

    async def says(self, words: str, within_ms: float = WITHIN_MS) -> None:
        """Until the page says so where it says how the call is."""
        state = self.page.locator("[data-part=state]", has_text=words)
        await state.wait_for(timeout=within_ms)

    async def complaint(self) -> str:
        error = self.page.locator("[data-part=error]")
        await error.wait_for(timeout=WITHIN_MS)
        return await error.inner_text()

    async def call(self, number: str) -> None:
        await self.page.fill("[data-part=to]", number)
        await self.page.press("[data-part=to]", "Enter")

    async def click(self, part: str) -> None:
        await self.page.click(f"[data-part={part}]", timeout=WITHIN_MS)

    async def tap(self) -> None:
        """From now on keep what is played; in a call or after one."""
        phone = self.page.locator("call-phone")
        self._tapped_rate = await phone.evaluate(TAP)

    async def played(self) -> tuple[Pcm, int]:
        """Samples, and how many a second."""
        heard: str = await self.page.evaluate(HEARD)
        return np.frombuffer(base64.b64decode(heard), np.int16), self._tapped_rate


async def telephone(person: "BrowserContext", live: Live, number: str, name: str = "") -> PhoneTab:
    """A tab of that number, ready for calls."""
    page = await person.new_page()
    kept = json.dumps({"number": number, "name": name})
    await page.add_init_script(
        f"sessionStorage.getItem('callbridge.phone') ?? "
        f"sessionStorage.setItem('callbridge.phone', {json.dumps(kept)})"
    )
    await page.goto(f"{live.http.base_url}/phone")
    tab = PhoneTab(page, number)
    await tab.until("idle")
    return tab


@contextlib.asynccontextmanager
async def carrier_with(
    bot: Path, folder: Path, **settings: str
) -> AsyncGenerator[tuple[Live, Path]]:
    """A carrier, and a bot that it rings, in a process of its own; with the tape of the bot."""
    [port] = free_ports(HOST, 1)
    tape = folder / "bridge.jsonl"
    config = CarrierConfig(api_key=KEY, webhook_url=f"http://{HOST}:{port}/webhooks")
    async with carrier(config, out_dir=folder / "out") as live:
        env = {
            "TELNYX_API_KEY": KEY,
            "TELNYX_PUBLIC_KEY": live.running.public_key,
            "CALLBRIDGE_CONNECTION_ID": config.connection_id,
            "TELNYX_BASE_URL": live.base_url,
            "CALLBRIDGE_PUBLIC_URL": f"http://{HOST}:{port}",
            "CALLBRIDGE_TAPE": str(tape),
            "CALLBRIDGE_DRAIN_S": "1",
        } | settings
        serve = ourselves("serve", str(bot), "--host", HOST, "--port", str(port))
        async with running(bot.name, *serve, env=env) as bridge:
            await bridge.ready(live.http, f"http://{HOST}:{port}/readyz")
            yield live, tape


def happened(tape: Path, event: str) -> list[dict[str, Any]]:
    """What the bot's tape has of it so far."""
    lines = tape.read_text().rpartition("\n")[0].splitlines() if tape.exists() else []
    all_of_it = [json.loads(line)["happened"] for line in lines]
    return [each for each in all_of_it if each["event"] == event]


async def until_happened(tape: Path, event: str, times: int = 1, within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while len(happened(tape, event)) < times:  # noqa: ASYNC110  another process writes it
            await asyncio.sleep(0.1)


# A browser without a sound card leaves out 3 ms about once a second, which spoils one of them, as a
# frame does that was blended away. Other words of the same voice are alike by less than 0.5.
WINDOW_S = 0.15
LOUD = 100  # rms


def likenesses(played: Pcm, recorded: Pcm, sample_rate: int) -> list[float]:
    """Of each `WINDOW_S` in which something is to be heard: the normalised cross-correlation at
    the best place within the recording, 1 for the same sound."""
    length = round(WINDOW_S * sample_rate)
    windows = [played[at : at + length] for at in range(0, len(played) - length, length)]
    loud = [each for each in windows if np.sqrt(np.mean(each.astype(np.float64) ** 2)) > LOUD]
    return [_likeness(each, recorded) for each in loud]


def _likeness(played: Pcm, recorded: Pcm) -> float:
    a, b = played.astype(np.float64), recorded.astype(np.float64)
    size = 1 << (len(a) + len(b)).bit_length()
    products = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)
    places = len(b) - len(a) + 1
    powers = np.cumsum(np.concatenate(([0.0], b * b)))
    energies = np.sqrt((powers[len(a) :] - powers[:places]) * (a @ a)) + 1.0
    return float(np.max(products[:places] / energies))
