"""`callbridge serve --reload`: what is saved is served, and no call pays for it."""

import signal
from pathlib import Path

import pytest

from tests.callbridge.platform import eventually
from tests.callbridge.serve.test_process import (
    BOT,
    Process,
    complete,
    eventually_status,
    in_a_call,
    process,
)

RELOAD = ("--reload", "--port", "0")


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    path = tmp_path / "bot.py"
    save(path, BOT)
    return path


def save(path: Path, text: str) -> None:
    path.write_text(text)


async def served(running: Process, times: int = 1) -> None:
    """Returns when a server has begun for the so many-th time."""
    await said(running, "callbridge serves", times)


async def said(running: Process, words: str, times: int = 1) -> None:
    await eventually(lambda: sum(words in line for line in running.lines) == times)


async def test_what_is_saved_is_served_and_so_are_new_settings(tmp_path: Path, bot: Path) -> None:
    async with process(tmp_path, complete(), "bot.py", *RELOAD) as running:
        await served(running)
        save(bot, f"{BOT}# saved\n")
        await said(running, "bot.py was saved")
        await served(running, 2)
        save(tmp_path / ".env", "CALLBRIDGE_MAX_CALLS=2\n")
        await served(running, 3)
        running.signal()
        assert await running.exit_code() == 0


async def test_a_call_goes_on_while_its_bot_is_saved(tmp_path: Path, bot: Path) -> None:
    hold = {"wait": "bot_silent", "for": 2.0}
    async with in_a_call(tmp_path, str(bot), hold, {"hangup": True}, options=("--reload",)) as (
        live, running, call, url,
    ):  # fmt: skip
        save(bot, f"{BOT}# saved\n")
        await said(running, "1 call may go on")
        summary = await live.finished(call)
        assert summary["hangup_source"] == "caller"
        assert not summary["failed"]
        await served(running, 2)
        await eventually_status(url, 200)
        running.signal()
        assert await running.exit_code() == 0


async def test_a_bot_that_does_not_import_is_served_when_it_is_mended(
    tmp_path: Path, bot: Path
) -> None:
    async with process(tmp_path, complete(), "bot.py", *RELOAD) as running:
        await served(running)
        save(bot, "import nothing_of_this_name\n")
        await said(running, "bot.py does not import")
        await said(running, "begins anew when a file of")
        save(bot, BOT)
        await served(running, 2)
        running.signal()
        assert await running.exit_code() == 0


async def test_it_can_be_left_while_the_bot_is_broken(tmp_path: Path, bot: Path) -> None:
    save(bot, "import nothing_of_this_name\n")
    async with process(tmp_path, complete(), "bot.py", *RELOAD) as running:
        await said(running, "begins anew when a file of")
        running.signal(signal.SIGINT)
        assert await running.exit_code() == 2
