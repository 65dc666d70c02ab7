"""What codecs and resampling cost: microseconds per 20 ms frame of one call.

    python benchmarks/codecs.py [--json] [--calls 100]

A frame at a time, as a live call needs it, and the batched G.711 over many calls at once. Beside
a codec that has a library of its own stands the bare library, in the same run. Each figure is the
best of several runs: other work on the machine only ever adds."""

import argparse
import json
import resource
import sys
from collections.abc import Callable
from ctypes import create_string_buffer
from importlib import import_module
from itertools import permutations
from pathlib import Path
from timeit import Timer
from typing import Any

import numpy as np

from telecodecs import Codec, MissingLibrary, Resampler, amrwb, codec, g711, l16, registry, silence
from telecodecs.pcm import Pcm

RATES = (8000, 16000, 22050, 24000, 48000)
REPEATS = 7
RUN_S = 0.02
TURNS = 20

Steps = tuple[Callable[[], object], Callable[[], object]]  # to encode, and to decode


def microseconds(step: Callable[[], object], repeats: int = REPEATS) -> float:
    timer = Timer(step)
    step()
    number = max(1, round(RUN_S / max(timer.timeit(10) / 10, 1e-7)))
    return min(timer.repeat(repeats, number)) / number * 1e6


def speech(shape: int | tuple[int, int]) -> Pcm:
    """Noise at the level of speech: the cost does not depend on what is said."""
    return np.random.default_rng(0).normal(0, 3000, shape).astype(np.int16)


def single(one: Codec) -> dict[str, float]:
    """Of what has a library of its own, ours and the bare library by turns: other work on the
    machine is not to fall on one of the two."""
    encoding = one.encoding
    pcm = speech(encoding.sample_rate * encoding.ptime_ms // 1000)
    payload = one.encode(pcm)
    name = f"{encoding.name} {encoding.sample_rate}"
    steps: dict[str, Callable[[], object]] = {
        f"{name} encode": lambda: one.encode(pcm),
        f"{name} decode": lambda: one.decode(payload),
    }
    if encoding.name in BARE:
        encode, decode = BARE[encoding.name](pcm, payload)
        steps |= {f"{name} bare encode": encode, f"{name} bare decode": decode}
    turns = [{what: microseconds(step, 2) for what, step in steps.items()} for _ in range(TURNS)]
    return {what: min(turn[what] for turn in turns) for what in steps}


def bare_g722(pcm: Pcm, payload: bytes) -> Steps:
    library: Any = import_module("G722").G722(16000, 64000)
    return lambda: library.encode(pcm), lambda: library.decode(payload)


def bare_opus(pcm: Pcm, payload: bytes) -> Steps:
    """With the settings of ours, and buffers that are there already."""
    there, back = codec("OPUS"), codec("OPUS")
    there.encode(pcm)
    back.decode(payload)
    one, other = (opus_of(each) for each in (there, back))
    library, samples, out = one._library, pcm.tobytes(), create_string_buffer(4000)
    encoder, decoder = one._encoder, other._decoder
    return (
        lambda: library.opus_encode(encoder, samples, len(pcm), out, 4000),
        lambda: library.opus_decode(decoder, payload, len(payload), out, 1920, 0),
    )


def opus_of(one: Codec) -> Any:
    """The object behind its functions, whose library is to be asked without them."""
    return one.encode.__self__  # type: ignore[attr-defined]


def bare_amr_wb(pcm: Pcm, payload: bytes) -> Steps:
    there, back = amrwb.load_encoder(), amrwb.load_decoder()
    encoder, decoder = there.E_IF_init(), back.D_IF_init()
    samples, frame, out = pcm.tobytes(), payload[1:], create_string_buffer(640)
    return (
        lambda: there.E_IF_encode(encoder, amrwb.MODE, samples, out, 0),
        lambda: back.D_IF_decode(decoder, frame, out, 0),
    )


BARE = {"G722": bare_g722, "OPUS": bare_opus, "AMR-WB": bare_amr_wb}


def kept(name: str, calls: int = 2000) -> float:
    """KiB of a call: one codec for each direction, as the process grows by them."""
    one = codec(name)  # loads its library
    pcm = silence(one.encoding.sample_rate // 50)
    payload = one.encode(pcm)
    before = resident_kib()
    made = [codec(name) for _ in range(2 * calls)]
    for each in made[:calls]:
        each.decode(payload)
    for each in made[calls:]:
        each.encode(pcm)
    return (resident_kib() - before) / calls


def resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


def batched(calls: int) -> dict[str, float]:
    pcm = speech((calls, 160))
    ulaw, alaw = g711.encode_ulaw_batch(pcm), g711.encode_alaw_batch(pcm)
    steps: dict[str, Callable[[], object]] = {
        "PCMU batch encode": lambda: g711.encode_ulaw_batch(pcm),
        "PCMU batch decode": lambda: g711.decode_ulaw_batch(ulaw),
        "PCMA batch encode": lambda: g711.encode_alaw_batch(pcm),
        "PCMA batch decode": lambda: g711.decode_alaw_batch(alaw),
    }
    return {name: microseconds(step) / calls for name, step in steps.items()}


def resampled(from_rate: int, to_rate: int) -> float:
    resampler = Resampler(from_rate, to_rate)
    pcm = speech(from_rate // 50)
    return microseconds(lambda: resampler.process(pcm))


def measure(calls: int) -> dict[str, float]:
    results: dict[str, float] = {}
    for name in registry.names():
        try:
            results |= single(codec(name))
        except MissingLibrary as error:
            print(error, file=sys.stderr)
    payload = l16.encode(speech(320))
    results["L16 16000 likely_order"] = microseconds(lambda: l16.likely_order(payload))
    results |= batched(calls)
    for from_rate, to_rate in permutations(RATES, 2):
        results[f"resample {from_rate} to {to_rate}"] = resampled(from_rate, to_rate)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--calls", type=int, default=100, help="calls in a batch (default 100)")
    options = parser.parse_args()
    results = measure(options.calls)
    if options.json:
        print(json.dumps({name: round(value, 3) for name, value in results.items()}))
        return
    for name, value in results.items():
        print(f"{name:28}{value:9.2f} us")
    for name in registry.names():
        rate = f"{name} {registry.encoding(name).sample_rate}"
        if f"{rate} encode" in results:
            each = results[f"{rate} encode"] + results[f"{rate} decode"]
            print(f"{name + ' alone':28}{0.02 / each * 1e6:9.0f} calls a core, both directions")
    for name in registry.names():
        try:
            print(f"{name + ' memory':28}{kept(name):9.2f} KiB a call")
        except MissingLibrary as error:
            print(error, file=sys.stderr)


if __name__ == "__main__":
    main()
