"""The page in a real browser: a call as it happens."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from callbridge.host.audiofile import read
from tests.callbridge.browser.chromium import Chromium
from tests.callbridge.run.running import NAMED, ran, save

if TYPE_CHECKING:
    from playwright.async_api import Page

PATIENT_MS = 90_000
ANSWERS = re.compile("Version . answers")  # and since when

# Greets at length, so that a caller can cut it, and notes what its history is.
DESK = """
from callbridge import App, Call, Turn

app = App()


GREETING = (
    "You have reached the desk. Please tell me at length what it is that you want, "
    "and I will write all of it down for you, word by word."
)


@app.reply(keys_interrupt=True, greeting=GREETING)
async def answer(call: Call, turn: Turn):
    call.log.info("history", extra={"messages": call.history})
    yield "Thank you. " + turn.text
"""
CUTS_IT = {
    "steps": [
        {"wait": "bot_speaking", "for": 2.0, "within": 60},
        {"press": "5"},
        {"wait": "bot_silent", "for": 1.0, "within": 60},
        {"play": "moonshine_voice:assets/two_cities.wav", "start": 0.9, "end": 4.7},
        {"wait": "bot_speaking", "for": 1.0, "within": 60},
        {"wait": "bot_silent", "for": 1.0},
        {"hangup": True},
    ]
}


def desk(folder: Path) -> Path:
    bot = folder / "desk.py"
    save(bot, DESK)
    save(bot.with_suffix(".json"), json.dumps(CUTS_IT))
    return bot


@asynccontextmanager
async def opened(browser: Chromium, page_url: str, width: int = 1200) -> "AsyncGenerator[Page]":
    """Closed before the server ends, which a browser would complain of."""
    person = await browser.person(width=width)
    page = await person.new_page()
    page.set_default_timeout(PATIENT_MS)
    await page.goto(page_url)
    await page.get_by_text(ANSWERS).wait_for()
    yield page
    await person.close()


async def greeted(page: "Page") -> None:
    """While it is said, or after it: a machine that is busy may show it late."""
    words = page.locator("#coming, #transcript", has_text="You have reached")
    await words.first.wait_for()


async def test_words_cuts_sound_and_waterfall_come_as_they_happen_and_stay(
    chromium: Chromium,
    tmp_path: Path,
) -> None:
    async with (
        ran(desk(tmp_path), tmp_path / "out") as run,
        opened(chromium, run.page) as page,
    ):
        await page.get_by_role("button", name="Let the recorded person call").click()
        await greeted(page)
        await page.locator("#transcript del.cut", has_text="word by word.").wait_for()
        heard = await page.locator("#transcript li").first.inner_text()
        assert "You have reached" in heard
        await page.locator("#transcript li.by-caller", has_text="best of times").wait_for()
        await drawn(page)

        await page.locator("audio").wait_for()
        await page.locator("#falls svg rect").nth(4).wait_for(state="attached")
        steps = page.locator("#sequence .steps")
        for text in ("webhook call.initiated", "command answer", "presses 5", "clear, "):
            await steps.get_by_text(text).first.wait_for(state="attached")
        assert not await steps.locator(".is-mark").first.is_visible()
        await page.get_by_label("marks, too").check()
        assert await steps.locator(".is-mark").first.is_visible()

        (told,) = re.findall(r"log: history messages=(\[.*\])", await steps.inner_text())
        shown = await page.locator("#history dd").all_inner_texts()
        assert all(message in told for message in shown[:2])  # as `call.history` had it
        assert "word by word" not in shown[0]

        await page.get_by_role("link", name="Link to this call").click()
        await page.locator("#transcript del.cut", has_text="word by word.").wait_for()
        source = await page.locator("audio").get_attribute("src")
        wav = await page.request.get(f"{run.url}{source}")
        assert len(read(await wav.body()).pcm)
        await page.evaluate("document.querySelector('audio').load()")
        await drawn(page)
        await page.get_by_role("link", name="All calls").click()
        assert await page.locator("tbody tr").count() == 1


async def drawn(page: "Page") -> None:
    """The waveforms: more than a line."""
    for _ in range(200):
        if await ink(page) > 200:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("no waveform was drawn in 20 s")


async def ink(page: "Page") -> int:
    """Dots of the waveforms that are drawn."""
    await page.wait_for_timeout(1000)
    count = await page.evaluate(
        """() => { const c = document.getElementById('wave');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n - c.width; }"""
    )
    return int(count)


async def test_a_page_finds_back_to_a_server_that_was_away(
    chromium: Chromium,
    tmp_path: Path,
) -> None:
    bot, out = tmp_path / "mine.py", tmp_path / "out"
    save(bot, NAMED.format(name="first"))
    save(bot.with_suffix(".json"), json.dumps({"steps": []}))
    async with AsyncExitStack() as stack:
        async with ran(bot, out) as run:
            page = await stack.enter_async_context(opened(chromium, run.page))
            before = await page.get_by_text(ANSWERS).inner_text()
        await page.get_by_text("The server does not answer").wait_for()
        async with ran(bot, out, "--port", str(run.port)):
            await page.get_by_text("The server does not answer").wait_for(state="hidden")
            for _ in range(600):  # a call before that would find no bot
                now = page.get_by_text(ANSWERS)
                if await now.count() and await now.inner_text() != before:
                    break
                await asyncio.sleep(0.1)
            await page.get_by_role("button", name="Let the recorded person call").click()
            await page.locator("#transcript", has_text="This is the first bot.").wait_for()
            await stack.aclose()
    assert chromium.complaints  # the browser's own, of a server that is away
    chromium.complaints.clear()


async def test_it_is_whole_at_400_pixels_and_by_the_keyboard(
    chromium: Chromium,
    tmp_path: Path,
) -> None:
    async with (
        ran(desk(tmp_path), tmp_path / "out") as run,
        opened(chromium, run.page, width=400) as page,
    ):
        wide = "document.documentElement.scrollWidth"
        assert await page.evaluate(wide) <= 400
        await page.get_by_role("button", name="Let the recorded person call").focus()
        await page.keyboard.press("Enter")
        await page.locator("#transcript del.cut").wait_for()
        assert await page.evaluate(wide) <= 400
        await page.get_by_role("button", name="Hang up").last.focus()
        await page.keyboard.press("Enter")
        await page.locator("audio").wait_for()


async def test_who_has_no_engines_writes(
    chromium: Chromium,
    tmp_path: Path,
) -> None:
    async with (
        ran(desk(tmp_path), tmp_path / "out", "--text") as run,
        opened(chromium, run.page) as page,
    ):
        await page.get_by_role("button", name="Call, and write").click()
        line = page.get_by_label("The caller says")
        await line.fill("A table for two, <b>please</b>.")
        await line.press("Enter")
        said = page.locator("#transcript li.by-caller")
        await said.get_by_text("A table for two, <b>please</b>.").wait_for()
        await page.locator("#transcript li.by-bot", has_text="Thank you. A table").wait_for()
        await asyncio.sleep(0.5)
        await line.fill("/quit")
        await line.press("Enter")
        await page.locator("audio").wait_for()


async def test_the_phone_in_the_page_calls_the_bot(
    chromium: Chromium,
    tmp_path: Path,
) -> None:
    async with (
        ran(desk(tmp_path), tmp_path / "out") as run,
        opened(chromium, run.page) as page,
    ):
        await page.locator("call-phone").get_by_role("button", name="Call", exact=True).click()
        await greeted(page)
        async with page.context.expect_page() as beside:  # the call would end with this page
            await page.get_by_role("link", name="All calls").click()
        assert (await (await beside.value).title()).startswith("All calls")
        await page.locator("call-phone").get_by_role("button", name="Hang up").click()
        await page.locator("audio").wait_for()
