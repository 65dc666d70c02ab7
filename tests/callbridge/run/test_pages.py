"""The pages, asked without a browser: who gets in, what is escaped, what is bounded."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from nacl.signing import SigningKey
from starlette.applications import Starlette

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.net.shell import Shell
from callbridge.carrier.people.script import CallScript
from callbridge.run.calls import MOST_FINISHED, RunCalls
from callbridge.run.key import read_key
from callbridge.run.routes import RunPages
from callbridge.run.stream import RunView, events
from callbridge.run.trouble import BotTrouble, ShownLine
from callbridge.tape.events import BotCrashed, CallOver, Said, TurnTaken, WordsQueued
from callbridge.tape.tape import TapeLine
from callbridge.web.pages import Pages

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"
KEY = "k" * 43
HOST = "http://127.0.0.1:8099"


@dataclass
class OneBridge:
    trouble: BotTrouble | None = None
    starting: bool = False
    answers: str = "Version 1 answers."
    called: str = "+13125550100"


@dataclass
class Site:
    shell: Shell
    calls: RunCalls
    pages: RunPages
    http: httpx.AsyncClient
    bridge: OneBridge
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def view(self, pinned: str = "") -> RunView:
        pages = Pages("callbridge.run")
        return RunView(self.calls, self.bridge, pages, texts=False, pinned=pinned)

    async def rings(self, from_: str = "+13125550123", to: str = "+13125550100") -> str:
        """Somebody who stays on the line; the id of the call, which the page knows."""
        script = CallScript(from_=from_, to=to)
        call = self.shell.switch.place_call(script, self.shell.now())
        self.shell.settle()
        await asyncio.sleep(0.25)
        return call

    def tape(self, call: str, event: object) -> None:
        self.calls.line(TapeLine(0.0, "ref", call, event))  # type: ignore[arg-type]


@asynccontextmanager
async def opened(tmp_path: Path, *, texts: bool = False) -> AsyncGenerator[Site]:
    """A carrier without a server, the pages beside it, and who has the key to them."""
    bridge, stop = OneBridge(), asyncio.Event()
    async with httpx.AsyncClient() as web, asyncio.TaskGroup() as group:
        config = CarrierConfig(api_key="key")
        shell = Shell(config, group, web, SigningKey.generate(), out_dir=tmp_path)
        calls = RunCalls(shell)
        pages = RunPages(
            shell,
            calls,
            bridge,
            Pages("callbridge.run"),
            bot=EVIL,
            script=tmp_path / "none.json",
            texts=texts,
            stop=stop,
        )
        app = Starlette(routes=pages.mount(KEY, 8099))
        transport = httpx.ASGITransport(app)
        cookies = {"callbridge_run_8099": KEY}
        async with httpx.AsyncClient(transport=transport, base_url=HOST, cookies=cookies) as http:
            work = [group.create_task(shell.run_clock()), group.create_task(calls.watch())]
            yield Site(shell, calls, pages, http, bridge, stop)
            await shell.say_goodbye()
            await calls.kept(10)
            for task in work:
                task.cancel()


async def test_only_who_has_the_key_sees_anything(tmp_path: Path) -> None:
    async with opened(tmp_path) as site:
        site.http.cookies.clear()
        for path in ("/", "/calls", "/events", "/calls/x", "/calls/x/recording.wav", "/?key=wrong"):
            assert (await site.http.get(path)).status_code == 403
        assert (await site.http.post("/calls")).status_code == 403
        strange = {"cookie": "a/b=1; callbridge_run_8099=wrong; x"}  # of somebody else's page
        assert (await site.http.get("/", headers=strange)).status_code == 403
        given = await site.http.get(f"/?key={KEY}")
        assert (given.status_code, given.headers["location"]) == (303, "/")
        cookie = given.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert (await site.http.get("/")).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"host": "evil.example"}, 421),
    ],
)
async def test_a_foreign_page_cannot_ring_or_hang_up(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    async with opened(tmp_path) as site:
        for path in ("/calls", "/calls/x/hang-up", "/calls/x/text"):
            assert (await site.http.post(path, headers=headers)).status_code == status


def test_the_key_is_kept_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    key = read_key(tmp_path / "new")
    assert read_key(tmp_path / "new") == key
    assert (tmp_path / "new" / "run.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "new" / "run.key").write_text("short")
    assert len(read_key(tmp_path / "new")) >= 32


async def test_nothing_that_comes_from_outside_is_markup(tmp_path: Path) -> None:
    async with opened(tmp_path) as site:
        call = await site.rings(from_=EVIL, to=EVIL)
        site.bridge.trouble = BotTrouble(EVIL, EVIL, 1, (ShownLine(1, EVIL, True),), EVIL)
        site.tape(call, TurnTaken(said=EVIL, audio_s=1, began_at=0.0, last_voiced_at=1.0))
        site.tape(
            call,
            Said(text=f"{EVIL} {EVIL}", heard=EVIL, heard_s=1, stop="interrupted",
                 certainty="", sent_at=2.0),
        )  # fmt: skip
        site.tape(call, WordsQueued(text=EVIL, opens=True))
        site.tape(call, BotCrashed(error=EVIL, traceback=EVIL, file=EVIL, line=1))
        pages = [(await site.http.get(path)).text for path in ("/", f"/calls/{call}", "/calls")]
        async with aclosing(events(site.view(), site.stop)) as stream:
            pages.append(await anext(stream))
        for page in pages:
            assert "alert(1)" in page
            assert "<script>alert" not in page
            assert "<img src=x" not in page
            assert "\"'" not in page.replace("&#34;&#39;", "")


async def test_a_page_has_no_script_and_no_style_of_its_own_and_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path) as site:
        await site.rings()
        answer = await site.http.get("/")
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert " style=" not in answer.text
        assert "onclick" not in answer.text
        assert "<script>" not in answer.text


async def test_a_slow_page_gets_what_is_so_now_and_nothing_is_kept_for_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as site:
        call = await site.rings()
        view = site.view()
        first = await view.news()
        assert 'id="transcript" hx-swap-oob="innerHTML"' in first
        for number in range(450):
            site.tape(
                call, TurnTaken(said=f"word {number}.", audio_s=1, began_at=float(number),
                                last_voiced_at=number + 0.5)
            )  # fmt: skip
        late = await view.news()  # one answer for all that was missed
        shown = late.partition('id="transcript"')[2].partition('id="sequence"')[0]
        assert "word 449." in shown
        assert "word 10." not in shown  # the window has moved on
        assert await view.news() == ""
        site.tape(
            call, TurnTaken(said="one more.", audio_s=1, began_at=600.0, last_voiced_at=601.0)
        )
        added = (await view.news()).partition("beforeend:#transcript ol")[2]
        assert "one more." in added.partition("</ol>")[0]
        assert "word 449." not in added.partition("</ol>")[0]


async def test_a_page_that_comes_back_begins_anew(tmp_path: Path) -> None:
    async with opened(tmp_path) as site:
        call = await site.rings()
        site.tape(call, TurnTaken(said="Hello.", audio_s=1, began_at=0.0, last_voiced_at=1.0))
        first, again = site.view(), site.view()
        assert await first.news() == await again.news()
        assert (await again.wave()) is not None


async def test_streams_of_pages_are_counted_and_end_with_the_server(tmp_path: Path) -> None:
    async with opened(tmp_path) as site:
        site.stop.set()
        assert (await site.http.get("/events")).status_code == 200
        site.pages._open = 32  # pyright: ignore[reportPrivateUsage]
        assert (await site.http.get("/events")).status_code == 503


async def test_a_thousand_finished_calls_are_lines_of_a_list(tmp_path: Path) -> None:
    async with opened(tmp_path) as site:
        calls = site.calls
        for _ in range(12):
            call = await site.rings()
            site.shell.switch.hang_up(call, site.shell.now())
            site.shell.settle()
            site.tape(call, CallOver(cause="normal_clearing"))
        async with asyncio.timeout(30):
            while not all(each.is_over for each in calls.listed()):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert len(calls.listed()) == 12
        finished = calls._finished  # pyright: ignore[reportPrivateUsage]
        one = calls.listed()[0]
        finished.update({f"v3:{number}": one for number in range(2000)})
        call = await site.rings()
        site.shell.switch.hang_up(call, site.shell.now())
        site.tape(call, CallOver(cause="normal_clearing"))
        async with asyncio.timeout(30):
            while len(calls.listed()) > MOST_FINISHED:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        page = (await site.http.get("/")).text
        assert "970 more" in page
        assert len(page) < 60_000
        await asyncio.sleep(0.3)
        assert len(calls.listed()) == MOST_FINISHED  # none of the old ones has come back


async def test_files_of_a_finished_call(tmp_path: Path) -> None:
    async with opened(tmp_path) as site:
        call = await site.rings()
        assert (await site.http.get(f"/calls/{call}/recording.wav")).status_code == 404
        site.shell.switch.hang_up(call, site.shell.now())
        site.shell.settle()
        site.tape(call, TurnTaken(said="Bye.", audio_s=1, began_at=0.0, last_voiced_at=1.0))
        site.tape(call, CallOver(cause="normal_clearing"))
        async with asyncio.timeout(30):
            while not site.calls.listed()[0].is_over:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        wav = await site.http.get(f"/calls/{call}/recording.wav")
        assert wav.content[:4] == b"RIFF"
        tape = await site.http.get(f"/calls/{call}/tape.json")
        assert [each["kind"] for each in tape.json()["log"]] == ["turn", "call_over"]
        assert "attachment" in tape.headers["content-disposition"]
        assert (await site.http.get("/calls/..%2F..%2Fetc/recording.wav")).status_code == 404
        lost = await site.http.get("/calls/nobody")
        assert (lost.status_code, "not here" in lost.text) == (404, True)


async def test_what_somebody_writes_is_read_as_talk_reads_it(tmp_path: Path) -> None:
    async with opened(tmp_path, texts=True) as site:
        call = await site.rings()
        hx = {"hx-request": "true"}
        for line, answer in [
            ("hello", "No bot listens"),
            ("#5x", "keys are written as"),
            ("?", "Words, #5 for a key"),
            ("", "Words, #5 for a key"),
            ("<b>/x", "No bot listens"),
            ("/nonsense", "is no command"),
        ]:
            sent = await site.http.post(f"/calls/{call}/text", data={"line": line}, headers=hx)
            assert answer in sent.text, line
        await site.http.post(f"/calls/{call}/text", data={"line": "/quit"}, headers=hx)
        leg = site.shell.switch.find(call)
        assert leg is not None
        assert leg.state.value == "ended"
