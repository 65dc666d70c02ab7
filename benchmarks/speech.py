"""What the offline speech engines cost: CPU and wall milliseconds per second of audio.

    python benchmarks/speech.py [--json]

A person's reading on a telephone (mu-law, 8 kHz), out of the wheel moonshine-voice; silence, and
the hiss of a line. Takes half a minute. Each figure is the best of several runs: other work on the
machine only ever adds."""

import argparse
import importlib.util
import json
import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from callbridge.host import audiofile
from callbridge.speech.engines import Recogniser, Synthesiser
from callbridge.speech.offline import offline
from callbridge.speech.silero import SileroVad
from telecodecs import Pcm, g711

RATE = 8000
VAD_RUNS, RECOGNITIONS, SENTENCES = 5, 3, 20
UTTERANCES = {"1 s": (1.0, 2.0), "4 s": (0.9, 4.8), "15 s": (0.9, 16.0)}  # of the recording
SENTENCE = "Thank you for calling. Nobody is free right now, please leave a message. "


class Cost(NamedTuple):
    cpu_ms: float  # per second of audio, all threads together
    wall_ms: float
    audio_s: float


def cost(work: Callable[[], object], audio_s: float, runs: int) -> Cost:
    spent: list[tuple[float, float]] = []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        spent.append((time.process_time() - cpu, time.perf_counter() - wall))
    cpu, wall = (min(figures) * 1000 / audio_s for figures in zip(*spent, strict=True))
    return Cost(cpu, wall, audio_s)


def reading() -> Pcm:
    spec = importlib.util.find_spec("moonshine_voice")
    if spec is None or spec.origin is None:
        raise SystemExit("install the extra callbridge[speech]")
    pcm = audiofile.load(Path(spec.origin).parent / "assets" / "two_cities.wav", RATE)
    return on_the_line(pcm)


def on_the_line(pcm: Pcm) -> Pcm:
    return g711.decode_ulaw(g711.encode_ulaw(pcm))


def hearing(pcm: Pcm, *, gated: bool) -> Callable[[], None]:
    windows = pcm[: len(pcm) - len(pcm) % SileroVad.window].reshape(-1, SileroVad.window)

    def listen() -> None:
        vad = SileroVad(gated=gated)
        for window in windows:
            vad.probability(window)

    return listen


def vad_costs(talk: Pcm) -> dict[str, Cost]:
    noise = np.random.default_rng(0).normal(0, 60, 40 * RATE).astype(np.int16)
    lines = {"talk": talk, "silence": np.zeros(40 * RATE, np.int16), "hiss": on_the_line(noise)}
    return {
        f"VAD {name}{', gated' if gated else ''}": cost(
            hearing(pcm, gated=gated), len(pcm) / RATE, VAD_RUNS
        )
        for name, pcm in lines.items()
        for gated in (False, True)
    }


def recogniser_costs(recogniser: Recogniser, talk: Pcm) -> dict[str, Cost]:
    recogniser.transcribe(talk[: 2 * RATE], RATE)  # loads the model
    results: dict[str, Cost] = {}
    for name, (begin, end) in UTTERANCES.items():
        utterance = talk[round(begin * RATE) : round(end * RATE)]
        work = partial(recogniser.transcribe, utterance, RATE)
        results[f"recognise {name}"] = cost(work, end - begin, RECOGNITIONS)
    return results


def voice_costs(synthesiser: Synthesiser) -> dict[str, Cost]:
    results: dict[str, Cost] = {}
    for name, text in (("a sentence", SENTENCE), ("ten sentences", 10 * SENTENCE)):
        audio_s = sum(len(word.pcm) for word in synthesiser.speak(text, RATE)) / RATE
        results[f"speak {name}"] = cost(partial(synthesiser.speak, text, RATE), audio_s, SENTENCES)
    return results


def measure() -> dict[str, Cost]:
    talk = reading()
    speech = offline(apart=False)  # the cost is counted in this process
    return (
        vad_costs(talk)
        | recogniser_costs(speech.recogniser, talk)
        | voice_costs(speech.synthesiser)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    results = measure()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if options.json:
        figures = {
            name: {key: round(value, 3) for key, value in one._asdict().items()}
            for name, one in results.items()
        }
        print(json.dumps({**figures, "peak_rss_mb": round(peak_mb)}))
        return
    print(f"{'per second of audio':28}{'CPU ms':>9}{'wall ms':>9}{'of s':>8}")
    for name, one in results.items():
        print(f"{name:28}{one.cpu_ms:9.2f}{one.wall_ms:9.2f}{one.audio_s:8.1f}")
    print(f"{'peak memory':28}{peak_mb:9.0f} MB")


if __name__ == "__main__":
    main()
