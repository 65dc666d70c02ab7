"""A real Chromium for tests, headless: its microphone plays a file, and what goes wrong on a page
fails the test."""

import shutil
import wave
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from telecodecs import Pcm, resample

if TYPE_CHECKING:  # at run time it may not be installed: then these tests are skipped
    from playwright.async_api import BrowserContext, ConsoleMessage, Page, Playwright

Microphone = Literal["refused", "missing"]

MICROPHONE_RATE = 48000
QUIET = (  # no word to anybody outside
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
)

SERVER_ENDED = "ERR_CONNECTION_REFUSED"


def executable() -> str | None:
    """The browser's program; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


def write_microphone(path: Path, pcm: Pcm, sample_rate: int) -> Path:
    """What the fake microphone says, as it wants it: 48 kHz, mono, 16 bit."""
    samples = resample(pcm, sample_rate, MICROPHONE_RATE)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(MICROPHONE_RATE)
        file.writeframes(np.asarray(samples, "<i2").tobytes())
    return path


class Chromium:
    """Browsers of one test. Each of them is a person: one microphone, any number of tabs.

    `complaints` holds what went wrong on any page: errors that no one caught, and what the console
    calls an error, refusals of the content security policy among them. The fixture fails a test
    that leaves some; one that provokes some takes them out."""

    def __init__(self, playwright: "Playwright", program: str, stack: AsyncExitStack) -> None:
        self._playwright, self._program, self._stack = playwright, program, stack
        self.complaints: list[str] = []

    async def person(
        self,
        microphone: Path | Microphone | None = None,
        *,
        width: int = 1200,
        height: int = 900,
        dark: bool = False,
    ) -> "BrowserContext":
        """`context.new_page()` is a tab. A file of `write_microphone` is said once, from when a
        page first listens; None is Chromium's own beep each second."""
        flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", *QUIET]
        if microphone != "missing":
            flags.append("--use-fake-device-for-media-stream")
        answer = "=deny" if microphone == "refused" else ""
        flags.append(f"--use-fake-ui-for-media-stream{answer}")
        if isinstance(microphone, Path):
            flags.append(f"--use-file-for-fake-audio-capture={microphone}%noloop")
        browser = await self._playwright.chromium.launch(
            executable_path=self._program, args=flags, headless=True
        )
        self._stack.push_async_callback(browser.close)
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
        )
        context.on("page", self._watch)
        return context

    def _watch(self, page: "Page") -> None:
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", self._read)

    def _read(self, line: "ConsoleMessage") -> None:
        about = line.location["url"]
        if SERVER_ENDED in line.text:  # pages outlive the server at the end of a test
            return
        if line.type == "error" and not about.endswith("/favicon.ico"):
            self.complaints.append(f"{about}: {line.text}")
