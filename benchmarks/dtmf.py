"""Keys as sound: what the detector accepts, what it takes speech for, and what it costs.

    python -m benchmarks.dtmf borders
    python -m benchmarks.dtmf talk-off [FOLDER ...] [--generated 5]
    python -m benchmarks.dtmf speed

`borders` presses all 16 digits, each at seven places in a frame, and prints what share of them was
heard as asked. `talk-off` reads recordings (by default those of the Debian packages in `PLACES`,
as far as they are there) and counts digits that nobody pressed: at their own speed, and 10 and 5 %
slower and faster, which is a person of another pitch; and each recording over another one.
`--generated` adds so many hours of espeak-ng's voices. `speed` is the best of several runs, in
microseconds per 20 ms of one call."""

import argparse
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from time import process_time
from timeit import timeit
from typing import NamedTuple

import numpy as np
from tests.telecodecs import pressed
from tests.telecodecs.pressed import Wave, clipped, line, noise, press, quiet, through

from callbridge.speech import espeak
from telecodecs import MissingLibrary, Pcm, codec, resample
from telecodecs.dtmf import DIGITS, DtmfDetector, tones

RATE = 8000
PHASES_MS = (100.0, 103.3, 106.1, 109.4, 112.2, 115.9, 118.7)
PLACES = {
    "prompts": ("/usr/share/asterisk/sounds", "asterisk-core-sounds-{en,es,fr,it,ru}-wav"),
    "dialogues": ("/usr/share/games/fillets-ng/sound", "fillets-ng-data-{cs,nl}"),
    "single words": ("/usr/share/ktuberling/sounds", "ktuberling-data"),
    "syllables": ("/usr/share/klettres", "klettres-data"),
    "music on hold": ("/usr/share/asterisk/moh", "asterisk-moh-opsound-wav"),
    "music of a game": ("/usr/share/games/fillets-ng/music", "fillets-ng-data"),
}  # fmt: skip
SOUNDS = (".wav", ".ogg", ".flac", ".mp3")
# A file that is played at these rates is a person who speaks so much faster or slower.
SPEEDS = {7200: "10 % faster", 7600: "5 % faster", 8400: "5 % slower", 8800: "10 % slower"}
SHORTEST_H = 0.01
LANGUAGES = ("en-US", "en-GB", "de", "fr", "es", "it", "ru", "nl", "pl", "sv", "pt-BR", "tr")

MakesKey = Callable[[str, float], Pcm]


# ---- borders ------------------------------------------------------------------------------------


def share(key: MakesKey, times: int = 1, rate: int = RATE) -> float:
    """Of all digits at all phases: those that were heard so often, and nothing besides."""
    right = [
        pressed.heard(key(digit, ms), rate) == times * digit for digit in DIGITS for ms in PHASES_MS
    ]
    return sum(right) / len(right)


def keys(rate: int = RATE, **of_key: float) -> MakesKey:
    return lambda digit, ms: line(press(digit, **of_key, rate=rate), rate=rate, before_ms=ms)


def broken(gap_ms: float) -> MakesKey:
    def made(digit: str, ms: float) -> Pcm:
        return line(press(digit, ms=50), quiet(gap_ms), press(digit, ms=50), before_ms=ms)

    return made


def beside(other: Callable[[int, int], Wave], **of_key: float) -> MakesKey:
    def made(digit: str, ms: float) -> Pcm:
        wave = np.concatenate([quiet(ms), press(digit, **of_key), quiet(100)])
        return clipped(wave + other(len(wave), round(10 * ms)))

    return made


def coded(name: str, rate: int, lost: int | None = None, **of_key: float) -> MakesKey:
    key, gone = keys(rate, **of_key), () if lost is None else (lost,)
    return lambda digit, ms: through(name, key(digit, ms), rate, gone)


def dial_tone(dbm0: float) -> Callable[[int, int], Wave]:
    return lambda n, _: pressed.sines(pressed.DIAL_TONE, (dbm0, dbm0), n, RATE)


def hiss(below_db: float) -> Callable[[int, int], Wave]:
    """Below both tones of a key together."""
    return lambda n, seed: noise(n, -5 - below_db, seed)


def clicks(a_second: float) -> Callable[[int, int], Wave]:
    return lambda n, seed: pressed.impulses(n, RATE, a_second=a_second, dbm0=0, seed=seed)


def print_row(name: str, shares: Iterable[tuple[str, float]]) -> None:
    print(f"{name:44}", "  ".join(f"{at}: {100 * of:.0f}" for at, of in shares), flush=True)


