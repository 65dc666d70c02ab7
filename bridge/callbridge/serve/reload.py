"""`callbridge serve --reload`: a server in a process of its own, begun anew when its bot is saved.

A save is a SIGTERM to the server: calls that run go on, with the old bot, for CALLBRIDGE_DRAIN_S
seconds at most, and meanwhile nobody else is answered. The new server begins when the old one has
ended, as both want the port and every webhook of a call belongs to the process that answered it."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

POLL_S = 0.3
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Stamps = dict[Path, int]


def stamps(folder: Path) -> Stamps:
    """When the Python files and the `.env` of a folder were last written, not those below it."""
    return {
        path: path.stat().st_mtime_ns
        for path in (*folder.glob("*.py"), folder / ".env")
        if path.is_file()
    }


class Reloader:
    """Runs the command of a server again and again, until a signal."""

    def __init__(self, command: Sequence[str], folder: Path, say: Callable[[str], None]) -> None:
        self._command = command
        self._folder = folder
        self._say = say
        self._server: asyncio.subprocess.Process | None = None
        self._leaving = False

    async def run(self) -> int:
        """Returns the exit code of the last server, as a shell has it."""
        for number in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._leave)
        while True:
            before = stamps(self._folder)
            # In a session of its own, as Ctrl-C at the terminal is passed on, and must come once.
            self._server = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
            )
            if self._leaving:  # while the server was being started
                self._end_server()
            ending = asyncio.create_task(self._server.wait())
            if saved := await self._saved(before, ending):
                self._say(f"{saved} was saved: the server begins anew when its calls have ended")
                self._end_server()
            code = await ending
            if not saved and not self._leaving:  # it has said why
                self._say(f"the server begins anew when a file of {self._folder} is saved")
                await self._saved(before)
            if self._leaving:
                return code if code >= 0 else 128 - code

    async def _saved(self, before: Stamps, ending: "asyncio.Task[int] | None" = None) -> str | None:
        """The name of a file that is not as it was, or None when the server has ended or is to."""
        while not self._leaving and not (ending and ending.done()):
            after = stamps(self._folder)
            if changed := [path for path, _ in before.items() ^ after.items()]:
                return changed[0].name
            await asyncio.sleep(POLL_S)
        return None

    def _leave(self) -> None:
        self._leaving = True
        self._end_server()

    def _end_server(self) -> None:
        """The first time it drains, the second time it hangs up."""
        if self._server is not None and self._server.returncode is None:
            self._server.terminate()
