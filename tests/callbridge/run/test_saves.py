"""A bot's file is saved: which code has which call, and what the page says of an error."""

import asyncio
import json
import os
import signal
from pathlib import Path

import httpx
import pytest

from tests.callbridge.run.running import NAMED, ran, save, until

STAYS = {"steps": [{"wait": "bot_speaking", "for": 60, "within": 120}, {"hangup": True}]}


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(NAMED.format(name="first"))
    file.with_suffix(".json").write_text(json.dumps(STAYS))
    return file


async def ring(http: httpx.AsyncClient) -> str:
    """Who rings; the id of the call."""
    before = (await http.get("/")).text
    assert (await http.post("/calls", headers={"hx-request": "true"})).text == ""
    page = before
    async with asyncio.timeout(30):
        while page == before or "/hang-up" not in page:
            await asyncio.sleep(0.1)
            page = (await http.get("/")).text
    return page.partition('hx-post="/calls/')[2].partition("/hang-up")[0]


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_the_next_call_has_what_was_saved_and_the_one_that_goes_on_has_not(
    bot: Path, tmp_path: Path
) -> None:
    async with ran(bot, tmp_path / "out") as run, run.client() as http:
        await until(http, "Version 1 answers")
        old = await ring(http)
        await until(http, "This is the first bot.", f"/calls/{old}")
        save(bot, NAMED.format(name="second"))
        await until(http, "Version 2 answers")
        new = await ring(http)
        await until(http, "This is the second bot.", f"/calls/{new}")
        page = (await http.get(f"/calls/{old}")).text
        assert "Hang up" in page  # the old call goes on
        assert "second" not in page
        await http.post(f"/calls/{old}/hang-up")
        async with asyncio.timeout(60):
            while len(children(run.process.pid)) > 1:  # noqa: ASYNC110  its bridge ends with it
                await asyncio.sleep(0.1)
        assert "Hang up" in (await http.get(f"/calls/{new}")).text
        left = children(run.process.pid)
    assert not [pid for pid in left if _lives(pid)]


async def test_an_error_of_the_file_is_on_the_page_with_its_line_and_the_version_before_answers(
    bot: Path, tmp_path: Path
) -> None:
    async with ran(bot, tmp_path / "out") as run, run.client() as http:
        await until(http, "Version 1 answers")
        code = NAMED.format(name="first") + "x = <script>undefined_name</script>\n"
        save(bot, code)
        line = len(code.splitlines())
        page = await until(http, "the version before goes on answering")
        assert f"<code>{bot}</code>, line {line}" in page
        assert "x = &lt;script&gt;undefined_name" in page
        await ring(http)
        await until(http, "This is the first bot.")
        save(bot, NAMED.format(name="mended"))
        assert "has an error" not in await until(http, "Version 3 answers")
        await ring(http)
        await until(http, "This is the mended bot.")


async def test_an_error_in_a_module_beside_the_bot_is_told_of_that_module(
    bot: Path, tmp_path: Path
) -> None:
    save(tmp_path / "beside.py", "ok = 1\n")
    save(bot, "import beside\n" + NAMED.format(name="first"))
    async with ran(bot, tmp_path / "out") as run, run.client() as http:
        await until(http, "Version 1 answers")
        save(tmp_path / "beside.py", "ok = 1\nraise ValueError('not so')\n")
        page = await until(http, "the version before goes on answering")
        assert f"<code>{tmp_path / 'beside.py'}</code>, line 2" in page


async def test_a_file_that_is_wrong_from_the_start_is_waited_for(tmp_path: Path, bot: Path) -> None:
    save(bot, "import no_such_module\n")
    async with ran(bot, tmp_path / "out") as run, run.client() as http:
        page = await until(http, "nobody answers")
        assert "disabled" in page
        answer = await http.post("/calls", headers={"hx-request": "true"})
        assert "No bridge answers yet" in answer.text
        save(bot, NAMED.format(name="first"))
        await until(http, "Version 2 answers")


async def test_a_bot_that_raises_in_a_call_is_told_of_with_its_line(
    bot: Path, tmp_path: Path
) -> None:
    code = NAMED.format(name="first").replace("    while True:", "    1 / 0\n    while True:")
    save(bot, code)
    async with ran(bot, tmp_path / "out") as run, run.client() as http:
        await until(http, "Version 1 answers")
        await ring(http)
        page = await until(http, "The bot raised in a call")
        assert "ZeroDivisionError" in page
        assert f"<code>{bot}</code>, line {code.splitlines().index('    1 / 0') + 1}" in page


async def test_a_bridge_that_is_killed_begins_anew_and_none_outlives_the_command(
    bot: Path, tmp_path: Path
) -> None:
    async with ran(bot, tmp_path / "out") as run, run.client() as http:
        await until(http, "Version 1 answers")
        await asyncio.sleep(5.5)
        (first,) = children(run.process.pid)
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(60):
            while children(run.process.pid) in ([], [first]):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await until(http, "Version 2 answers")
        (second,) = children(run.process.pid)
        run.process.kill()  # nothing can be tidied up any more
        async with asyncio.timeout(60):
            while _lives(second):  # noqa: ASYNC110  it is told by its socket
                await asyncio.sleep(0.1)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
