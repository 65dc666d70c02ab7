"""The `expect` lines of a script: small claims about a finished call.

Each line is an object of one name and its demand: `{"bot_spoke_s": {"at_least": 3}}`,
`{"hangup_cause": "normal_clearing"}`, `{"cleared": true}`."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from callbridge.carrier.core.report import CallReport
from callbridge.carrier.people import checks
from callbridge.carrier.people.checks import ScriptError
from callbridge.carrier.shapes import as_object
from telecodecs import Pcm

LOUD = 256  # a sample beyond this (-42 dBFS) is no silence; codec noise stays below
PIECE_S = 0.5  # about two syllables: enough to be told from any other
ECHO_WITHIN_S = 2.0


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    at_least: float | None = None
    at_most: float | None = None

    def admits(self, value: float) -> bool:
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )

    def __str__(self) -> str:
        parts = (("at least", self.at_least), ("at most", self.at_most))
        return " and ".join(f"{words} {bound:g}" for words, bound in parts if bound is not None)


class Expectation(msgspec.Struct, frozen=True):
    name: str
    demand: str | bool | dict[str, Bounds]

    def failure(self, report: CallReport) -> str | None:
        """What was found instead, or None."""
        found = CLAIMS[self.name].measure(report)
        if not isinstance(self.demand, dict):
            if found == self.demand:
                return None
            return f"{self.name}: expected {self.demand!r}, found {found!r}"
        values = found if isinstance(found, dict) else {"": found}
        for part, bounds in self.demand.items():
            value = values[part]
            if not isinstance(value, int | float):
                return f"{self.name}: nothing to measure in this call"
            if not bounds.admits(value):
                what = f"{self.name}.{part}" if part else self.name
                return f"{what}: expected {bounds}, found {value:.3g}"
        return None


Measure = str | bool | float | None | dict[str, float | None]


def loud(pcm: Pcm) -> bool:
    return bool(pcm.max() > LOUD or pcm.min() < -LOUD)


def _spoken_s(pcm: Pcm, sample_rate: int) -> float:
    """Seconds of 20 ms pieces that are not silent."""
    pieces = pcm[: len(pcm) // (sample_rate // 50) * (sample_rate // 50)]
    levels = np.abs(pieces.reshape(-1, sample_rate // 50).astype(np.int32)).max(axis=1, initial=0)
    return float((levels > LOUD).sum()) * 0.02


def _silent_after_clear_s(report: CallReport) -> float | None:
    """The shortest silence after a clear; the 20 ms on their way when it came do not count."""
    if not report.clears:
        return None
    noise = np.flatnonzero(np.abs(report.bot.astype(np.int32)) > LOUD)
    silences: list[int] = []
    for sample in report.clears:
        later = noise[np.searchsorted(noise, sample) :]
        silences.append((int(later[0]) if len(later) else len(report.bot)) - sample)
    return min(silences) / report.sample_rate


def _likeness(report: CallReport) -> Measure:
    """How much what was heard is what was said: cross-correlation, piece by piece.

    Every piece is looked for by itself, since a busy machine may slip a gap of 20 ms into an echo:
    to an ear that is nothing, to a correlation of the whole it is another signal. The correlation
    is the mean over what was said, weighted by energy; the delay is the median."""
    rate = report.sample_rate
    said, heard = report.caller.astype(np.float64), report.bot.astype(np.float64)
    step = round(PIECE_S * rate)
    found = [
        _find(said[start : start + step], heard[start : start + step + round(ECHO_WITHIN_S * rate)])
        for start in range(0, len(said) - step + 1, step)
        if loud(report.caller[start : start + step])
    ]
    energy = sum(match.energy for match in found)
    if not energy or not heard.any():
        return {"delay_s": None, "correlation": None}
    return {
        "delay_s": float(np.median([match.delay for match in found])) / rate,
        "correlation": sum(match.energy * match.correlation for match in found) / energy,
    }


class _Match(NamedTuple):
    energy: float
    delay: int
    correlation: float


def _find(piece: NDArray[np.float64], heard: NDArray[np.float64]) -> _Match:
    """Where in `heard`, which begins when the piece does, it sounds most like it."""
    size = 1 << (len(piece) + len(heard)).bit_length()
    spectrum: NDArray[np.complex128] = np.conj(np.fft.rfft(piece, size)) * np.fft.rfft(heard, size)
    products = np.fft.irfft(spectrum, size)[: len(heard)]
    best = int(np.argmax(products))
    there = heard[best : best + len(piece)]
    energy = float(piece @ piece)
    norm = math.sqrt(energy * float(there @ there))
    return _Match(energy, best, float(products[best]) / norm if norm else 0.0)


@dataclass(frozen=True, slots=True)
class Claim:
    """What can be claimed about a call: a flag, a word, or a number between bounds; or several
    numbers, by their names."""

    kind: Literal["flag", "word", "number"] | tuple[str, ...]
    meaning: str
    measure: Callable[[CallReport], Measure]


CLAIMS: dict[str, Claim] = {
    "answered": Claim(
        "flag", "The call was answered.", lambda report: report.answered_at_s is not None
    ),
    "bridged": Claim(
        "flag", "The caller was connected to somebody else.", lambda report: report.bridged
    ),
    "duration_s": Claim(
        "number", "Seconds from the answer to the end.", lambda report: report.duration_s
    ),
    "caller_spoke_s": Claim(
        "number",
        "Seconds in which the caller could be heard.",
        lambda report: _spoken_s(report.caller, report.sample_rate),
    ),
    "bot_spoke_s": Claim(
        "number",
        "Seconds in which the bot could be heard.",
        lambda report: _spoken_s(report.bot, report.sample_rate),
    ),
    "hangup_cause": Claim(
        "word",
        "Why the call ended, as `call.hangup` says it: normal_clearing, user_busy, ...",
        lambda report: report.hangup_cause,
    ),
    "hangup_source": Claim(
        "word",
        "Who ended it: caller, callee or unknown. The bot of a call that came in is the callee.",
        lambda report: report.hangup_source,
    ),
    "marks_returned": Claim(
        "number",
        "How many marks came back because their audio was heard.",
        lambda report: sum(not mark.cleared for mark in report.marks),
    ),
    "cleared": Claim(
        "flag",
        "The bot was cut, at least once: by a clear, or by the relay.",
        lambda report: bool(report.clears),
    ),
    "silent_after_clear_s": Claim(
        "number",
        "The shortest silence of the bot after a clear, in seconds.",
        _silent_after_clear_s,
    ),
    "stream_errors": Claim(
        "number",
        "How many frames of the bridge the carrier refused.",
        lambda report: report.stream_errors,
    ),
    "bot_heard_like_caller": Claim(
        ("correlation", "delay_s"),
        "For bots that echo: how much they sounded like the caller, and how many seconds later.",
        _likeness,
    ),
}


def parse_expectation(line: dict[str, object]) -> Expectation:
    """One line of `expect`. Raises ScriptError with a sentence that says what is wrong with it."""
    if len(line) != 1:
        raise ScriptError(f"there is one name to a line, this one has {', '.join(line) or 'none'}")
    [(name, demand)] = line.items()
    checks.one_of("the expectation", name, CLAIMS)
    match CLAIMS[name].kind:
        case "flag":
            if not isinstance(demand, bool):
                raise ScriptError(f"{name} is true or false")
            return Expectation(name, demand)
        case "word":
            if not isinstance(demand, str):
                raise ScriptError(f"{name} is a string")
            return Expectation(name, demand)
        case "number":
            return Expectation(name, {"": _bounds(name, demand)})
        case names:
            parts = as_object(demand)
            if not parts or set(parts) - set(names):
                raise ScriptError(f"{name} has {' and '.join(names)}")
            return Expectation(name, {part: _bounds(part, value) for part, value in parts.items()})


def _bounds(name: str, demand: object) -> Bounds:
    try:
        bounds = msgspec.convert(demand, Bounds)
    except msgspec.ValidationError:
        bounds = Bounds()
    if bounds == Bounds():
        raise ScriptError(f"{name} wants at_least, at_most or both, each a number")
    return bounds
