"""What `/metrics` shows, in the Prometheus text format.

Everything that is an event of a call's tape is counted from there, by its name. What happens with
every frame is no event: the hot path adds to plain integers on its own objects, and a scrape reads
them. The streams of calls that have ended are added up when they end."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from callbridge.calls.registry import Calls
from callbridge.speech.pool import SpeechPool
from callbridge.speech.studio import SpeechCounts
from callbridge.tape.tally import TapeTally
from callbridge.timing.ticker import Ticker
from callbridge.timing.watchdog import Watchdog

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_HELP = {
    "frames_in": "media frames received",
    "frames_out": "frames sent: media, marks, clears",
    "malformed": "messages that are no frame of the contract, or out of place",
    "unknown": "messages of events that the contract does not name",
    "undecodable": "payloads that the codec refused",
    "concealed_samples": "samples made up for lost frames",
    "frames_lost": "frames that never came",
    "frames_late": "frames that came after their place was given up, or twice",
    "write_stalls": "times that a socket did not take what was due",
    "underruns": "times that the carrier ran dry inside an utterance",
    "early_marks": "marks that came before their audio could have been played: not believed",
    "stray_marks": "marks that are not ours",
    "inbound_dropped": "20 ms frames that a slow bot did not take in time",
    "streams_lost": "media streams that broke while their call went on",
    "carrier_errors": "error frames of the platform",
    "relay_frames_in": "relay frames received",
    "relay_tokens_out": "pieces of text sent by the relay",
    "relay_turns_out": "turns of text that were closed",
    "relay_refused": "relay frames that the platform did not accept",
    "relay_unmatched": "interruptions whose words were not ours",
}

_SPEECH_HELP = {
    "turns": "turns of callers that had words",
    "empty_turns": "turns in which no words were found",
    "failed_turns": "turns that no engine understood",
    "interruptions": "times that a caller interrupted a bot",
    "withheld": "times that playout waited, as a caller seemed to speak",
    "echoes": "windows of a caller's audio that were the bot itself",
    "fallbacks": "times that a speech engine failed and its fallback went on",
    "deaf_windows": "windows in which the voice detector failed",
    "stuck": "tasks of bots that did not end when cancelled",
}
_POOL_HELP = {
    "done": "pieces of work that were done",
    "failed": "pieces of work in which the engine failed",
    "hung": "pieces of work that were given up, as the engine hangs",
    "turned_away": "pieces of work that there was no room for",
}


@dataclass(frozen=True, slots=True)
class SpeechFigures:
    """What speech counts; `pools` by the names of their work."""

    counts: SpeechCounts
    pools: Mapping[str, SpeechPool]


class Metrics:
    """A collector over the registry of calls."""

    def __init__(
        self,
        calls: Calls,
        happened: TapeTally,
        ticker: Ticker,
        speech: SpeechFigures,
        watchdog: Watchdog | None,
    ) -> None:
        self.webhooks: Counter[str] = (
            Counter()
        )  # by outcome: accepted, repeated, refused, malformed
        self._calls = calls
        self._happened = happened
        self._ticker = ticker
        self._speech = speech
        self._watchdog = watchdog
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
        yield _by("events", "what the tapes of calls say", "event", self._happened.counts())
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
        lag = self._ticker.lag
        yield HistogramMetricFamily(
            "callbridge_loop_lag_seconds",
            "how late timers came; there are twenty a second and those of the calls",
            buckets=lag.buckets(),
            sum_value=lag.total,
        )
        yield GaugeMetricFamily(
            "callbridge_loop_lag_worst_seconds",
            "how late the latest timer of all came",
            value=self._ticker.worst_lag_s,
        )
        if self._watchdog is not None:
            yield CounterMetricFamily(
                "callbridge_loop_blocked",
                "times that the event loop stood still; the log says where",
                value=self._watchdog.blocked,
            )
        yield from _speech(self._speech)


def _speech(speech: SpeechFigures) -> Iterable[Metric]:
    for name, text in _SPEECH_HELP.items():
        value = getattr(speech.counts, name)
        yield CounterMetricFamily(f"callbridge_speech_{name}", text, value=value)
    for name, text in _POOL_HELP.items():
        by_pool = {pool: getattr(counted, name) for pool, counted in speech.pools.items()}
        yield _by(f"speech_work_{name}", text, "pool", by_pool)
    waiting = GaugeMetricFamily(
        "callbridge_speech_work_queued", "pieces of work that wait now", labels=["pool"]
    )
    for pool, counted in speech.pools.items():
        waiting.add_metric([pool], counted.queued)
    yield waiting
    steps = HistogramMetricFamily(
        "callbridge_turn_seconds",
        "from the caller's last voiced sample to each step of the reply",
        labels=["step"],
    )
    for step, histogram in speech.counts.steps.items():
        steps.add_metric([step], histogram.buckets(), histogram.total)
    yield steps


def _by(name: str, text: str, label: str, counts: Mapping[Any, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"callbridge_{name}", text, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family
