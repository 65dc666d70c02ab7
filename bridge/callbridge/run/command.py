"""Carrier, bridges and page in one: `callbridge run`."""

import asyncio
import json
import secrets
import signal
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from starlette.routing import BaseRoute

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.net import ring, service
from callbridge.carrier.net.numbers import read_numbers
from callbridge.carrier.net.shell import Running, Shell
from callbridge.carrier.net.speaking import speaker
from callbridge.errors import BotError, CallbridgeError
from callbridge.host.bind import bind
from callbridge.run.bridges import HOST, CarrierAccount, RunBridges
from callbridge.run.calls import RunCalls
from callbridge.run.key import read_key
from callbridge.run.routes import RunPages
from callbridge.run.trouble import BotTrouble
from callbridge.serve import botfile
from callbridge.speech import espeak, offline
from callbridge.talk.voice import SilentVoice, engines
from callbridge.web.pages import Pages

USUAL_PORT = 8099  # so that a page finds us again; a free one where it is taken
KEPT_WITHIN_S = 4.0  # the files of calls that are ended with us
RING_S = 2.0  # of a number that is dialled


class RunWish(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for on the command line. `port` 0 is the usual one or a free one; `texts`: the
    caller writes."""

    bot: str
    port: int = 0
    out: Path = Path("out")
    script: Path | None = None
    numbers: Path | None = None
    model: str = ""
    texts: bool = False
    opens: bool = True
    as_json: bool = False


async def run(wish: RunWish, say: Callable[[str], None]) -> None:
    """Until SIGINT or SIGTERM; then all calls end, and all processes. Raises CallbridgeError."""
    running = LocalRun(wish, say)
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, running.stop.set)
    try:
        with TemporaryDirectory(prefix="callbridge-run-") as tapes:
            await running.run(Path(tapes))
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


class LocalRun:
    """Made on the loop that it runs on."""

    def __init__(self, wish: RunWish, say: Callable[[str], None]) -> None:
        file = botfile.path(wish.bot)
        if file.suffix == ".py" and not file.is_file():  # a slip; one that goes later is waited for
            raise BotError(f"{file}: no such file")
        self._wish, self._say = wish, say
        self._api_key = f"KEY{secrets.token_hex(16)}"
        self._pages = Pages("callbridge.run")
        self._key = read_key(wish.out)
        self._port = wish.port or _usual_port()
        self._calls: RunCalls | None = None
        self._shell: Shell | None = None
        self._bridges = AnsweringBridges()
        self.stop = asyncio.Event()
        self._carrier_stop = asyncio.Event()

    async def run(self, tapes: Path) -> None:
        wish = self._wish
        can_hear = offline.installed() and espeak.available()
        texts = wish.texts or not can_hear
        voice = espeak.speak if espeak.available() else None
        people = wish.numbers or ring.people_beside(botfile.path(wish.bot))
        config = CarrierConfig(
            api_key=self._api_key,
            numbers=read_numbers(people, speaker(voice)) if people else {},
            ring_s=RING_S,
        )
        if texts and not wish.texts:
            self._say("speech engines are missing, so you write what the caller says; to talk: "
                      "pip install 'callbridge[speech]'")  # fmt: skip
        self._texts = texts
        began = asyncio.get_running_loop().create_future()
        carrier = asyncio.create_task(
            service.run(
                config,
                host=HOST,
                port=self._port,
                out_dir=wish.out,
                voice=voice,
                engines=engines(SilentVoice()) if texts else offline.offline(),
                started=began.set_result,
                stop=self._carrier_stop,
                handle_signals=False,
                beside=self._routes,
            )
        )
        await asyncio.wait({carrier, began}, return_when=asyncio.FIRST_COMPLETED)
        if carrier.done():
            await carrier  # raises why
        working = asyncio.create_task(self._answer(began.result(), config, tapes))
        stopping = asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait({carrier, working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            await self._hang_up()
        finally:
            stopping.cancel()
            self._carrier_stop.set()
            await asyncio.wait({carrier})  # its calls first: a bridge hears of their end
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        await carrier
        if not working.cancelled():
            await working

    async def _hang_up(self) -> None:
        """All calls end, and their files are whole."""
        if self._bridges.of is not None:
            self._bridges.of.ending = True
        shell, calls = self._shell, self._calls
        if shell is not None and calls is not None:
            shell.switch.shut_down(shell.now())
            shell.settle()
            await calls.kept(KEPT_WITHIN_S)

    def _routes(self, shell: Shell) -> Sequence[BaseRoute]:
        wish = self._wish
        self._shell, self._calls = shell, RunCalls(shell)
        script = wish.script or ring.script_beside(botfile.path(wish.bot))
        pages = RunPages(
            shell,
            self._calls,
            self._bridges,
            self._pages,
            bot=wish.bot,
            script=script,
            texts=self._texts,
            stop=self.stop,
        )
        return pages.mount(self._key, self._port)

    async def _answer(self, running: Running, config: CarrierConfig, tapes: Path) -> None:
        """Bridges, as long as the carrier lives."""
        calls = self._calls
        assert calls is not None, "its server has been built"
        url = f"http://{running.host}:{running.port}"
        account = CarrierAccount(url, self._api_key, running.public_key, config.connection_id)
        bridges = RunBridges(
            self._wish.bot,
            botfile.path(self._wish.bot).parent,
            account,
            tapes,
            settings=self._settings(),
            on_line=calls.line,
            on_print=self._say,
            on_turn=calls.forgive,
        )
        self._bridges.of = bridges
        watching = asyncio.create_task(calls.watch())
        self._tell(account)
        try:
            await bridges.run()
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    def _settings(self) -> dict[str, str]:
        settings = {"CALLBRIDGE_LLM_MODEL": self._wish.model} if self._wish.model else {}
        return settings | ({"CALLBRIDGE_VOICE": "relay"} if self._texts else {})

    def _tell(self, account: CarrierAccount) -> None:
        page = f"{account.url}/?key={self._key}"
        if self._wish.as_json:
            facts = {
                "page": page,
                "TELNYX_BASE_URL": f"{account.url}/v2",
                "TELNYX_API_KEY": account.api_key,
                "TELNYX_PUBLIC_KEY": account.public_key,
                "CALLBRIDGE_CONNECTION_ID": account.connection_id,
                "out": str(self._wish.out),
            }
            print(json.dumps(facts), flush=True)
            return
        opened = self._wish.opens and _open(page)
        self._say(f"The page of {self._wish.bot}{' is open' if opened else ''}: {page}")
        self._say("Save the file and the next call has it. Ctrl-C ends all.")


class AnsweringBridges:
    """What pages see of the bridges, also before there are any."""

    def __init__(self) -> None:
        self.of: RunBridges | None = None

    @property
    def trouble(self) -> BotTrouble | None:
        return self.of.trouble if self.of is not None else None

    @property
    def starting(self) -> bool:
        return self.of is None or self.of.starting

    @property
    def answers(self) -> str:
        newest = self.of.newest if self.of is not None else None
        return f"Version {newest.number} answers, since {newest.since}." if newest else ""

    @property
    def called(self) -> str:
        newest = self.of.newest if self.of is not None else None
        return newest.called if newest is not None else ""


def _usual_port() -> int:
    for port in (USUAL_PORT, 0):
        try:
            with bind(HOST, port) as listener:
                return int(listener.getsockname()[1])
        except CallbridgeError:
            continue
    return 0


def _open(page: str) -> bool:
    """In the person's browser; False where there is none."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    if isinstance(browser, webbrowser.GenericBrowser) and not isinstance(
        browser, webbrowser.BackgroundBrowser
    ):
        return False  # one of the terminal would take it from us
    with suppress(OSError, webbrowser.Error):
        return browser.open(page)
    return False
