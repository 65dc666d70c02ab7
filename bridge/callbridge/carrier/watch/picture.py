"""A carrier at one moment, drawn for a terminal: legs, conferences, queues, and what happened."""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from callbridge.carrier.watch.lines import HappenedLine, printable
from callbridge.carrier.watch.scene import CarrierScene, SeenConference, SeenLeg, SeenQueue

STATES = {"answered": "green", "ringing": "yellow", "parked": "yellow"}
LEAST_NEWS = 4  # lines that are kept for what happened, however many legs there are
NARROW = 64  # columns; below that a leg shows no more of its numbers than that of its far end
HEADS = 3  # lines of the table's head, of the news' head, and one between


class Picture:
    """Fits the terminal that it is drawn on: what has no room is summed up in a line."""

    def __init__(self, scene: CarrierScene, news: Sequence[HappenedLine]) -> None:
        self._scene, self._news = scene, news

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = (options.height or console.size.height) - 1  # the cursor has the last one
        rooms = [
            *(_conference(each) for each in self._scene.conferences),
            *(_queue(each) for each in self._scene.queues),
        ]
        left = max(1, height - HEADS - min(len(self._news), LEAST_NEWS))
        legs = _cut(self._scene.legs, max(1, left - min(len(rooms), left // 3)))
        rooms = _fit(rooms, max(0, left - len(legs) - (len(legs) < len(self._scene.legs))))
        used = len(legs) + (len(legs) < len(self._scene.legs)) + len(rooms)
        news = self._news[-max(1, height - HEADS - used) :]
        yield Group(
            _legs(legs, len(self._scene.legs), narrow=options.max_width < NARROW),
            *rooms,
            Text(),
            Text("what happened", style="dim") if news else Text(),
            *map(_happened, news),
        )


def _cut(legs: Sequence[SeenLeg], room: int) -> Sequence[SeenLeg]:
    return legs if len(legs) <= room else legs[: room - 1]


def _fit(lines: list[Text], room: int) -> list[Text]:
    if len(lines) <= room:
        return lines
    if not room:
        return []
    shown = lines[: room - 1]
    return [*shown, Text(f"… and {len(lines) - len(shown)} more rooms", style="dim")]


def _legs(legs: Sequence[SeenLeg], of: int, *, narrow: bool) -> Group:
    table = Table(box=None, expand=True, padding=(0, 1), pad_edge=False, header_style="dim")
    table.add_column("leg", no_wrap=True, min_width=6)
    if not narrow:
        table.add_column("", no_wrap=True, min_width=3)
    table.add_column("far end" if narrow else "from → to", no_wrap=True, overflow="ellipsis")
    table.add_column("state", no_wrap=True, min_width=8)
    table.add_column("for", justify="right", no_wrap=True, min_width=4)
    table.add_column("is", no_wrap=True, overflow="ellipsis", ratio=1)
    for leg in legs:
        way = Text("in" if leg.direction == "incoming" else "out")
        between = Text(printable(f"{leg.from_} → {leg.to}"))
        table.add_row(
            Text(leg.name),
            *([Text(printable(_far_end(leg)))] if narrow else [way, between]),
            Text(leg.state, STATES.get(leg.state, "")),
            Text(_span(leg.lasts_s)),
            Text(printable(", ".join(filter(None, [leg.place, *leg.does])))),
        )
    if not of:
        return Group(Text("no calls", style="dim"))
    if len(legs) < of:
        return Group(table, Text(f"… and {of - len(legs)} more legs", style="dim"))
    return Group(table)


def _far_end(leg: SeenLeg) -> str:
    return leg.from_ if leg.direction == "incoming" else leg.to


def _conference(conference: SeenConference) -> Text:
    members = ", ".join(conference.members)
    return _line(f"conference {conference.name}: ", members, "cyan")


def _queue(queue: SeenQueue) -> Text:
    waits = f"{queue.waiting} waiting, the first for {_span(queue.longest_s)}"
    return _line(f"queue {queue.name}: ", waits, "cyan")


def _happened(line: HappenedLine) -> Text:
    return _line(f"{line.when} {line.leg} ", line.what, "dim", "red" if line.bad else "")


def _line(name: str, rest: str, name_style: str, style: str = "") -> Text:
    return Text.assemble(
        (printable(name), name_style), (printable(rest), style), no_wrap=True, overflow="ellipsis"
    )


def _span(seconds: int) -> str:
    """m:ss, or h:mm:ss."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
