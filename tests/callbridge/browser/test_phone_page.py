"""The page of the telephone: what it shows, what it says, and how it is used without a mouse."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from callbridge.carrier.config import CarrierConfig
from telecodecs import resample
from tests.callbridge.browser.chromium import Chromium, Microphone, write_microphone
from tests.callbridge.browser.phones import carrier_with, likenesses, telephone, until_happened
from tests.callbridge.carrier.live import KEY, carrier, read_stereo
from tests.callbridge.speech.person import RATE, passage

ADA, BOB = "+13125550141", "+13125550142"
BOT = "+13125550100"
FORWARD = """
from callbridge import App, Call

app = App()


@app.call
async def forward(call: Call) -> None:
    await call.transfer("+13125550142")
"""


async def test_a_transfer_rings_the_second_tab_that_answers(
    chromium: Chromium, tmp_path: Path
) -> None:
    bot = tmp_path / "forward.py"
    bot.write_text(FORWARD)
    said = np.concatenate((np.zeros(3 * RATE, np.int16), passage((0.0, 8.45))))
    microphone = write_microphone(tmp_path / "person.wav", said, RATE)
    async with carrier_with(bot, tmp_path) as (live, tape):
        caller = await telephone(await chromium.person(microphone), live, ADA)
        agent = await telephone(await chromium.person(), live, BOB)
        await caller.call(BOT)
        await agent.until("ringing")
        await agent.click("answer")
        await agent.says("Connected with")
        await agent.tap()
        call = await agent.page.evaluate("document.querySelector('call-phone').current.id")
        await until_happened(tape, "call_over")
        await asyncio.sleep(9)
        played, rate = await agent.played()
        await agent.click("hangup")
        await caller.says("The other side hung up")
        await agent.says("You hung up")
        summary = await live.finished(call)
    _, heard, _ = read_stereo(summary["files"]["wav"])
    alike = likenesses(resample(played, rate, RATE), heard, RATE)
    assert len(alike) > 27
    assert np.median(alike) > 0.9
    spoken = likenesses(passage((0.0, 8.45)), heard, RATE)
    assert np.median(spoken) > 0.6, "the words of the caller, through their browser"


async def test_two_tabs_of_one_number_ring_and_the_other_is_told(chromium: Chromium) -> None:
    person = await chromium.person()
    async with carrier() as live:
        caller = await telephone(person, live, ADA, "Ada")
        first, second = await telephone(person, live, BOB), await telephone(person, live, BOB)
        await caller.call(BOB)
        await first.says("Ada (+13125550141) is calling")
        await second.until("ringing")
        await second.click("answer")
        await first.says("Another phone of this number has answered")
        await caller.until("talking")
        await second.page.close()
        await caller.says("The other side hung up")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("+13125550198", "The number is busy. (user_busy)"),
        ("+13125550197", "There is no such number. (not_found)"),
    ],
)
async def test_why_a_call_did_not_come_about_is_said(
    chromium: Chromium, number: str, words: str
) -> None:
    numbers = {"+13125550198": "busy", "+13125550197": "not_found"}
    async with carrier(CarrierConfig(api_key=KEY, numbers=numbers)) as live:  # type: ignore[arg-type]
        phone = await telephone(await chromium.person(), live, ADA)
        await phone.call(number)
        await phone.says(words)


REFUSED: dict[Microphone, str] = {
    "refused": "does not give this page the microphone",
    "missing": "no microphone that the browser can see",
}


@pytest.mark.parametrize("microphone", REFUSED)
async def test_what_the_browser_refuses_is_a_sentence_and_no_call(
    chromium: Chromium, microphone: Microphone
) -> None:
    async with carrier() as live:
        phone = await telephone(await chromium.person(microphone), live, ADA)
        await phone.call(BOT)
        assert REFUSED[microphone] in await phone.complaint()
        assert await phone.page.get_attribute("call-phone", "data-state") == "idle"


# A person takes a while to say whether the page may have the microphone.
ASKS = """
  const devices = navigator.mediaDevices ?? {getUserMedia() {}};  // a blank page has none
  const give = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wanted) => {
    await new Promise((then) => setTimeout(then, 500));
    return give(wanted);
  };
