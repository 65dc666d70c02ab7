"""What both sides of a call said, and what the bridge asked of the platform, for a test to read.

report = converse(app, caller(says("two tickets"), Wait("bot_silent", 2.0)))
assert [turn.text for turn in report.heard] == ["two tickets"]
assert report.said[0].heard == "You said: two tickets"
"""

import json
from collections.abc import Iterable
from typing import Literal

import msgspec

from callbridge.carrier.core.report import CallReport
from callbridge.tape.events import CallEvent, Interrupted, Said, ToolRan, TurnLost, TurnTaken

SAME_S = 0.05  # what is no further apart tells of the same moment


class SpokenTurn(msgspec.Struct, frozen=True, kw_only=True):
    """What one side said in one go.

    `text` is the bot's text in full, or the caller's words as the bot understood them. `heard` is
    what of it reached the other side: of a bot that was cut, up to the last word that the caller
    heard. `cut` says that the bot was cut, `over_bot` that these words cut the bot, and `lost` why
    a turn of the caller was not understood. `at_s` counts from the beginning of the call."""

    who: Literal["caller", "bot"]
    text: str
    heard: str
    at_s: float
    heard_s: float
    cut: bool = False
    over_bot: bool = False
    lost: str = ""

    def __str__(self) -> str:
        unheard = self.text.removeprefix(self.heard).strip()
        rest = f" [not heard: {unheard}]" if unheard else ""
        return f"{self.at_s:7.2f}  {self.who + ':':<7} {self.heard.strip() or self.lost}{rest}"


class SentCommand(msgspec.Struct, frozen=True):
    """A command of the bridge as the carrier received it. `status` is the HTTP answer: 200 for one
    that was carried out. `at_s` counts from the beginning of the call."""

    name: str
    fields: dict[str, object]
    status: int
    at_s: float


class UsedTool(msgspec.Struct, frozen=True):
    """A tool of a model that was called. `arguments` are what the model wrote: an object, or the
    text itself where that is no JSON. `result` is what the model was told; empty if the tool was
    cancelled or has ended the call for the bot. `at_s` counts from the beginning of the call."""

    name: str
    arguments: object
    result: str
    at_s: float

    def __str__(self) -> str:
        asked = self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)
        return f"{self.at_s:7.2f}  tool:   {self.name} {asked} -> {self.result}"


class Conversation(CallReport, frozen=True, kw_only=True, eq=False):
    """The carrier's report, and what the bridge's tape adds: the words, the commands, the tools of
    a model, the crashes.

    `turns` and `tools` are in the order in which they began. `crashes` are those that the test
    expects; any other one is raised. `others` are the calls to others that began during this one
    and are over, in their order: of whom the bot dialled, `said` is what the bot said to them,
    `bot` what they heard."""

    turns: tuple[SpokenTurn, ...] = ()
    commands: tuple[SentCommand, ...] = ()
    tools: tuple[UsedTool, ...] = ()
    crashes: tuple[Exception, ...] = ()
    others: tuple["Conversation", ...] = ()

    @property
    def said(self) -> tuple[SpokenTurn, ...]:
        """What the bot said; sounds that it played or wrote have no words."""
        return tuple(turn for turn in self.turns if turn.who == "bot")

    @property
    def heard(self) -> tuple[SpokenTurn, ...]:
        """What the caller said, as the bot understood it; of a bot that listens."""
        return tuple(turn for turn in self.turns if turn.who == "caller")

    def __repr__(self) -> str:
        """In a line, for the message of a failed test: the samples are many."""
        words = [f"{turn.who}: {turn.heard or turn.lost}" for turn in self.turns]
        failed = f", failed={self.failed}" if self.failed else ""
        return f"<Conversation {words}, {self.hangup_cause} by {self.hung_up_by}{failed}>"

    def __str__(self) -> str:
        """The call to read, a line for each turn and each tool."""
        ending = f"{self.hangup_cause} after {self.duration_s:.2f} s"
        failed = (f"failed: {line}" for line in self.failed)
        happened: list[SpokenTurn | UsedTool] = [*self.turns, *self.tools]
        happened.sort(key=lambda each: each.at_s)
        return "\n".join([*map(str, happened), ending, *failed])


def turns_of(events: Iterable[tuple[float, CallEvent]], began: float) -> tuple[SpokenTurn, ...]:
    """Out of a tape: (Unix seconds, event). `began` is when the call did, in Unix seconds."""
    taped = list(events)
    cuts = [e.speech_at or e.at for _, e in taped if isinstance(e, Interrupted)]
    turns = [turn for at, event in taped if (turn := _turn(at, event, began, cuts)) is not None]
    return tuple(sorted(turns, key=lambda turn: turn.at_s))


def tools_of(events: Iterable[tuple[float, CallEvent]], began: float) -> tuple[UsedTool, ...]:
    """Out of a tape, as `turns_of`."""
    ran = sorted((e for _, e in events if isinstance(e, ToolRan)), key=lambda e: e.began_at)
    return tuple(
        UsedTool(e.tool, _arguments(e.arguments), e.result, round(e.began_at - began, 3))
        for e in ran
    )


def _arguments(written: str) -> object:
    try:
        return json.loads(written or "{}")
    except ValueError:
        return written


def _turn(at: float, event: CallEvent, began: float, cuts: list[float]) -> SpokenTurn | None:
    match event:
        case Said():
            return SpokenTurn(
                who="bot",
                text=event.text,
                heard=event.text if event.stop == "finished" else event.heard,
                at_s=round(event.sent_at - began, 3),
                heard_s=event.heard_s,
                cut=event.stop != "finished",
            )
        case TurnTaken():
            return SpokenTurn(
                who="caller",
                text=event.said,
                heard=event.said,
                at_s=round(event.began_at - began, 3),
                heard_s=event.audio_s,
                over_bot=any(abs(cut - event.began_at) < SAME_S for cut in cuts),
            )
        case TurnLost():
            at_s = round(at - began, 3)
            return SpokenTurn(
                who="caller", text="", heard="", at_s=at_s, heard_s=0.0, lost=event.why
            )
        case _:
            return None
