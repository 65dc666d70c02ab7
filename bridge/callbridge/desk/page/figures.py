"""The bridge's own figures, from its /metrics: fetched once for all who look, and kept for a while.

A counter is shown as what it grew by in a minute, a histogram as the value that half, and 99 of a
hundred, of its latest entries are under."""

import asyncio
import itertools
import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import httpx
from prometheus_client.parser import text_string_to_metric_families

from callbridge.timing.clock import Clock
from callbridge.timing.signal import Signal, changed

EVERY_S = 5.0
KEPT = 180  # scrapes: a quarter of an hour
AWAKE_S = 30.0  # so long after the last look somebody is taken to be there
MOST_BYTES = 4 * 1024 * 1024
Scrape = dict[str, float]  # by name, with its labels as Prometheus writes them


class Chart(NamedTuple):
    """`lines` are (label, name, how): "now" is a gauge, "grown" a counter per minute, a number the
    share of a histogram's latest entries that are under the value, in ms."""

    title: str
    unit: str
    lines: tuple[tuple[str, str, str | float], ...]


def _grown(title: str, unit: str, **names: str) -> Chart:
    lines = (
        (label.replace("_", " "), f"callbridge_{name}_total", "grown")
        for label, name in names.items()
    )
    return Chart(title, unit, tuple(lines))


TURN = "callbridge_turn_seconds"
CHARTS = (
    Chart("Calls", "now", (("calls", "callbridge_calls", "now"),)),
    _grown("Calls begun and refused", "a minute", begun="calls_begun", refused="calls_refused"),
    _grown("Frames", "a minute", received="frames_in", sent="frames_out"),
    _grown("Underruns and stalls", "a minute", underruns="underruns", stalls="write_stalls"),
    _grown("Frames lost or late", "a minute", lost="frames_lost", late="frames_late"),
    _grown("Turns", "a minute", turns="speech_turns", interrupted="speech_interruptions"),
    Chart(
        "From the caller's last word to the answer's first frame",
        "ms",
        (
            ("half", f"{TURN}[first_sent]", 0.5),
            ("99 of 100", f"{TURN}[first_sent]", 0.99),
        ),
    ),
    Chart(
        "Lag of the event loop",
        "ms",
        (
            ("half", "callbridge_loop_lag_seconds", 0.5),
            ("99 of 100", "callbridge_loop_lag_seconds", 0.99),
        ),
    ),
    _grown("Bots that failed", "a minute", crashed="bots_crashed", stuck="bots_stuck"),
    _grown("Streams lost", "a minute", lost="streams_lost", given_up="streams_given_up"),
)


class DeskFigures:
    """`problem` is why there is nothing new; `url` None: nobody has said where the bridge is."""

    def __init__(
        self, url: str | None, clock: Clock, http: httpx.AsyncClient | None = None
    ) -> None:
        self.url = url
        self.problem = ""
        self._clock = clock
        self._http = http
        self._scrapes: deque[tuple[float, Scrape]] = deque(maxlen=KEPT)
        self._wanted_until = 0.0
        self._wake = Signal()
        self._new = Signal()

    async def run(self) -> None:
        if self.url is None:
            return
        async with self._http or httpx.AsyncClient(timeout=4.0, follow_redirects=False) as http:
            while True:
                if self._clock.now() >= self._wanted_until:
                    await changed(self._wake)
                await self._scrape(http, self.url)
                self._new.notify()
                await asyncio.sleep(EVERY_S)

    async def wanted(self) -> None:
        """Somebody looks. Waits a moment where nothing is known yet."""
        asleep = self._clock.now() >= self._wanted_until
        self._wanted_until = self._clock.now() + AWAKE_S
        self._wake.notify()
        if self.url is not None and asleep:
            await changed(self._new, timeout=3.0)

    async def _scrape(self, http: httpx.AsyncClient, url: str) -> None:
        try:
            async with http.stream("GET", url) as answer:
                if answer.status_code != 200:
                    self.problem = f"{url} answers {answer.status_code} {answer.reason_phrase}"
                    return
                body = bytearray()
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > MOST_BYTES:
                        self.problem = f"{url} has more to say than {MOST_BYTES} bytes"
                        return
            read = read_scrape(body.decode())
        except httpx.HTTPError as error:
            self.problem = f"{url} cannot be reached: {type(error).__name__} {error}".rstrip()
        except (ValueError, KeyError, IndexError):
            self.problem = f"{url} shows no figures in the text format of Prometheus"
        else:
            self.problem = "" if "callbridge_calls" in read else f"{url} is not that of a bridge"
            self._scrapes.append((self._clock.wall(), read))

    def times(self) -> list[float]:
        """Of the scrapes that can be shown, Unix seconds."""
        return [at for at, _ in list(self._scrapes)[1:]]

    def drawn(self) -> list[dict[str, object]]:
        """Each chart with its lines: {"title", "unit", "lines": [{"label", "values"}]}, a value for
        each of `times`, None where there is none."""
        scrapes = list(self._scrapes)
        return [
            {
                "title": chart.title,
                "unit": chart.unit,
                "lines": [
                    {"label": label, "values": values_of(scrapes, name, how)}
                    for label, name, how in chart.lines
                ],
            }
            for chart in CHARTS
        ]


def read_scrape(text: str) -> Scrape:
    """Sums over all labels but those of a histogram: its buckets are `name[step]<le`."""
    found: Scrape = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name
            if family.type == "histogram":
                if not name.endswith("_bucket"):
                    continue
                step = sample.labels.get("step")
                name = name.removesuffix("_bucket") + (f"[{step}]" if step else "")
                name += f"<{sample.labels.get('le', '+Inf')}"
            found[name] = found.get(name, 0.0) + sample.value
    return found


def values_of(
    scrapes: Sequence[tuple[float, Scrape]], name: str, how: str | float
) -> list[float | None]:
    values: list[float | None] = []
    for (before_at, before), (at, now) in itertools.pairwise(scrapes):
        if how == "now":
            values.append(now.get(name))
        elif how == "grown":
            values.append(_grown_by(before, now, name, at - before_at))
        else:
            values.append(_quantile(before, now, name, float(how)))
    return values


def _grown_by(before: Scrape, now: Scrape, name: str, seconds: float) -> float | None:
    """A minute. None where it is not told, and across a restart of the bridge."""
    if name not in now or seconds <= 0:
        return None
    grown = now[name] - before.get(name, 0.0)
    return round(grown * 60 / seconds, 2) if grown >= 0 else None


def _quantile(before: Scrape, now: Scrape, name: str, share: float) -> float | None:
    """In ms, by a straight line inside of a bucket; None without entries."""
    buckets = sorted(_buckets(before, now, name).items())
    if not buckets or (total := buckets[-1][1]) <= 0 or any(n < 0 for _, n in buckets):
        return None
    lower, below = 0.0, 0.0
    for upper, count in buckets:
        if count >= share * total:
            if math.isinf(upper):
                return round(lower * 1000, 2)
            part = (share * total - below) / (count - below) if count > below else 1.0
            return round((lower + (upper - lower) * part) * 1000, 2)
        lower, below = upper, count
    return None


def _buckets(before: Mapping[str, float], now: Scrape, name: str) -> dict[float, float]:
    prefix = f"{name}<"
    return {
        float(key.removeprefix(prefix)): value - before.get(key, 0.0)
        for key, value in now.items()
        if key.startswith(prefix)
    }
