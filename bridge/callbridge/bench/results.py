"""What is measured, as data: rows from the load generator, then figures for people.

Times of rows are seconds of the monotonic clock; units of figures stand in their names."""

from typing import Literal

import msgspec

Verdict = Literal["ok", "slo", "generator-bound"]


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What the generator saw between `began` and `ended`; its tables are float64 rows.

    A frame is 20 ms of audio, or a prompt. `lateness` (n,): how late each frame left against its
    plan. `echoes` (n, 3): call, number of the frame, and the time from its sending to its echo, or
    to the first token of its answer. `messages` (n, 3): call, arrival, and duration of the audio of
    each message. `tokens` (n,), of a relay alone: the time from when the bot had each token."""

    calls: int
    began: float
    ended: float
    sent: int  # frames
    lost: int = 0  # frames without an echo, or without a whole answer, a second after its time
    foreign: int = 0  # messages that are no echo or answer of ours
    dropped: int = 0  # calls that the endpoint ended, or whose socket broke
    cpu_s: float = 0.0  # of the generator, less what it spent looking with nothing to do
    lateness: bytes = b""
    echoes: bytes = b""
    messages: bytes = b""
    tokens: bytes | None = None


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """What the endpoint's process (and its children) used in a window."""

    cpu_s: float
    rss_mib: float  # at its end
    idle_rss_mib: float  # after the first calls had come and gone
    lag: dict[float, int] | None = None  # timers by lateness: upper bound in seconds, count


class Spread(msgspec.Struct, frozen=True):
    """Quantiles of one quantity."""

    p50: float
    p99: float
    p999: float
    worst: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One window of one endpoint. What could not be measured is None.

    Of a relay a frame is a prompt, its latency is that of the first token, and it has tokens."""

    target: str
    calls: int
    at_s: float  # its beginning, since the run's
    seconds: float
    frames: int  # frames sent
    latency_ms: Spread | None  # from sending a frame to having its echo, or the first token
    jitter_ms: Spread | None  # of arrivals, against each call's own grid of played time
    underruns: int  # times that a carrier, which plays on a 20 ms clock, would have run dry
    lost: int
    foreign: int
    dropped: int
    cpu_us_per_frame: float | None  # of the endpoint, a frame in and its echo out
    cpu_percent: float | None  # of one core
    rss_mib: float | None
    kib_per_call: float | None
    lag_p99_ms: float | None  # how late the endpoint's own timers came
    lateness_p99_ms: float  # of the generator
    generator_percent: float  # of one core
    verdict: Verdict
    why: str = ""  # of a verdict that is not ok, in words
    tokens: int | None = None  # that came
    token_ms: Spread | None = None  # from when the bot had a token to having it here
    cpu_us_per_token: float | None = None  # of the endpoint; prompts, turns and their ends included

    @property
    def cpu_us(self) -> float | None:
        """For each of what there is most of: tokens, or frames."""
        return self.cpu_us_per_frame if self.tokens is None else self.cpu_us_per_token


class Slo(msgspec.Struct, frozen=True, kw_only=True):
    """What an endpoint must hold at a load that counts as carried."""

    p99_ms: float = 20.0  # from a frame to its echo or first token; of a bot that talks, jitter
    echo: bool = True  # the bot says what it hears, or answers it
    lost_share: float = 0.001  # of the frames
    underrun_share: float = 0.001


class Knee(msgspec.Struct, frozen=True, kw_only=True):
    """Where a ramp ended. `calls` is the highest load that held."""

    calls: int
    calls_per_core: float | None  # by the share of a core that the endpoint used there
    is_limit: bool  # False: the generator, or the end of the ramp, came first
    advice: int  # what to set as the admission limit
    why: str
