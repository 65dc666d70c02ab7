"""The bridges of `callbridge run`: one answers what is new, older ones finish the calls they have.

Each has a Call Control application of its own at the carrier, so that what it dials comes back to
it; calls that ring in are of the carrier's own application, whose webhooks are turned to the newest
bridge that has started well. That is the platform's own means: a leg keeps the address that its
application had when it began."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec

from callbridge.demo.journal import follow
from callbridge.errors import CallbridgeError
from callbridge.host.bind import free_ports
from callbridge.host.child import Child, of_module, running
from callbridge.run.bridge import BridgeBegan, BridgeFailed, BridgeWish, BridgeWord
from callbridge.run.trouble import BotTrouble, excerpt
from callbridge.serve.reload import stamps
from callbridge.tape.events import CallBegan, CallOver
from callbridge.tape.tape import TapeLine
from callbridge.timing.clock import first_of

HOST = "127.0.0.1"
READY_S = 30.0
LOOK_S = 0.3  # at the bot's files
LATE_S = 2.0  # a webhook of a call may still be on its way to the bridge before
AGAIN_S = 5.0  # a bridge that has lived so long is begun anew when it dies
APPLICATIONS = "/v2/call_control_applications"


class CarrierAccount(msgspec.Struct, frozen=True):
    """The running carrier, as a bridge needs to know it."""

    url: str
    api_key: str
    public_key: str
    connection_id: str


class RunBridge:
    """One process, and the calls that it has, by their references."""

    def __init__(self, number: int, tape: Path, application: str) -> None:
        self.number = number
        self.tape = tape
        self.application = application
        self.url = ""
        self.calls: set[str] = set()
        self.since = ""  # that it answers, as a clock on the wall shows it
        self.called = ""  # a number that its bot answers
        self.to_end = asyncio.Event()
        self.gone = asyncio.Event()

    def count(self, line: TapeLine) -> None:
        if isinstance(line.happened, CallBegan):
            self.calls.add(line.call)
        elif isinstance(line.happened, CallOver):
            self.calls.discard(line.call)


class RunBridges:
    """Begins a bridge, and another one whenever a file of the bot is saved.

    `on_line` gets what happens on any of their tapes, `on_print` what they print; `on_turn` is told
    that from now on another one answers."""

    def __init__(
        self,
        bot: str,
        folder: Path,
        account: CarrierAccount,
        tapes: Path,
        *,
        settings: Mapping[str, str],
        on_line: Callable[[TapeLine], None],
        on_print: Callable[[str], None],
        on_turn: Callable[[], None],
    ) -> None:
        self._bot, self._folder, self._account, self._tapes = bot, folder, account, tapes
        self._settings, self._on_line, self._on_print = settings, on_line, on_print
        self._on_turn = on_turn
        self._begun = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.ending = False  # a carrier that goes is no news
        self._again = asyncio.Event()  # the newest has died, and a new one may live longer
        self.newest: RunBridge | None = None
        self.trouble: BotTrouble | None = None  # why the newest file is not the one that answers
        self.starting = False

    async def run(self) -> None:
        """Until it is cancelled; then every bridge ends."""
        headers = {"authorization": f"Bearer {self._account.api_key}"}
        url = self._account.url
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as http:
            try:
                while True:
                    before = await asyncio.to_thread(stamps, self._folder)
                    await self._renew(http)
                    await self._saved(before)
            finally:
                await self._end_all()

    async def _saved(self, before: Mapping[Path, int]) -> None:
        while await asyncio.to_thread(stamps, self._folder) == before:
            if self._again.is_set():
                self._again.clear()
                return
            await asyncio.sleep(LOOK_S)

    async def _renew(self, http: httpx.AsyncClient) -> None:
        """A bridge that does not start leaves the one before in its place."""
        self.starting = True
        try:
            bridge = await self._begin(http)
        except (CallbridgeError, httpx.HTTPError) as error:
            if self.ending:
                return
            self.trouble = await asyncio.to_thread(_start_trouble, error)
            self._on_print(f"callbridge: {error}")
            return
        finally:
            self.starting = False
        self.trouble = None
        await self._turn(http, self._account.connection_id, bridge.url)
        if self.newest is not None:
            self._spawn(self._retire(self.newest))
        bridge.since = datetime.now().strftime("%H:%M:%S")
        self.newest = bridge
        self._on_turn()

    async def _begin(self, http: httpx.AsyncClient) -> RunBridge:
        """Raises CallbridgeError, in its own words, if it does not start."""
        self._begun += 1
        url = f"http://{HOST}:{free_ports(HOST, 1)[0]}"
        answer = await http.post(
            APPLICATIONS,
            json={
                "application_name": f"callbridge run, bridge {self._begun}",
                "webhook_event_url": f"{url}/webhooks",
            },
        )
        application = str(answer.raise_for_status().json()["data"]["id"])
        tape = self._tapes / f"bridge-{self._begun}.jsonl"
        tape.touch()
        bridge = RunBridge(self._begun, tape, application)
        bridge.url = url
        started: asyncio.Future[BridgeWord] = asyncio.get_running_loop().create_future()
        living = self._spawn(self._live(bridge, http, started))
        await first_of(living, started)
        if not started.done():
            await living  # raises what it has died of
            raise CallbridgeError(f"{self._bot}: the bridge has ended before it began")
        match started.result():
            case BridgeBegan(number):
                bridge.called = number
                return bridge
            case BridgeFailed(error, file, line):
                raise BridgeNotBegun(error, file, line)

    async def _live(
        self, bridge: RunBridge, http: httpx.AsyncClient, started: "asyncio.Future[BridgeWord]"
    ) -> None:
        """The process, from its start to its end."""
        try:
            async with self._process(bridge) as (child, words):
                started.set_result(await _first_word(child, words))
                following = asyncio.create_task(follow(bridge.tape, self._told(bridge)))
                death = asyncio.create_task(child.death())
                leaving = asyncio.create_task(bridge.to_end.wait())
                began = asyncio.get_running_loop().time()
                try:
                    await asyncio.wait({death, leaving}, return_when=asyncio.FIRST_COMPLETED)
                    if death.done() and bridge is self.newest:
                        self._died(death.exception(), asyncio.get_running_loop().time() - began)
                finally:
                    await child.stop()
                    await asyncio.sleep(2 * LOOK_S if not self.ending else 0.05)  # its last lines
                    for task in (following, death, leaving):
                        task.cancel()
                    await asyncio.gather(following, death, leaving, return_exceptions=True)
        finally:
            bridge.gone.set()
            bridge.tape.unlink(missing_ok=True)
            with suppress(httpx.HTTPError):
                await http.delete(f"{APPLICATIONS}/{bridge.application}")

    def _died(self, why: BaseException | None, after_s: float) -> None:
        """The newest has, and not by us: of the bot, or of a signal. One that dies at once would
        die again."""
        self.trouble = BotTrouble(str(why))
        self.newest = None
        self._on_print(f"callbridge: {why}")
        if after_s > AGAIN_S:
            self._again.set()

    @asynccontextmanager
    async def _process(
        self, bridge: RunBridge
    ) -> AsyncGenerator[tuple[Child, asyncio.StreamReader]]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            port = int(bridge.url.rpartition(":")[2])
            wish = BridgeWish(self._bot, HOST, port, theirs.fileno())
            command = of_module("callbridge.run.bridge", msgspec.json.encode(wish).decode())
            async with running(
                self._bot,
                *command,
                env=self._environment(bridge),
                on_line=self._on_print,
                pass_fds=(theirs.fileno(),),
            ) as child:
                theirs.close()  # its end shall be the only one
                reader, writer = await asyncio.open_connection(sock=ours)
                try:
                    yield child, reader
                finally:
                    writer.close()

    def _environment(self, bridge: RunBridge) -> dict[str, str]:
        """Whatever an `.env` says, it is this carrier that it talks to."""
        account = self._account
        return {
            **self._settings,
            "TELNYX_API_KEY": account.api_key,
            "TELNYX_PUBLIC_KEY": account.public_key,
            "TELNYX_BASE_URL": f"{account.url}/v2",
            "CALLBRIDGE_CONNECTION_ID": bridge.application,
            "CALLBRIDGE_PUBLIC_URL": bridge.url,
            "CALLBRIDGE_TAPE": str(bridge.tape),
            "CALLBRIDGE_DRAIN_S": "1",  # it is ended when it has no calls, or with the carrier
            "CALLBRIDGE_LOG": "text",
        }

    def _told(self, bridge: RunBridge) -> Callable[[TapeLine], None]:
        def tell(line: TapeLine) -> None:
            bridge.count(line)
            self._on_line(line)

        return tell

    async def _turn(self, http: httpx.AsyncClient, application: str, url: str) -> None:
        change = {"webhook_event_url": f"{url}/webhooks"}
        (await http.patch(f"{APPLICATIONS}/{application}", json=change)).raise_for_status()

    async def _retire(self, bridge: RunBridge) -> None:
        await asyncio.sleep(LATE_S)
        while bridge.calls and not bridge.gone.is_set():  # noqa: ASYNC110  its tape tells
            await asyncio.sleep(LOOK_S)
        bridge.to_end.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _end_all(self) -> None:
        self.ending = True
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class BridgeNotBegun(CallbridgeError):
    """With the line of code that its author should look at, if it is known."""

    def __init__(self, error: str, file: str, line: int) -> None:
        super().__init__(error)
        self.file, self.line = file, line


async def _first_word(child: Child, words: asyncio.StreamReader) -> BridgeWord:
    """Raises CallbridgeError where the process ends without one."""
    try:
        async with asyncio.timeout(READY_S):
            line = await words.readline()
    except TimeoutError:
        raise CallbridgeError(f"{child.name}: it has not begun in {READY_S:g} s") from None
    if not line:
        await child.death()
    word: BridgeWord = msgspec.json.decode(line, type=BridgeBegan | BridgeFailed)
    return word


def _start_trouble(error: Exception) -> BotTrouble:
    if not isinstance(error, BridgeNotBegun):
        return BotTrouble(str(error))
    return BotTrouble(str(error), error.file, error.line, excerpt(error.file, error.line))
