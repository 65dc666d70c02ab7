"""What `/metrics` shows, in the Prometheus text format.

The hot path only adds to plain integers on its own objects; a scrape reads them. The streams of
calls that have ended are added up here when they end."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from bridge.calls import Calls
from bridge.ticker import Ticker

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_HELP = {
    "frames_in": "media frames received",
    "frames_out": "frames sent: media, marks, clears",
    "malformed": "messages that are no frame of the contract, or out of place",
    "unknown": "messages of events that the contract does not name",
    "undecodable": "payloads that the codec refused",
    "concealed_samples": "samples of silence put in for lost frames",
    "frames_lost": "frames that never came",
    "frames_late": "frames that came after their place was given up, or twice",
    "write_stalls": "times that a socket did not take what was due",
    "underruns": "times that the carrier ran dry inside an utterance",
    "early_marks": "marks that came before their audio could have been played: not believed",
    "stray_marks": "marks that are not ours",
    "inbound_dropped": "20 ms frames that a slow bot did not take in time",
    "streams_lost": "media streams that broke while their call went on",
    "carrier_errors": "error frames of the platform",
}


class Metrics:
    """A collector over the registry of calls."""

    def __init__(self, calls: Calls, ticker: Ticker) -> None:
        self.webhooks: Counter[str] = (
            Counter()
        )  # by outcome: accepted, repeated, refused, malformed
        self._calls = calls
        self._ticker = ticker
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        calls, counts = self._calls, self._calls.counts
        yield GaugeMetricFamily("callbridge_calls", "calls of this process now", value=len(calls))
        yield _by("calls_begun", "calls begun", "direction", counts.begun)
        yield _by("calls_ended", "calls ended", "cause", counts.ended)
        yield _by("webhooks", "webhooks received", "outcome", self.webhooks)
        for name, total in (
            ("calls_refused", counts.refused),
            ("bots_crashed", counts.bots_crashed),
            ("bots_stuck", counts.bots_stuck),
            ("streams_restored", counts.streams_restored),
            ("streams_given_up", counts.streams_given_up),
            ("streams_refused", counts.streams_refused),
            ("stray_events", counts.stray_events),
        ):
            yield CounterMetricFamily(f"callbridge_{name}", name.replace("_", " "), value=total)
        media = counts.media.copy()
        for leg in calls.legs():
            media.update(leg.tally())
        for name, text in _HELP.items():
            yield CounterMetricFamily(f"callbridge_{name}", text, value=media[name])
        yield GaugeMetricFamily(
            "callbridge_loop_lag_seconds",
            "how late the latest timer came",
            value=self._ticker.lag_s,
        )
        yield GaugeMetricFamily(
            "callbridge_loop_lag_worst_seconds",
            "how late the latest timer of all came",
            value=self._ticker.worst_lag_s,
        )


def _by(name: str, text: str, label: str, counts: Mapping[Any, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"callbridge_{name}", text, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family