def borders() -> None:
    print("share of 112 keys that were heard as asked, in percent")
    print_row("lasts, ms", ((f"{ms}", share(keys(ms=ms))) for ms in (23, 25, 26, 28, 30, 32, 40)))
    for way, sign in (("high", 1), ("low", -1)):
        steps = (1.5, 1.8, 2.0, 2.2, 2.4, 2.6, 3.0, 3.5)
        print_row(
            f"frequencies too {way}, %",
            ((f"{off}", share(keys(ms=50, off=sign * off / 100))) for off in steps),
        )
        two_more = share(keys(ms=40, off=sign * 0.015, off_hz=2))
        print_row(f"  1.5 % and 2 Hz too {way}, 40 ms", [("", two_more)])
    levels = (3, 0, -10, -25, -36, -40, -41, -42)
    for name in ("PCMU", "PCMA"):
        print_row(
            f"level of each tone through {name}, dBm0",
            ((f"{dbm0}", share(coded(name, RATE, ms=40, dbm0=dbm0))) for dbm0 in levels),
        )
    print_row(
        "the high tone is louder by, dB",
        ((f"{db}", share(keys(ms=40, twist_db=db))) for db in (-10, -9, -8, -4, 4, 8, 9, 10)),
    )
    gaps = (10, 15, 20, 22, 25, 28, 30, 35, 40)
    print_row("one key in spite of a gap of, ms", ((f"{g}", share(broken(g))) for g in gaps))
    print_row("two keys with a pause of, ms", ((f"{g}", share(broken(g), 2)) for g in gaps))
    print_row(
        "above white noise by, dB",
        ((f"{db}", share(beside(hiss(db), ms=40))) for db in (18, 15, 12, 10, 9, 8, 7)),
    )
    print_row(
        "dial tone, of -8 dBm0 keys, dBm0 each",
        ((f"{db}", share(beside(dial_tone(db), ms=50))) for db in (-20, -12, -10, -8, -6)),
    )
    print_row(
        "clicks of 0 dBm0, a second",
        ((f"{n}", share(beside(clicks(n), ms=70))) for n in (5, 20, 50)),
    )
    for name, rate in (
        ("PCMU", 8000), ("PCMA", 8000), ("G722", 16000), ("OPUS", 8000), ("OPUS", 16000),
        ("OPUS", 24000), ("OPUS", 48000), ("AMR-WB", 16000),
    ):  # fmt: skip
        print_codec(name, rate)


def print_codec(name: str, rate: int) -> None:
    try:
        codec(name, rate)
    except (MissingLibrary, ValueError) as error:
        print(f"{name} at {rate} Hz: not measured, {error}")
        return
    print_row(
        f"{name} at {rate} Hz, lasts, ms",
        ((f"{ms}", share(coded(name, rate, ms=ms), rate=rate)) for ms in (23, 35, 40, 50)),
    )
    print_row("  -36 dBm0, 40 ms", [("", share(coded(name, rate, ms=40, dbm0=-36), rate=rate))])
    lost = [share(coded(name, rate, lost=n, ms=100), rate=rate) for n in range(4, 12)]
    print_row("  100 ms, of which 20 are lost anywhere", [("", sum(lost) / len(lost))])


# ---- talk-off -----------------------------------------------------------------------------------


class Recording(NamedTuple):
    name: str
    pcm: Pcm  # at 8 kHz

    @property
    def hours(self) -> float:
        return len(self.pcm) / RATE / 3600


