"""Tests in a real browser; they are skipped, with what to install, where there is none."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.callbridge.browser.chromium import Chromium, executable


@pytest.fixture
async def chromium() -> AsyncIterator[Chromium]:
    """`await chromium.person(microphone)` is a browser; see `chromium.py`."""
    api = pytest.importorskip(
        "playwright.async_api", reason="the browser's driver: pip install playwright"
    )
    program = executable()
    if program is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    async with api.async_playwright() as playwright, AsyncExitStack() as stack:
        chromium = Chromium(playwright, program, stack)
        yield chromium
    assert not chromium.complaints
