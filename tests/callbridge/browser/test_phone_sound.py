"""The page's own signal processing, in the browser that runs it, beside ours."""

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from callbridge.carrier.people.browser import PhoneBuffer
from telecodecs import g711
from tests.callbridge.browser.chromium import Chromium
from tests.callbridge.carrier.live import Live, carrier

if TYPE_CHECKING:
    from playwright.async_api import Page

ULAW = """async () => {
  const {CODECS: {PCMU}} = await import('/assets/phone/g711.js');
  const samples = Float32Array.from({length: 65536}, (_, at) => (at - 32768) / 32768);
  const codes = new Uint8Array(PCMU.encode(samples));
  const back = PCMU.decode(Uint8Array.from({length: 256}, (_, code) => code).buffer);
  return [[...codes], [...back].map((sample) => sample * 32768)];
}"""
L16 = """async () => {
  const {CODECS: {L16}} = await import('/assets/phone/g711.js');
  const payload = L16.encode(Float32Array.of(-2, -1, -1 / 32768, 0, 1 / 32768, 0.5, 2));
  return [[...new Uint8Array(payload)], [...L16.decode(payload)].map((sample) => sample * 32768)];
}"""
RESAMPLED = """async ([from, to, hz]) => {
  const {Resampler} = await import('/assets/phone/resample.js');
  const resampler = new Resampler(from, to);
  const output = [];
  for (let at = 0; at < from; at += 128) {
    const turn = (_, i) => 0.5 * Math.sin((2 * Math.PI * hz * (at + i)) / from);
    const piece = Float32Array.from({length: 128}, turn);
    output.push(...resampler.process(piece));
  }
  return output;
}"""
BUFFERED = """async (arrivals) => {
  const {PlaybackBuffer} = await import('/assets/phone/jitter.js');
  const buffer = new PlaybackBuffer(160);
  const heard = [];
  for (const count of arrivals) {
    for (let at = 0; at < count; at += 1) buffer.put(new Float32Array(160).fill(0.25));
    heard.push(buffer.take()[80] !== 0);
  }
  const {target, dropped, blended, missed, waiting} = buffer;
  return {heard, target, dropped, blended, missed, depth: waiting.length};
}"""


async def page_of(chromium: Chromium, live: Live) -> "Page":
    page = await (await chromium.person()).new_page()
    await page.goto(f"{live.http.base_url}/phone")
    return page


async def test_g711_is_ours_octet_for_octet(chromium: Chromium) -> None:
    async with carrier() as live:
        page = await page_of(chromium, live)
        codes, back = await page.evaluate(ULAW)
        octets, samples = await page.evaluate(L16)
    every = np.arange(-32768, 32768).astype(np.int16)
    assert bytes(codes) == g711.encode_ulaw(every)
    assert back == g711.decode_ulaw(bytes(range(256))).tolist()
    clipped = [-32768, -32768, -1, 0, 1, 16384, 32767]
    assert bytes(octets) == np.array(clipped, "<i2").tobytes()
    assert samples == clipped


async def test_resampling_keeps_speech_and_stops_the_rest(chromium: Chromium) -> None:
    async with carrier() as live:
        page = await page_of(chromium, live)
        for context, call in product((44100, 48000, 96000), (8000, 16000)):
            for rates in ((context, call), (call, context)):
                speech = await page.evaluate(RESAMPLED, [*rates, 1000])
                assert rms(speech) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)
                assert tone_in(speech, rates[1]) == pytest.approx(1000, abs=3)
            above = await page.evaluate(RESAMPLED, [context, call, 0.55 * call])
            assert rms(above) < 0.5 / 1000  # 60 dB down


def rms(samples: list[float]) -> float:
    """Without the filter's beginning and end."""
    inside = np.array(samples[len(samples) // 10 : -len(samples) // 10])
    return float(np.sqrt(np.mean(inside**2)))


def tone_in(samples: list[float], rate: int) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate / len(samples))


ARRIVALS: dict[str, list[int]] = {
    "evenly": [1] * 300,
    "a stall and a burst": [1] * 50 + [0] * 10 + [10] + [1] * 200,
    "a fast clock": ([1] * 99 + [2]) * 20,
    "a slow clock": ([1] * 99 + [0]) * 20,
    "far too much": [1] * 10 + [60] + [1] * 300,
    "stalls, and calm": ([1] * 20 + [0] * 10) * 6 + [1] * 5000,
}


async def test_both_ends_have_the_same_jitter_buffer(chromium: Chromium) -> None:
    async with carrier() as live:
        page = await page_of(chromium, live)
        told = {name: await page.evaluate(BUFFERED, each) for name, each in ARRIVALS.items()}
    assert told == {name: buffered(each) for name, each in ARRIVALS.items()}


def buffered(arrivals: list[int]) -> dict[str, Any]:
    """What the carrier's end does with them."""
    ours = PhoneBuffer(8000)
    heard: list[bool] = []
    for count in arrivals:
        for _ in range(count):
            ours.put(np.full(160, 8192, np.int16))
        piece = ours.take()
        heard.append(piece is not None and bool(piece[80]))
    return {
        "heard": heard,
        "target": ours.target,
        "dropped": ours.dropped,
        "blended": ours.blended,
        "missed": ours.missed,
        "depth": ours.depth,
    }
