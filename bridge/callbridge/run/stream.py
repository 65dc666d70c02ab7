"""What one page is sent of what happens, as server-sent events that htmx puts into its place.

Nothing waits for a page. It is looked what differs from what the page has; a page that reads
slowly is looked at more rarely, and then has what is so now. A page that comes back begins anew."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, Protocol
from wave import Error as WaveError

import msgspec

from callbridge.demo.transcript import STEPS
from callbridge.run.calls import RunCalls
from callbridge.run.rows import Moment
from callbridge.run.trouble import BotTrouble
from callbridge.run.waves import PIECE_S, peaks, whole
from callbridge.web.pages import Pages

LOOK_S = 0.2
ALIVE_S = 10.0  # without news something is sent, so that a page which is gone is found out
WINDOW = 400  # rows of a panel; the tape has all
MOVES = 100  # rows by which the window moves
LATEST_WAVE_S = 60.0
LISTED = 30


class BridgesSeen(Protocol):
    """What a page shows of them."""

    @property
    def trouble(self) -> BotTrouble | None: ...

    @property
    def starting(self) -> bool: ...

    @property
    def answers(self) -> str:
        """Which version of the bot answers; empty for none."""
        ...


def window(rows: Sequence[Any]) -> tuple[Sequence[Any], int]:
    """The last rows, and how many are left out; it moves by whole steps, so that most news are
    rows to be added."""
    left_out = max(0, -(-(len(rows) - WINDOW) // MOVES) * MOVES)
    return rows[left_out:], left_out


class WaveNews(msgspec.Struct, frozen=True, kw_only=True):
    """Sound for the page: peaks of pieces, the first of which has the number `at` since the answer;
    what the page has from there on is replaced, all of it if it is `new`. `moments` are pieces and
    what happened in them. A call that is over comes as a `whole`."""

    new: bool
    whole: bool = False
    at: int = 0
    piece_s: float = PIECE_S
    caller: list[int] = []
    bot: list[int] = []
    moments: list[tuple[int, str]] = []


class RunView:
    """What a page shows: of the call that is `pinned`, or of the one that began last."""

    def __init__(
        self, calls: RunCalls, bridges: BridgesSeen, pages: Pages, *, texts: bool, pinned: str = ""
    ) -> None:
        self._calls, self._bridges, self._pages = calls, bridges, pages
        self._texts = texts  # the caller writes
        self._pinned = pinned
        self._sent: dict[str, str] = {}  # the panels that the page has
        self._rows: dict[str, list[Any]] = {}  # of those to which rows are added
        self._seen: tuple[object, ...] = ()
        self._wave_of: tuple[str, bool] = ("", False)  # and whether it went on
        self._wave_at = 0  # samples that the page has
        self._moments = 0

    @property
    def call(self) -> str:
        return self._pinned or self._calls.latest

    # ---- panels -------------------------------------------------------------------------------

    async def values(self) -> dict[str, Any]:
        """Of the templates."""
        listed = self._calls.find(self.call)
        rows = await self._calls.rows(self.call) if listed is not None else None
        calls = self._calls.listed()
        return {
            "trouble": self._bridges.trouble or self._calls.crash,
            "is_start": self._bridges.trouble is not None,
            "starting": self._bridges.starting,
            "answers": self._bridges.answers,
            "calls": calls[:LISTED],
            "more": len(calls) - LISTED,
            "call": listed,
            "rows": rows,
            "texts": self._texts,
            "window": window,
            "steps": STEPS,
        }

    async def news(self) -> str:
        """HTML of what is not as the page has it; empty for nothing."""
        listed = self._calls.find(self.call)
        rows = await self._calls.rows(self.call) if listed is not None else None
        seen = (
            self._calls.version,
            self._bridges.trouble,
            self._bridges.starting,
            self._bridges.answers,
            self.call,
            rows and rows.version,
        )
        if seen == self._seen:
            return ""
        self._seen = seen
        values = await self.values()
        text = self._pages.text
        pieces = [
            self._replaced(name, text(f"{name}.html", **values))
            for name in ("trouble", "ring", "list", "head", "coming", "falls", "history", "files")
        ]
        spoken, happened = (rows.transcript, rows.sequence) if rows is not None else ([], [])
        pieces.append(self._added("transcript", spoken, values))
        pieces.append(self._added("sequence", happened, values))
        return "".join(pieces)

    def _replaced(self, name: str, html: str) -> str:
        if self._sent.get(name) == html:
            return ""
        self._sent[name] = html
        return f'<div id="{name}" hx-swap-oob="innerHTML">{html}</div>'

    def _added(self, name: str, rows: Sequence[Any], values: dict[str, Any]) -> str:
        """Rows behind those that the page has; all of them, where one of those has changed."""
        shown, left_out = window(rows)
        key, before = [self.call, left_out], self._rows.get(name, [None])
        now = [key, *shown]
        if now == before:
            return ""
        self._rows[name] = now
        if before[0] == key and now[: len(before)] == before and len(before) > 1:
            html = self._pages.text(f"{name}_rows.html", shown=now[len(before) :])
            return f'<ol hx-swap-oob="beforeend:#{name} ol">{html}</ol>'
        html = self._pages.text(f"{name}.html", **values)
        return f'<div id="{name}" hx-swap-oob="innerHTML">{html}</div>'

    # ---- sound --------------------------------------------------------------------------------

    async def wave(self) -> WaveNews | None:
        """What the page has not got yet; None for nothing."""
        call = self.call
        going = self._calls.going(call)
        wave_of = (call, going is not None)
        is_new, self._wave_of = wave_of != self._wave_of, wave_of
        if is_new:
            self._wave_at = self._moments = 0
        if going is None:
            return await self._whole_wave(call) if is_new else None
        rate, recorder = going.leg.encoding.sample_rate, going.leg.recorder
        step = round(PIECE_S * rate)
        if is_new:
            start = recorder.length - round(LATEST_WAVE_S * rate)
            self._wave_at = max(0, start // step * step)
        caller, bot = recorder.since(self._wave_at)
        at = self._wave_at // step
        self._wave_at += len(caller) // step * step
        moments = going.rows.moments[self._moments :]
        self._moments += len(moments)
        if not (is_new or moments or len(caller) >= step):
            return None
        return WaveNews(
            new=is_new,
            at=at,
            piece_s=PIECE_S,
            caller=peaks(caller, step),
            bot=peaks(bot, step),
            moments=_placed(moments, going.audio_from_s, PIECE_S),
        )

    async def _whole_wave(self, call: str) -> WaveNews:
        """Of a call that is over; an empty one where there is no recording."""
        listed, rows = self._calls.find(call), await self._calls.rows(call)
        if listed is None or listed.wav is None or rows is None:
            return WaveNews(new=True)
        try:
            piece_s, caller, bot = await asyncio.to_thread(whole, Path(listed.wav))
        except (OSError, EOFError, WaveError, ValueError):
            return WaveNews(new=True)
        moments = _placed(rows.moments, rows.face.answered_at_s or 0.0, piece_s)
        return WaveNews(
            new=True, whole=True, piece_s=piece_s, caller=caller, bot=bot, moments=moments
        )


def _placed(moments: Sequence[Moment], from_s: float, piece_s: float) -> list[tuple[int, str]]:
    return [(max(0, int((each.at_s - from_s) / piece_s)), each.kind) for each in moments]


async def events(view: RunView, stop: asyncio.Event) -> AsyncGenerator[str]:
    """Server-sent events, for as long as somebody reads them and the server lives."""
    quiet_s = 0.0
    while not stop.is_set():
        news = await view.news()
        wave = await view.wave()
        if news:
            yield event("change", news)
        if wave is not None:
            yield event("wave", msgspec.json.encode(wave).decode())
        quiet_s = 0.0 if news or wave else quiet_s + LOOK_S
        if quiet_s >= ALIVE_S:
            quiet_s = 0.0
            yield ": nothing new\n\n"
        await asyncio.sleep(LOOK_S)


def event(name: str, data: str) -> str:
    """One server-sent event (WHATWG HTML, section 9.2.5): a line of data for each line of it."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines())
    return f"event: {name}\n{lines}\n"
