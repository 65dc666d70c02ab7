"""A telephone line in a room: a person, a bot, coughs, noise, echo, all through μ-law at 8 kHz.

The bot's side is a small model of playout: 200 ms ahead, withheld, resumed and cut as the events
say, so that what comes back as an echo is what was really played."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from callbridge.speech import espeak
from callbridge.speech.echo import EchoJudge
from callbridge.speech.silero import WINDOW, SileroVad
from callbridge.speech.turns import (
    Interrupt,
    Resume,
    TurnEnded,
    TurnEvent,
    TurnSettings,
    TurnTaker,
    Withhold,
)
from telecodecs import Pcm, g711
from tests.callbridge.speech import person

RATE = person.RATE
WINDOW_S = WINDOW / RATE
LEAD_S = 0.200
FULL_SCALE = 32768.0

Wave = NDArray[np.float64]
"""(n,) samples on the scale of int16."""

BOT_SAYS = (
    "Thank you for calling the northern railway company. I can tell you about departures, fares "
    "and lost property.",
    "Your train leaves at nine forty five from platform seven, and it arrives at half past eleven.",
    "Please have your booking number ready. It is on the upper right corner of your ticket.",
)


def at_level(wave: Wave, dbfs: float) -> Wave:
    """Scale so that what is loud enough to be heard as speech has this level."""
    frames = wave[: len(wave) // 160 * 160].reshape(-1, 160)
    power = (frames**2).mean(axis=1)
    active = power[power > power.max() * 1e-3].mean()
    scaled: Wave = wave * (10 ** (dbfs / 20) * FULL_SCALE / np.sqrt(active))
    return scaled


def over_the_wire(wave: Wave) -> Pcm:
    return g711.decode_ulaw(g711.encode_ulaw(np.clip(wave, -32768, 32767).astype(np.int16)))


# ---- voices and other sounds ---------------------------------------------------------------------


@cache
def bot(dbfs: float = -20.0) -> Wave:
    spoken = np.concatenate([espeak.speak(text, RATE) for text in BOT_SAYS])
    return at_level(spoken.astype(np.float64), dbfs)


@cache
def phrases(shortest_s: float = 0.7) -> tuple[Wave, ...]:
    """What the person reads between pauses of 250 ms, from the first to the last loud 10 ms."""
    wave = at_level(person.reading().astype(np.float64), -20.0)
    steps = wave[: len(wave) // 80 * 80].reshape(-1, 80)
    loud = np.flatnonzero(np.sqrt((steps**2).mean(axis=1)) > 10 ** (-36 / 20) * FULL_SCALE)
    breaks = np.flatnonzero(np.diff(loud) > 25)
    firsts = loud[np.concatenate(([0], breaks + 1))]
    lasts = loud[np.concatenate((breaks, [len(loud) - 1]))]
    return tuple(
        wave[first * 80 : (last + 1) * 80]
        for first, last in zip(firsts, lasts, strict=True)
        if (last + 1 - first) * 80 >= shortest_s * RATE
    )


def noise(seconds: float, dbfs: float, *, pink: bool = False, seed: int = 0) -> Wave:
    white = np.random.default_rng(seed).normal(size=round(seconds * RATE))
    if pink:
        spectrum = np.fft.rfft(white)
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
        white = np.fft.irfft(spectrum, len(white))
    scaled: Wave = white / white.std() * (10 ** (dbfs / 20) * FULL_SCALE)
    return scaled


def cough(seconds: float, dbfs: float = -20.0, *, seed: int = 0) -> Wave:
    """A burst of coloured noise, then a shorter voiced part."""
    time = np.arange(round(seconds * RATE)) / RATE
    burst = np.random.default_rng(seed).normal(size=len(time))
    burst[2:] += 1.2 * burst[1:-1] - 0.8 * burst[:-2]
    burst *= np.minimum(time / 0.01, 1) * np.exp(-time / 0.08)
    pitch = 2 * np.pi * 160 * time
    voice = sum((np.sin(k * pitch) / k for k in range(1, 12)), np.zeros_like(time))
    after = seconds / 3
    voice *= np.clip((time - after) / 0.03, 0, 1) * np.exp(-np.maximum(time - after, 0) / 0.06)
    return at_level(burst + 0.5 * voice, dbfs)


def hum(seconds: float, dbfs: float = -20.0) -> Wave:
    """ "Mm-hm": two voiced halves, the second one higher."""
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = np.interp(time, [0, seconds / 2, seconds], [120, 110, 140])
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    gains = (1.0, 0.8, 0.4, 0.2, 0.1, 0.06, 0.04, 0.03)
    tones = [gain * np.sin((k + 1) * phase) for k, gain in enumerate(gains)]
    wave = sum(tones, np.zeros_like(time))
    wave *= np.clip(np.minimum(time / 0.04, (seconds - time) / 0.06), 0, 1)
    wave *= 1 - 0.85 * np.exp(-(((time - 0.45 * seconds) / 0.03) ** 2))
    return at_level(wave, dbfs)


# ---- the line ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Echo:
    """What a telephone returns of what it plays: later, quieter, and not as full in sound."""

    db: float
    delay_ms: int

    def of(self, played: Wave, start: int, end: int) -> Wave:
        """Samples [start, end) of the echo of everything that was played."""
        late = round(self.delay_ms * RATE / 1000)
        gain = 10 ** (self.db / 20)
        padded = np.concatenate((np.zeros(late + 2), played))
        x = padded[start : end + 2]
        echo: Wave = gain * (x[2:] + 0.5 * x[1:-1] - 0.3 * x[:-2]) / 1.2
        return echo


@dataclass
class Heard:
    """What came of a call."""

    events: list[TurnEvent] = field(default_factory=list[TurnEvent])
    voiced: list[bool] = field(default_factory=list[bool])
    echo: list[bool] = field(default_factory=list[bool])

    def first(self, kind: type[TurnEvent], after: float = 0.0) -> float | None:
        """When the first event of this kind came."""
        times = (_time(event) for event in self.events if isinstance(event, kind))
        return next((at for at in times if at >= after), None)

    def count(self, kind: type[TurnEvent]) -> int:
        return sum(isinstance(event, kind) for event in self.events)


def _time(event: TurnEvent) -> float:
    return event.ended_at if isinstance(event, TurnEnded) else event.at


def listen(
    caller: Wave,
    says: Wave | None = None,
    echo: Echo | None = None,
    settings: TurnSettings | None = None,
    *,
    judged: bool = True,
    begins_s: float = 0.0,
) -> Heard:
    """A call as long as `caller`; the bot speaks from `begins_s` on, until it is interrupted."""
    vad, judge, turns, heard = SileroVad(), EchoJudge(), TurnTaker(settings), Heard()
    waiting = np.zeros(0) if says is None else over_the_wire(says).astype(np.float64)
    played = np.zeros(len(caller) + RATE)
    play_end, withheld = round(begins_s * RATE), False
    for start in range(0, len(caller) - WINDOW, WINDOW):
        end = start + WINDOW
        now = end / RATE
        while not withheld and len(waiting) and play_end - start < LEAD_S * RATE:
            play_end = max(play_end, start)
            chunk, waiting = waiting[:160], waiting[160:]
            played[play_end : play_end + len(chunk)] = chunk
            judge.played(chunk.astype(np.int16), play_end / RATE)
            play_end += len(chunk)
        window = caller[start:end] + (echo.of(played, start, end) if echo else 0.0)
        pcm = over_the_wire(window)
        probability = vad.probability(pcm)
        is_echo = judge.hear(pcm, now) and judged
        speaking = now >= begins_s and (len(waiting) > 0 or play_end > end)
        for event in turns.hear(pcm, probability, now, speaking=speaking, echo=is_echo):
            heard.events.append(event)
            if isinstance(event, Interrupt | Withhold):
                unheard = played[end : max(end, play_end)].copy()
                waiting = np.concatenate((unheard, waiting))
                played[end:], play_end = 0, min(play_end, end)
                judge.cleared(now)
            if isinstance(event, Interrupt):
                waiting = waiting[:0]
            if isinstance(event, Interrupt | Resume | Withhold):
                withheld = isinstance(event, Withhold)
        heard.voiced.append(probability >= turns.settings.voiced)
        heard.echo.append(is_echo)
    return heard


def mixed(length_s: float, *parts: tuple[float, Wave], floor_dbfs: float = -65.0) -> Wave:
    """Sounds at their times over a quiet line's own noise."""
    wave = noise(length_s, floor_dbfs)
    for at, part in parts:
        begin = round(at * RATE)
        part = part[: max(0, len(wave) - begin)]
        wave[begin : begin + len(part)] += part
    return wave
