"""Mouth to ear through a real page, the carrier and an echo: a burst a second, and where its time
goes. The page's ends are taken at its microphone and its loudspeaker node, in one clock; the
carrier's in its recording, whose first sample has a time of day."""

import asyncio
import base64
import wave
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from benchmarks.phones.ends import PhoneEnds, ends
from numpy.typing import NDArray
from playwright.async_api import Page, async_playwright
from tests.callbridge.browser.chromium import executable, write_microphone

from callbridge.carrier.net import ring
from telecodecs import Pcm, silence

RATE = 8000
CALL_S = 40
PERIOD_S = 1.007  # no multiple of 20 ms: bursts come at all phases of a frame
BURST_S = 0.015

# Microphone left, loudspeaker right, and the time of day (ms) at the end of each block.
TAP = """phone => {
  const {context, output, source} = phone.sound;
  const both = context.createChannelMerger(2);
  source.connect(both, 0, 0);
  output.connect(both, 0, 1);
  const tap = context.createScriptProcessor(1024, 2, 2);
  window.tapped = {sides: [[], []], ends: [], rate: context.sampleRate};
  tap.onaudioprocess = ({inputBuffer}) => {
    for (const side of [0, 1]) window.tapped.sides[side].push(...inputBuffer.getChannelData(side));
    window.tapped.ends.push(performance.timeOrigin + performance.now());
  };
  both.connect(tap);
  tap.connect(context.destination);
  return phone.current.id;
}"""
TAPPED = """side => {
  const samples = Int16Array.from(window.tapped.sides[side], (x) => 32767 * x);
  const octets = new Uint8Array(samples.buffer);
  let text = '';
  for (let at = 0; at < octets.length; at += 8192) {
    text += String.fromCharCode(...octets.subarray(at, at + 8192));
  }
  return btoa(text);
}"""

Times = NDArray[np.float64]


class Shares(NamedTuple):
    """Milliseconds of each burst: microphone to carrier, carrier to bot and back, carrier to
    loudspeaker, and the whole way."""

    up: Times
    bot: Times
    down: Times
    whole: Times


def bursts() -> Pcm:
    burst = np.asarray(20000 * np.sin(np.arange(BURST_S * RATE) * 2 * np.pi / 8), np.int16)
    whole = silence((CALL_S + 20) * RATE).copy()
    for at in np.arange(2.0, CALL_S + 10, PERIOD_S):
        whole[round(at * RATE) : round(at * RATE) + len(burst)] = burst
    return whole


def onsets(pcm: Pcm, rate: int) -> Times:
    """Seconds from the first sample to each burst."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > 4000)
    if not len(loud):
        return np.zeros(0)
    first = np.concatenate(([True], np.diff(loud) > 0.3 * rate))
    return np.asarray(loud[first] / rate, np.float64)


def after(first: Times, then: Times) -> Times:
    """Of each time in `first`, how many ms until the next one in `then`; what took over half a
    second is another burst's."""
    places = np.searchsorted(then, first)
    inside = places < len(then)
    passed = then[places[inside]] - first[inside]
    return np.asarray(1000 * np.where(passed < 0.7, passed, np.nan))


async def one_call(page: Page, there: PhoneEnds) -> Shares:
    await page.goto(f"{there.url}/phone")
    await page.wait_for_selector("[data-state=idle]")
    await page.press("[data-part=to]", "Enter")
    await page.wait_for_selector("[data-state=talking]")
    call = await page.locator("call-phone").evaluate(TAP)
    await asyncio.sleep(CALL_S)
    await page.click("[data-part=hangup]")
    ends_ms = np.array(await page.evaluate("window.tapped.ends"))
    rate: int = await page.evaluate("window.tapped.rate")
    sides = [
        np.frombuffer(base64.b64decode(await page.evaluate(TAPPED, side)), np.int16)
        for side in (0, 1)
    ]
    mouth, ear = (times_of_day(onsets(side, rate), ends_ms / 1000, rate) for side in sides)
    said, heard = await recorded(there, call)
    return Shares(after(mouth, said), after(said, heard), after(heard, ear), after(mouth, ear))


def times_of_day(at: Times, ends: Times, rate: int) -> Times:
    """Of seconds of the audio clock, by when blocks of 1024 samples were told: a straight line
    through all of them, as the two clocks run at different speeds. It may be 10 ms off, which `up`
    and `down` share out between them and `whole` does not have."""
    audio = np.arange(1, len(ends) + 1) * 1024 / rate
    slope, began = np.polyfit(audio, ends - ends[0], 1)
    return np.asarray(ends[0] + began + slope * at, np.float64)


async def recorded(there: PhoneEnds, call: str) -> tuple[Times, Times]:
    """Times of day of the bursts in the carrier's recording, said and heard."""
    report = await ring.Carrier(there.http).finished(call)
    began = datetime.fromisoformat(report["start_time"]).timestamp() + report["audio_from_s"]
    with wave.open(report["files"]["wav"], "rb") as file:
        rate = file.getframerate()
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return began + onsets(both[:, 0], rate), began + onsets(both[:, 1], rate)


async def measure(calls: int, *, wideband: bool) -> None:
    program = executable()
    assert program is not None, "there is no Chromium: apt-get install chromium"
    async with ends() as there, async_playwright() as playwright:
        microphone = write_microphone(Path(there.out) / "bursts.wav", bursts(), RATE)
        taken: list[Shares] = []
        for _ in range(calls):
            browser = await playwright.chromium.launch(
                executable_path=program,
                args=[
                    "--no-sandbox",
                    "--no-proxy-server",
                    "--autoplay-policy=no-user-gesture-required",
                    "--use-fake-device-for-media-stream",
                    "--use-fake-ui-for-media-stream",
                    f"--use-file-for-fake-audio-capture={microphone}%noloop",
                ],
            )
            page = await browser.new_page()
            # What a browser does to a voice would take bursts for noise.
            off = '{"echoCancellation": false, "noiseSuppression": false, "autoGainControl": false'
            off += ', "wideband": true}' if wideband else "}"
            await page.add_init_script(f"sessionStorage.setItem('callbridge.phone', '{off}')")
            taken.append(await one_call(page, there))
            buffer = await page.evaluate("document.querySelector('call-phone').buffer")
            print(f"a call: the page's buffer at its end {buffer}")
            await browser.close()
    for name in Shares._fields:
        ms = np.concatenate([getattr(each, name) for each in taken])
        ms = ms[~np.isnan(ms)]
        print(
            f"{name:6} p50 {np.percentile(ms, 50):6.1f} ms   p99 {np.percentile(ms, 99):6.1f} ms"
            f"   ({len(ms)} bursts)"
        )