def recorded(name: str, folder: Path) -> Recording:
    """All sounds in a folder, each once, with a tenth of a second between them."""
    files = {file.resolve() for file in folder.rglob("*") if file.suffix.lower() in SOUNDS}
    pieces = [np.zeros(0, np.int16)]
    for file in sorted(files):
        pieces += [read(file), np.zeros(RATE // 10, np.int16)]
    return Recording(name, np.concatenate(pieces))


def read(file: Path) -> Pcm:
    """By FFmpeg (PyAV); nothing of a file that it does not read."""
    import av  # of the extra hd, and slow to load
    from av.error import FFmpegError

    whole = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    try:
        with av.open(str(file), metadata_errors="replace") as container:
            frames = [
                out.to_ndarray()[0]
                for frame in [*container.decode(audio=0), None]
                for out in whole.resample(frame)
            ]
    except FFmpegError:
        return np.zeros(0, np.int16)
    return np.concatenate(frames) if frames else np.zeros(0, np.int16)


def generated(hours: float) -> Iterator[Recording]:
    """espeak-ng says random words of its own documents' kind: a synthesiser's pitch is steadier
    than a person's, so this is no easier than speech."""
    rng = random.Random(1)
    words = " ".join(path.stem for path in Path("docs").glob("*.md")).replace("-", " ").split()
    words += Path("docs/architecture.md").read_text().split()
    for language in LANGUAGES:
        pieces: list[Pcm] = []
        while sum(map(len, pieces)) < hours / len(LANGUAGES) * 3600 * RATE:
            text = " ".join(rng.choice(words).strip("`*|()#") for _ in range(60))
            female, pace = rng.choice((False, True)), rng.choice((130, 165, 200))
            pieces.append(espeak.speak(text, RATE, language=language, female=female, rate=pace))
        yield Recording(f"espeak-ng, {language}", np.concatenate(pieces))


def false_digits(pcm: Pcm) -> str:
    detector = DtmfDetector(RATE)
    return "".join(detector.process(pcm[at : at + 160]) for at in range(0, len(pcm) - 159, 160))


def print_hits(name: str, what: str, pcm: Pcm, sums: Counter[str]) -> None:
    found, hours = false_digits(pcm), len(pcm) / RATE / 3600
    sums[f"{what} hits"] += len(found)
    sums[f"{what} seconds"] += round(hours * 3600)
    print(f"{name:30} {what:12} {hours:6.2f} h  {len(found):4}  {found[:30]}", flush=True)


def talk_off(folders: list[Path], generated_h: float) -> None:
    places = {str(folder): folder for folder in folders} or {
        name: Path(folder) for name, (folder, _) in PLACES.items()
    }
    for name, (folder, packages) in PLACES.items():
        if not folders and not Path(folder).is_dir():
            print(f"{name}: not there, apt-get install {packages}")
    material = [recorded(name, folder) for name, folder in places.items() if folder.is_dir()]
    speech, music = (
        [
            each
            for each in material
            if each.hours > SHORTEST_H and ("music" in each.name) is is_music
        ]
        for is_music in (False, True)
    )
    for what, group in (("speech", speech), ("music", music)):
        sums: Counter[str] = Counter()
        for each in group:
            print_hits(each.name, "as it is", each.pcm, sums)
            for rate, speed in SPEEDS.items():
                print_hits(each.name, speed, resample(each.pcm, RATE, rate), sums)
        for one, other in zip(group, group[1:] + group[:1], strict=True) if len(group) > 1 else ():
            both = one.pcm.astype(np.float64) + np.resize(other.pcm, len(one.pcm))
            print_hits(f"{one.name} and another", "two at once", clipped(both), sums)
        print_sums(what, sums)
    sums = Counter[str]()
    for each in generated(generated_h) if generated_h else ():
        print_hits(each.name, "generated", each.pcm, sums)
    print_sums("generated", sums)


def print_sums(name: str, sums: Counter[str]) -> None:
    for key in [key for key in sums if key.endswith(" seconds")]:
        what, hours = key.removesuffix(" seconds"), sums[key] / 3600
        hits = sums[f"{what} hits"]
        print(f"== {name}, {what}: {hits} in {hours:.1f} h, {hits / hours:.2f} an hour")


# ---- speed --------------------------------------------------------------------------------------


def microseconds(pcm: Pcm, rate: int, runs: int = 7) -> float:
    size = rate // 50
    frames = [pcm[at : at + size] for at in range(0, len(pcm) - size + 1, size)]

    def hear() -> None:
        detector = DtmfDetector(rate)
        for frame in frames:
            detector.process(frame)

    # Of the processor: what else the machine does is not counted.
    return min(timeit(hear, timer=process_time, number=1) for _ in range(runs)) / len(frames) * 1e6


@cache
def spoken(rate: int) -> Pcm:
    text = "Please tell me your name, and what you are calling about. " * 6
    return espeak.speak(text, rate)


def speed() -> None:
    print(f"{'Hz':>6} {'silence':>8} {'speech':>8} {'noise':>8} {'a held key':>11} {'keys':>8}")
    for rate in (8000, 16000, 24000, 48000):
        pieces = [
            piece
            for digit in "0123456789"
            for piece in (tones(digit, rate // 10, rate), np.zeros(rate // 10, np.int16))
        ]
        sounds = (
            np.zeros(4 * rate, np.int16),
            spoken(rate),
            clipped(noise(4 * rate, -15)),
            tones("5", 4 * rate, rate),
            np.concatenate(pieces),
        )
        silent, speech, noisy, held, keyed = (microseconds(pcm, rate) for pcm in sounds)
        print(f"{rate:6} {silent:8.1f} {speech:8.1f} {noisy:8.1f} {held:11.1f} {keyed:8.1f}")
    print("keys: ten digits, 100 ms each with 100 ms between")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("borders")
    parts.add_parser("speed")
    talking = parts.add_parser("talk-off")
    talking.add_argument("folders", nargs="*", type=Path)
    talking.add_argument("--generated", type=float, default=0.0, metavar="HOURS")
    args = parser.parse_args()
    if args.part == "borders":
        borders()
    elif args.part == "speed":
        speed()
    else:
        talk_off(args.folders, args.generated)


if __name__ == "__main__":
    main()
