"""The bridge's tape of a call, on the clock of the carrier's tape.

The carrier's report says at which time of day its tape begins; both processes have the machine's
clock.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

import msgspec

from callbridge.carrier.core.report import TapeEntry
from callbridge.tape.events import CallEvent
from callbridge.tape.tape import TapeLine, read_line

Detail = dict[str, object]

FOLLOW_S = 0.02


class Journal:
    """Collects the bridge's tape. `wall`, `at` and fields called `..._at` are Unix seconds."""

    def __init__(self, began_at: float) -> None:
        """`began_at`: when the call came in."""
        self.began_at = began_at
        self._lines: list[TapeLine] = []

    def add(self, line: TapeLine) -> None:
        self._lines.append(line)

    def at_s(self, wall: float) -> float:
        """Seconds since the call came in."""
        return round(wall - self.began_at, 4)

    def entries(self) -> list[TapeEntry]:
        """All of it in the form of the carrier's tape: `last_voiced_at` is `last_voiced_at_s`."""
        return [TapeEntry(self.at_s(line.at), *self._named(fields(line))) for line in self._lines]

    def _named(self, detail: Detail) -> tuple[str, Detail]:
        kind = str(detail.pop("event"))
        for name in [name for name in detail if name == "at" or name.endswith("_at")]:
            if isinstance(detail[name], float):
                detail[f"{name}_s"] = self.at_s(cast("float", detail.pop(name)))
        return kind, detail


def lines(entries: Iterable[TapeEntry], began_at: float) -> Iterator[TapeLine]:
    """A tape again, out of what `Journal.entries` made of it for a call that came in then, Unix
    seconds. What is no event, as of another version, is left out."""
    for entry in entries:
        detail: Detail = {"event": entry.kind}
        for name, value in entry.detail.items():
            if isinstance(value, float) and (name == "at_s" or name.endswith("_at_s")):
                detail[name.removesuffix("_s")] = began_at + value
            else:
                detail[name] = value
        with suppress(msgspec.ValidationError):
            happened = msgspec.convert(detail, CallEvent)
            yield TapeLine(began_at + entry.at_s, "", "", happened)


def fields(line: TapeLine) -> Detail:
    """The event and its fields, as a tape file has them."""
    return cast("Detail", msgspec.to_builtins(line.happened))


async def follow(file: Path, tell: Callable[[TapeLine], None]) -> None:
    """Tell every line of a tape file that is being written, for ever."""
    rest = b""
    with file.open("rb") as tape:
        while True:
            *whole, rest = (rest + tape.read()).split(b"\n")
            for text in whole:
                tell(read_line(text))
            await asyncio.sleep(FOLLOW_S)