"""


async def test_two_clicks_are_one_call(chromium: Chromium) -> None:
    person = await chromium.person()
    await person.add_init_script(ASKS)
    async with carrier() as live:
        phone = await telephone(person, live, ADA)
        await phone.page.dblclick("[data-part=go]")
        await phone.until("calling")
        await asyncio.sleep(0.5)
        assert not await phone.page.locator("[data-part=error]").is_visible()


async def test_without_a_microphone_one_can_call_and_listen(chromium: Chromium) -> None:
    person = await chromium.person("missing")
    async with carrier() as live:
        caller, other = await telephone(person, live, ADA), await telephone(person, live, BOB)
        for tab in (caller, other):
            await tab.page.click("[data-part=settings] summary")
            await tab.page.uncheck("[data-part=microphone]")
        await caller.call(BOB)
        await other.until("ringing")
        await other.click("answer")
        await caller.until("talking")


# To the browser every step of a test is a click already, so what it does before one is played here.
SILENT_UNTIL_CLICKED = """
  addEventListener('click', () => { window.clicked = true; }, true);
  window.AudioContext = class extends AudioContext {
    constructor(options) { super(options); this.suspend(); }
    resume() { return window.clicked ? super.resume() : new Promise(() => {}); }
  };
"""


async def test_a_page_that_may_not_sound_yet_says_what_to_do(chromium: Chromium) -> None:
    person = await chromium.person()
    await person.add_init_script(SILENT_UNTIL_CLICKED)
    async with carrier() as live:
        callee = await telephone(person, live, BOB)
        caller = await telephone(person, live, ADA)
        await caller.call(BOB)
        await callee.until("ringing")
        silent = callee.page.locator("[data-part=silent]")
        await silent.wait_for()
        assert "silent until you click" in await silent.inner_text()
        await callee.click("wake")
        await silent.wait_for(state="hidden")
        await callee.click("answer")
        await caller.until("talking")


async def test_an_insecure_page_is_told_why_it_has_no_microphone(chromium: Chromium) -> None:
    """On another machine's http address a browser has no getUserMedia at all."""
    person = await chromium.person()
    async with carrier() as live:
        phone = await telephone(person, live, ADA)
        await phone.page.evaluate(
            "Object.defineProperty(window, 'isSecureContext', {get: () => false})"
        )
        await phone.call(BOT)
        assert "--ssl-certfile" in await phone.complaint()


async def test_the_keyboard_is_enough(chromium: Chromium) -> None:
    person = await chromium.person()
    async with carrier() as live:
        phone = await telephone(person, live, ADA)
        other = await telephone(person, live, BOB)
        await phone.page.fill("[data-part=to]", "")
        await phone.page.evaluate("document.activeElement.blur()")
        await phone.page.focus("[data-part=go]")
        await phone.page.keyboard.type("555*#")
        assert await phone.page.input_value("[data-part=to]") == "555*#"
        await phone.call(BOB)
        await other.until("ringing")
        await other.page.keyboard.press("Enter")  # the focus is where one answers
        await phone.until("talking")
        await phone.page.keyboard.type("12#")
        assert await phone.page.inner_text("[data-part=pressed]") == "12#"
        call = await phone.page.evaluate("document.querySelector('call-phone').current.id")
        await phone.page.keyboard.press("Enter")  # and where one hangs up
        await phone.says("You hung up")
        tape = await live.tape(call)
    assert [entry["detail"]["digit"] for entry in tape if entry["kind"] == "dtmf"] == [
        "1",
        "2",
        "#",
    ]


async def test_mute_sends_nothing_and_hold_says_so(chromium: Chromium, tmp_path: Path) -> None:
    person = await chromium.person()
    async with carrier() as live:
        phone, other = await telephone(person, live, ADA), await telephone(person, live, BOB)
        await phone.call(BOB)
        await other.until("ringing")
        await other.click("answer")
        await phone.until("talking")
        await phone.click("hold")
        await phone.says("On hold")
        await phone.click("hold")
        await phone.says("Connected with")
        await phone.click("mute")
        sent = "document.querySelector('call-phone').line.sent"
        await asyncio.sleep(0.3)
        before = await phone.page.evaluate(sent)
        await asyncio.sleep(0.5)
        assert await phone.page.evaluate(sent) == before
        await phone.click("mute")
        await asyncio.sleep(0.5)
        assert await phone.page.evaluate(sent) > before


