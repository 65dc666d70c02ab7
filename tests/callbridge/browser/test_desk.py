"""The desk in a real browser, with a carrier and a bridge: a supervisor listens in, takes over,
hands back; by keyboard, on a narrow screen, and without JavaScript."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from callbridge import App, Call
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript
from callbridge.desk.page.figures import CHARTS
from callbridge.desk.page.process import DeskServer
from callbridge.desk.page.site import application
from callbridge.host.bind import bind
from callbridge.serve import process as serve
from callbridge.serve.settings import Settings
from tests.callbridge.browser.chromium import Chromium
from tests.callbridge.carrier.live import KEY, Live, carrier
from tests.callbridge.carrier.test_say import beeps
from tests.callbridge.desk.page.browsing import PASSWORD, settings_with

if TYPE_CHECKING:
    from playwright.async_api import Page

BOSS, AGENT, CALLER = "+13125550199", "+13125550197", "+13125550123"
BOT, GIVES = "+13125550100", "+13125550150"
STAYS: list[dict[str, object]] = [{"wait": "answered"}, {"wait": "hangup", "within": 60}]
XSS = "<img src=x onerror=alert(1)>"


class DeskTown:
    """A carrier, a bridge whose bot counts how often it begins, and a desk with two users."""

    def __init__(self, live: Live, desk: str) -> None:
        self.live, self.desk = live, desk
        self.began = 0

    async def talk(self, call: Call) -> None:
        self.began += 1
        async for pcm in call.audio():
            await call.write(pcm)

    async def gives(self, call: Call) -> None:
        await call.transfer(AGENT)

    async def ring(self, to: str) -> str:
        return await self.live.ring(**{"from": CALLER, "to": to, "steps": STAYS})


@pytest.fixture
async def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DeskTown]:
    monkeypatch.chdir(tmp_path)
    people: Any = {BOSS: CallScript(), AGENT: CallScript()}
    async with AsyncExitStack() as stack:
        bridge, desk = (stack.enter_context(bind("127.0.0.1", 0)) for _ in range(2))
        public = f"http://127.0.0.1:{bridge.getsockname()[1]}"
        config = CarrierConfig(
            api_key=KEY, numbers=people, ring_s=0.2, webhook_url=f"{public}/webhooks"
        )
        live = await stack.enter_async_context(carrier(config, voice=beeps))
        account: dict[str, Any] = {
            "api_key": KEY,
            "base_url": live.base_url,
            "connection_id": config.connection_id,
        }
        key = live.running.public_key
        town = DeskTown(live, f"http://127.0.0.1:{desk.getsockname()[1]}")
        app = App(Settings.load(public_url=public, public_key=key, drain_s=0, **account))
        app.call(BOT)(town.talk)
        app.call(GIVES)(town.gives)
        figures = f"{public}/metrics"
        page = application(
            settings_with(tmp_path, desk_poll_s=1.0, desk_metrics_url=figures, **account)
        )
        ready = [asyncio.Event(), asyncio.Event()]
        servers = [
            serve.server(app, ready[0].set),
            DeskServer.of(page, ready[1].set),
        ]
        tasks = [
            asyncio.create_task(server.serve(sockets=[listener]))
            for server, listener in zip(servers, (bridge, desk), strict=True)
        ]
        for each in ready:
            await each.wait()
        yield town
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*tasks)


async def logs_in(page: "Page", town: DeskTown, name: str = "ann") -> None:
    await page.goto(town.desk)
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Calls that go on").wait_for()


async def test_a_caller_is_taken_over_from_the_bot_and_handed_back(
    town: DeskTown, chromium: Chromium
) -> None:
    page = await (await chromium.person(width=400)).new_page()
    await logs_in(page, town)
    await town.ring(BOT)
    await page.get_by_role("link", name=f"Open the call from {CALLER}").click()
    await page.get_by_text("Nobody can listen in to that").wait_for()
    await page.get_by_role("button", name="Take over").focus()
    await page.keyboard.press("Enter")
    await page.get_by_text("ann has taken the call over.").wait_for()
    hand_back = page.get_by_role("button", name="Hand back")
    await hand_back.wait_for()
    assert town.began == 1
    await hand_back.click()
    await page.get_by_text("A bot of Callbridge goes on with them.").wait_for()
    await page.get_by_text("ann has hung up.").wait_for()
    await page.get_by_role("button", name="Take over").wait_for()
    assert town.began == 2
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 400


async def test_a_supervisor_listens_changes_their_role_and_hangs_up(
    town: DeskTown, chromium: Chromium
) -> None:
    page = await (await chromium.person(dark=True)).new_page()
    await logs_in(page, town)
    call = await town.ring(GIVES)
    await page.get_by_text("bridged").wait_for()
    await page.goto(f"{town.desk}/call/{call}")
    await page.get_by_role("button", name="Listen in").click()
    await page.get_by_text("ann listens in, and is heard by nobody.").wait_for()
    pressed = page.get_by_role("button", name="Listen in", pressed=True)
    await pressed.wait_for()
    await page.get_by_role("button", name="Barge in").click()
    await page.get_by_role("button", name="Barge in", pressed=True).wait_for()
    # Asked first, and by keyboard.
    hang_up = page.get_by_role("button", name="Hang up", exact=True)
    assert not await hang_up.is_visible()
    await page.locator("summary", has_text="Hang up").focus()
    await page.keyboard.press("Enter")
    await hang_up.wait_for()
    await page.get_by_text("That cannot be undone.").wait_for()
    await hang_up.click()
    await page.get_by_text("This call is over").wait_for()


async def test_all_of_it_works_without_javascript(town: DeskTown, chromium: Chromium) -> None:
    browser = (await chromium.person()).browser
    assert browser is not None
    page = await (await browser.new_context(java_script_enabled=False)).new_page()
    await logs_in(page, town)
    call = await town.ring(BOT)
    await asyncio.sleep(1.5)
    await page.goto(f"{town.desk}/call/{call}")
    await page.locator("summary", has_text="Hang up").click()
    await page.get_by_role("button", name="Hang up", exact=True).click()
    await page.get_by_text("hung up").wait_for()
    await page.get_by_role("button", name="Log out").click()
    await page.get_by_role("heading", name="Log in to the desk").wait_for()
    assert (await town.live.finished(call))["finished"]


async def test_a_name_that_is_a_script_is_read_and_not_run(
    town: DeskTown, chromium: Chromium
) -> None:
    """What would run would be refused by the policy, which is an error on the page: none is."""
    page = await (await chromium.person()).new_page()
    await logs_in(page, town, "vic")
    call = await town.ring(BOT)
    await asyncio.sleep(1.0)
    fields = {"name": XSS, "call_control_id": call}
    (await town.live.http.post("/v2/conferences", json=fields)).raise_for_status()
    await page.goto(f"{town.desk}/conferences")
    await page.get_by_text(XSS).wait_for()
    await page.get_by_role("link", name="Open").click()
    await page.get_by_role("heading", name=XSS).wait_for()
    await page.get_by_text("Acting takes a supervisor").wait_for()
    assert not await page.get_by_role("button", name="Mute").count()


async def test_a_page_that_is_open_is_told_that_its_session_is_over(
    town: DeskTown, chromium: Chromium
) -> None:
    context = await chromium.person()
    page, other = await context.new_page(), await context.new_page()
    await logs_in(page, town)
    await other.goto(f"{town.desk}/queues")
    await page.get_by_role("button", name="Log out").click()
    await other.get_by_text("Your session is over.").wait_for()


async def test_figures_of_the_bridge_are_drawn(town: DeskTown, chromium: Chromium) -> None:
    page = await (await chromium.person(width=400)).new_page()
    await logs_in(page, town)
    await town.ring(BOT)
    await page.get_by_role("link", name="Figures").click()
    calls = page.locator("section", has=page.get_by_role("heading", name="Calls now"))
    await calls.get_by_text("1", exact=True).wait_for()
    drawn = await page.locator(".chart canvas").count()
    assert drawn == await page.locator(".chart").count() == len(CHARTS)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 400
    assert not await page.locator("#problem").is_visible()
