"""A server as a process of its own, which never outlives its block."""

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import NoReturn

import httpx

from callbridge.errors import CallbridgeError

READY_S = 20.0
STOP_S = 5.0
POLL_S = 0.05
REMEMBERED = 12  # lines of output, for the error message


class Child:
    """A running process and the last of what it printed."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, on_line: Callable[[str], None]
    ) -> None:
        self.name = name
        self._process = process
        self._on_line = on_line
        self._last: deque[str] = deque(maxlen=REMEMBERED)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def read(self) -> None:
        """Until it closes its output, which is when it ends."""
        assert self._process.stdout is not None, "it was started with a pipe"
        async for raw in self._process.stdout:
            line = raw.decode(errors="replace").rstrip()
            if line:
                self._last.append(line)
                self._on_line(line)

    async def ready(self, http: httpx.AsyncClient, url: str) -> httpx.Response:
        """The first good answer of `url`. Raises CallbridgeError with its last words."""
        try:
            async with asyncio.timeout(READY_S):
                while self._process.returncode is None:
                    try:
                        response = await http.get(url)
                        if response.is_success:
                            return response
                    except httpx.TransportError:
                        pass  # it does not listen yet
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            words = self._words()
            raise CallbridgeError(f"{self.name}: not ready in {READY_S:g} s{words}") from None
        return await self.death()

    async def death(self) -> NoReturn:
        """Wait for its end, which is always too early. Raises CallbridgeError."""
        code = await self._process.wait()
        await asyncio.sleep(POLL_S)  # its last lines are still on their way through the pipe
        if code == 2 and self._last:  # our own command line: one sentence that says it all
            raise CallbridgeError(f"{self.name}: {self._last[-1].removeprefix('callbridge: ')}")
        raise CallbridgeError(f"{self.name}: {_how_it_ended(code)}{self._words()}")

    def _words(self) -> str:
        """Its last lines, each on a line of its own; nothing if it was silent."""
        return "".join(f"\n  {line}" for line in self._last)

    async def stop(self) -> None:
        """Ask it to end, and make it end."""
        if self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await self._process.wait()
        finally:
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()


def _how_it_ended(code: int) -> str:
    """In words, of a process that was to go on; `code` as asyncio has it, below 0 for a signal."""
    if code < 0:
        return f"was ended by signal {-code}: {signal.strsignal(-code)}"
    return f"failed with exit code {code}" if code else "ended without an error, but too early"


def ourselves(*args: str) -> tuple[str, ...]:
    """The command line of one of our own subcommands."""
    return (sys.executable, "-P", "-m", "callbridge", *args)


def of_module(name: str, *args: str) -> tuple[str, ...]:
    """The command line that runs `main` of one of our modules. With `-m`, Python warns of a module
    that its package has imported already."""
    return (sys.executable, "-P", "-c", f"from {name} import main; main()", *args)


@asynccontextmanager
async def running(
    name: str,
    *command: str,
    env: Mapping[str, str],
    on_line: Callable[[str], None] = lambda line: None,
    pass_fds: Sequence[int] = (),
) -> AsyncGenerator[Child]:
    """Run a command, with `env` on top of our environment, until the block ends. Of our files it
    has those of `pass_fds`.

    Raises CallbridgeError when there is no such program."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, **env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us: we end it in order
            limit=1 << 20,
            pass_fds=pass_fds,
        )
    except OSError as error:
        raise CallbridgeError(f"{name}: {command[0]} cannot be run: {error.strerror}") from None
    child = Child(name, process, on_line)
    reader = asyncio.create_task(child.read())
    try:
        yield child
    finally:
        await child.stop()
        await reader


@contextmanager
def ended_by_sigterm() -> Generator[None]:
    """SIGTERM does what Ctrl-C does: our processes are ended on the way out."""
    task = asyncio.current_task()
    assert task is not None, "a coroutine runs in a task"
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