async def test_settings_change_what_they_are_about(chromium: Chromium) -> None:
    person = await chromium.person()
    async with carrier() as live:
        phone, other = await telephone(person, live, ADA), await telephone(person, live, BOB)
        await phone.page.click("[data-part=settings] summary")
        await phone.page.fill("[data-part=name]", "Ada L.")
        await phone.page.press("[data-part=name]", "Tab")
        await other.page.wait_for_selector("text=Other phones: Ada L. +13125550141.")
        await phone.page.check("[data-part=wideband]")
        await phone.call(BOB)
        await phone.page.uncheck("[data-part=noiseSuppression]")  # of the next call
        await asyncio.sleep(0.3)
        assert not await phone.page.locator("[data-part=error]").is_visible()
        assert (
            await phone.page.evaluate("document.querySelector('call-phone').current.codec") == "L16"
        )


async def test_no_name_is_markup(chromium: Chromium) -> None:
    evil = "<img src=x onerror='window.evil=1'>"
    person = await chromium.person()
    async with carrier() as live:
        caller = await telephone(person, live, ADA, evil)
        callee = await telephone(person, live, BOB)
        await caller.call(BOB)
        await callee.says(evil)
        assert evil in await callee.page.inner_text("[data-part=others]")
        for tab in (caller, callee):
            assert await tab.page.locator("call-phone img").count() == 0
            assert await tab.page.evaluate("window.evil") is None


async def test_a_carrier_that_comes_back_has_new_pages(chromium: Chromium) -> None:
    person = await chromium.person()
    async with carrier() as live:
        port = live.running.port
        phone = await telephone(person, live, ADA)
    await phone.says("The carrier does not answer")
    async with carrier(port=port):
        await phone.says("This phone is off")
        assert "load it again" in await phone.complaint()
        await phone.click("reload")
        await phone.until("idle")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_it_fits_400_pixels(chromium: Chromium, dark: bool) -> None:
    person = await chromium.person(width=400, height=800, dark=dark)
    async with carrier() as live:
        phone = await telephone(person, live, ADA, "A name that is as long as names can be, forty")
        await phone.page.click("[data-part=settings] summary")
        wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert await phone.page.evaluate(wide)


# WCAG 2.2, contrast ratio: of each text that is shown, on what is behind it. Controls that are off
# are exempt.
FAINT = """() => {
  const channels = (color) => color.match(/[0-9.]+/g).map(Number);
  const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) =>
    0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const ground = (element) => {
    const [r, g, b, a = 1] = channels(getComputedStyle(element).backgroundColor);
    return a > 0 ? [r, g, b] : ground(element.parentElement);
  };
  const shown = [...document.querySelectorAll('main *')].filter((each) =>
    each.checkVisibility() && !each.closest(':disabled') &&
    [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  const ratios = shown.map((each) => {
    const both = [channels(getComputedStyle(each).color), ground(each)].map(luminance);
    return [each.textContent.trim(), (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05)];
  });
  return {texts: ratios.length, faint: ratios.filter(([, ratio]) => ratio < 4.5)};
}"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_every_text_stands_out_from_its_ground(chromium: Chromium, dark: bool) -> None:
    person = await chromium.person(dark=dark)
    async with carrier() as live:
        phone, other = await telephone(person, live, ADA), await telephone(person, live, BOB)
        await phone.page.click("[data-part=settings] summary")
        await phone.call("nobody")
        await phone.complaint()
        idle = await phone.page.evaluate(FAINT)
        await phone.call(BOB)
        await other.until("ringing")
        ringing = await other.page.evaluate(FAINT)
        await other.click("answer")
        await phone.until("talking")
        await phone.click("mute")
        talking = await phone.page.evaluate(FAINT)
    for state in (idle, ringing, talking):
        assert state["texts"] > 15
        assert state["faint"] == []
