"""From the bot's file to the exit code: `callbridge talk`."""

import asyncio
import sys
from contextlib import ExitStack, redirect_stdout
from typing import IO

from callbridge.app import App
from callbridge.errors import BotError, CallbridgeError
from callbridge.host import terminal
from callbridge.serve import botfile
from callbridge.talk.conversation import Conversing, Signals, TalkWish
from callbridge.talk.lines import LineReader
from callbridge.talk.screen import PageScreen
from callbridge.talk.story import JsonLines, TalkStory
from callbridge.talk.tty import Terminal
from callbridge.testing.callers import NUMBER

STOPPED = 130  # the exit code of a script that Ctrl-C has ended, as shells have it


def talk(wish: TalkWish) -> int:
    """Returns the exit code. Raises CallbridgeError for what keeps the call from being made."""
    out = sys.stdout
    with redirect_stdout(sys.stderr if wish.as_json else out):
        app = botfile.load(wish.bot)
    to = _number(app, wish)
    live = sys.stdin.isatty() and out.isatty() and wish.script is None and not wish.as_json
    return asyncio.run((_at_terminal if live else _by_script)(app, to, wish, out))


def _number(app: App, wish: TalkWish) -> str:
    """The number that is rung. Raises BotError if nobody answers there."""
    if not app.has_bots:
        raise BotError(f"{wish.bot}: no bot is registered: register one with @app.reply")
    to = wish.to or (NUMBER if app.answers(NUMBER) else app.numbers[0])
    if not app.answers(to):
        raise BotError(f"{wish.bot} has no bot for {to}: it answers {', '.join(app.numbers)}")
    return to


async def _by_script(app: App, to: str, wish: TalkWish, out: IO[str]) -> int:
    """Lines out of a file or a pipe."""
    people = TalkStory(PageScreen(terminal.console(out)))
    tell = JsonLines(out).tell if wish.as_json else people.tell
    with ExitStack() as stack:
        file = sys.stdin.fileno()
        if wish.script is not None:
            try:
                file = stack.enter_context(wish.script.open("rb")).fileno()
            except OSError as error:
                raise CallbridgeError(f"{wish.script}: {error.strerror}") from None
        conversing = Conversing(app, wish, tell)
        stack.enter_context(Signals(conversing.stop, conversing.stop).handled())
        code = await conversing.run(to, conversing.caller.follow(LineReader(file)))
        return STOPPED if conversing.stopped else code


async def _at_terminal(app: App, to: str, wish: TalkWish, out: IO[str]) -> int:
    """Somebody sits there and types."""
    typing = Terminal(terminal.console(out))
    story = TalkStory(typing.screen)
    conversing = Conversing(app, wish, story.tell)
    ctrl_c = CtrlC(typing, story, conversing)
    with typing.open(), Signals(ctrl_c.pressed, conversing.stop).handled():
        return await conversing.run(to, conversing.caller.converse(typing, story.note))


class CtrlC:
    """Takes back what is being typed, else interrupts the bot, else hangs up."""

    def __init__(self, typing: Terminal, story: TalkStory, conversing: Conversing) -> None:
        self._typing, self._story, self._conversing = typing, story, conversing
        self._warned = False

    def pressed(self) -> None:
        call = self._conversing.call
        if self._typing.clear() or call.write(""):
            return
        if call.quiet or self._warned:
            self._conversing.stop()
        else:
            self._warned = True
            self._story.note("The bot cannot be interrupted now; Ctrl-C again hangs up.")
