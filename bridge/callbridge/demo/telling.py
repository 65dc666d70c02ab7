"""Prints a call as it happens, and the calls that its bot makes beside it."""

import asyncio
import math
import time
from operator import itemgetter

from rich.console import Console
from rich.text import Text

from callbridge.carrier.core.report import TapeEntry
from callbridge.demo.journal import Journal
from callbridge.demo.live import Story, ToldLine, shown
from callbridge.demo.person import PersonStory
from callbridge.tape.events import CallBegan
from callbridge.tape.tape import TapeLine

BEHIND_S = 0.15  # lines wait so long for those of the other process that come before them


class Telling:
    """Lines of two processes, in the order of their times. `dialled` has the id of each call that
    the bridge makes, as soon as the bridge knows it."""

    def __init__(self, console: Console) -> None:
        self.dialled = asyncio.Queue[str]()
        self._console = console
        self._story = Story()
        self._persons: dict[str, PersonStory] = {}  # by the bridge's reference of their call
        self._references: dict[str, str] = {}  # of those, by the platform's id
        self._journal: Journal | None = None
        self._lines: list[TapeLine] = []
        self._early: list[TapeLine] = []  # the bridge knows of a call before its id is known here
        self._waiting: list[ToldLine] = []

    def note(self, text: str) -> None:
        self._console.print(Text(f"starting {text}", style="dim"))

    def begin(self, began_at: float) -> None:
        """The call came in, at so many Unix seconds."""
        self._journal = Journal(began_at)
        for line in self._early:
            self.event(line)

    @property
    def journal(self) -> Journal:
        assert self._journal is not None, "a line belongs to a call"
        return self._journal

    def tape(self, entry: TapeEntry, call: str = "", later_s: float = 0.0) -> None:
        """Of the caller's leg, or of a dialled one that began so much later."""
        story = self._persons[self._references[call]] if call else self._story
        if line := story.tape(entry):
            self._add(line._replace(at_s=line.at_s + later_s))

    def event(self, line: TapeLine) -> None:
        """A line of the bridge's tape."""
        if self._journal is None:
            self._early.append(line)
            return
        self._lines.append(line)
        if told := self._story_of(line).event(line.happened, self._journal.at_s(line.at)):
            self._add(told)

    def _story_of(self, line: TapeLine) -> Story:
        if isinstance(line.happened, CallBegan) and line.happened.direction == "outgoing":
            self._persons[line.call] = PersonStory(len(self._persons) + 1)
        call = line.call_control_id
        if line.call in self._persons and call and call not in self._references:
            self._references[call] = line.call
            self.dialled.put_nowait(call)
        return self._persons.get(line.call, self._story)

    def log(self, call: str = "", later_s: float = 0.0) -> list[TapeEntry]:
        """The bridge's tape of the caller's leg, or of a dialled one that began so much later."""
        journal = Journal(self.journal.began_at + later_s)
        for line in self._lines:
            if line.call == self._references[call] if call else line.call not in self._persons:
                journal.add(line)
        return journal.entries()

    def end(self) -> None:
        self._print(math.inf)

    def _add(self, line: ToldLine) -> None:
        self._waiting.append(line)
        loop = asyncio.get_running_loop()
        loop.call_later(BEHIND_S, self._print_due)

    def _print_due(self) -> None:
        self._print(self.journal.at_s(time.time()) - BEHIND_S)

    def _print(self, until_s: float) -> None:
        due = sorted((line for line in self._waiting if line.at_s <= until_s), key=itemgetter(0))
        self._waiting = [line for line in self._waiting if line.at_s > until_s]
        for line in due:
            self._console.print(shown(line), soft_wrap=True)
