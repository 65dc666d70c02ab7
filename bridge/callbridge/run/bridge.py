"""The process of one bridge of `callbridge run`: `callbridge serve` with a word to who started it.

The word goes over a socket, whose other end closes when that process is gone, whatever ended it:
then this one ends, too."""

import asyncio
import os
import signal
import socket
import sys

import msgspec

from callbridge.app import App
from callbridge.errors import BotError, CallbridgeError
from callbridge.host.bind import bind
from callbridge.serve import botfile
from callbridge.serve import process as server
from callbridge.serve.logs import set_up
from callbridge.serve.settings import Settings
from callbridge.timing.loop import new_loop

CALLED = "+13125550100"  # where no bot has a number of its own


class BridgeWish(msgspec.Struct, frozen=True):
    """What to serve, where, and the file descriptor of the socket."""

    bot: str
    host: str
    port: int
    report: int


class BridgeBegan(msgspec.Struct, frozen=True, tag="began"):
    """It listens; `number` is one that its bot answers."""

    number: str


class BridgeFailed(msgspec.Struct, frozen=True, tag="failed"):
    """It will not: `file` and `line` are where to look, if that is known."""

    error: str
    file: str = ""
    line: int = 0


BridgeWord = BridgeBegan | BridgeFailed


def main() -> None:
    """Of the process; its argument is a wish as JSON."""
    wish = msgspec.json.decode(sys.argv[1], type=BridgeWish)
    sys.argv = [wish.bot]  # what a bot may read of it
    with socket.socket(fileno=wish.report) as report:
        try:
            _serve(wish, report)
        except CallbridgeError as error:
            file, line = (error.file, error.line) if isinstance(error, BotError) else ("", 0)
            _tell(report, BridgeFailed(str(error), file, line))
            print(f"callbridge: {error}", file=sys.stderr)
            sys.exit(2)


def _serve(wish: BridgeWish, report: socket.socket) -> None:
    settings = Settings.load(beside=botfile.path(wish.bot).parent)
    set_up(settings.log)
    app = botfile.load(wish.bot)
    if not app.has_bots:
        raise BotError(f"{wish.bot}: no bot is registered: register one with @app.reply")
    app.configure(settings)
    listener = bind(wish.host, wish.port)

    def started() -> None:
        _tell(report, BridgeBegan(_number(app)))
        report.setblocking(False)
        asyncio.get_running_loop().add_reader(report, alone)

    def alone() -> None:
        """Nothing is ever sent to us: there is something to read when the other end is closed."""
        asyncio.get_running_loop().remove_reader(report)
        os.kill(os.getpid(), signal.SIGTERM)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(server.serve(app, listener, started))


def _number(app: App) -> str:
    return CALLED if app.answers(CALLED) else app.numbers[0]


def _tell(report: socket.socket, word: BridgeWord) -> None:
    report.sendall(msgspec.json.encode(word) + b"\n")
