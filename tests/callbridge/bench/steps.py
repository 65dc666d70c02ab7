"""Figures of a plain, well-behaved window, with whatever a test wants different."""

from typing import Any

import msgspec

from callbridge.bench.results import Figures, Spread

SLOW = "p99 31.2 ms, above 20 ms"
LATE = "the generator used 92 % of a core, above 80 %"


def step(calls: int, **known: Any) -> Figures:
    plain = Figures(
        target="callbridge",
        calls=calls,
        at_s=0.0,
        seconds=10.0,
        frames=500 * calls,
        latency_ms=Spread(0.31, 0.94, 2.15, 7.5),
        jitter_ms=Spread(0.05, 0.42, 1.9, 6.6),
        underruns=0,
        lost=0,
        foreign=0,
        dropped=0,
        cpu_us_per_frame=21.5,
        cpu_percent=21.5 * 500 * calls / 1e7 * 100,
        rss_mib=64 + 26 * calls / 1024,
        kib_per_call=26.0,
        lag_p99_ms=0.5,
        lateness_p99_ms=0.12,
        generator_percent=0.05 * calls,
        verdict="ok",
    )
    return msgspec.structs.replace(plain, **known)


def relayed(calls: int, **known: Any) -> Figures:
    """The same of a relay: 20 tokens a prompt."""
    of_tokens = step(
        calls,
        frames=calls,
        jitter_ms=None,
        cpu_us_per_frame=None,
        tokens=20 * calls,
        token_ms=Spread(0.05, 0.16, 0.4, 1.2),
        cpu_us_per_token=61.5,
    )
    return msgspec.structs.replace(of_tokens, **known)


def slow(calls: int, **known: Any) -> Figures:
    return step(calls, latency_ms=Spread(1.2, 31.2, 40.0, 55.0), verdict="slo", why=SLOW, **known)


def late(calls: int, **known: Any) -> Figures:
    return step(calls, verdict="generator-bound", why=LATE, lateness_p99_ms=1.7, **known)
