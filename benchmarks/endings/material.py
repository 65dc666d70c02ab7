"""Where speakers end and where they only pause, in recordings that Debian's packages bring.

    asterisk-core-sounds-{en,es,fr,ru}-wav asterisk-core-sounds-{en,es,fr,ru}
    pocketsphinx-testdata

The wording that comes with the prompts of an exchange says by its punctuation what a silence in
them is: the end of a sentence, or a pause within one. Prompts whose wording ends with "..." were
recorded to be followed by another, so their end is a pause, too."""

import gzip
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from benchmarks.answers import recordings
from benchmarks.answers.material import Catalogue, Recorded, choose, part
from benchmarks.answers.spoken import QUIET_DB, STEP, quiet_around, spoken, trimmed
from numpy.typing import NDArray
from tests.callbridge.speech.acoustics import RATE, Wave

from callbridge.host import audiofile

SOUNDS = Path("/usr/share/asterisk/sounds")
DOCS = Path("/usr/share/doc")
FOLDERS = {
    "en": "en_US_f_Allison",
    "es": "es_MX_f_Allison",
    "fr": "fr_CA_f_June",
    "ru": "ru_RU_f_IvrvoiceRU",
}
SPEAKERS = {"en": "Allison", "es": "Allison", "fr": "June", "ru": "Ivrvoice", "reading": "readers"}

Kind = Literal["end", "sentence end", "word", "cut", "pause", "fragment"]
"""The first three are finished. A `cut` is where somebody went on without a pause; a `pause` is the
speaker's own, and so is a `fragment`, a prompt that another one is to follow."""
FINISHED: tuple[Kind, ...] = ("end", "sentence end", "word")

PAUSE_S = 0.15  # a silence of this length within a recording is the speaker's own pause
CUT_S = (0.03, 0.12)  # silences between words, or before a plosive, where a recording may be cut
BEFORE_S, AFTER_S = 0.8, 0.4  # of sound, at least, before a place and after it
CUTS = 4  # of one recording, at most
NEAR_S, ALONE_S = 0.4, 0.8  # a mark belongs to a silence so near to it, with no other sort near
LONGEST_S = 15.0  # of a recording whose silences are told by where its marks should be
FEWEST_WORDS = 3
READ_TO_THE_END = ("librivox/sense_and_sensibility_01_austen_64kb-0870", "cards/")
NO_SPEECH = ("silence/", "letters/", "phonetic/", "digits/", "beep", "ascending", "descending")


class Place(NamedTuple):
    """Up to `wave`'s end somebody spoke, and then there was silence."""

    speaker: str
    language: str
    name: str
    kind: Kind
    wave: Wave

    @property
    def finished(self) -> bool:
        return self.kind in FINISHED


def places(*, final: bool) -> list[Place]:
    """All of one part. Reads recordings."""
    known = recordings.catalogue()
    found = [*_aligned(known, final=final), *_words(known, final=final)]
    for language in FOLDERS:
        found += _prompts(language, known, final=final)
    return sorted(found, key=lambda place: (place.language, place.name, len(place.wave)))


def numbers(*, final: bool) -> list[Place]:
    """Told in groups of digits, each digit a recording of its own: nothing is learnt from them."""
    chosen = choose(recordings.catalogue(), final=final)
    turns = [spoken(each) for each in chosen if each.kind == "digits"]
    found = [_place("en", turn.name, "end", turn.wave) for turn in turns]
    for turn in turns:
        waves = [turn.wave[: round(pause.begin * RATE)] for pause in turn.pauses]
        found += [_place("en", turn.name, "pause", wave) for wave in waves]
    return found


def missing() -> str:
    """What to install; empty when all is there."""
    lacks = [
        language
        for language in FOLDERS
        if not (_folder(language).is_dir() and _doc(language).is_file())
    ]
    packages = " ".join(
        f"asterisk-core-sounds-{each}-wav asterisk-core-sounds-{each}" for each in lacks
    )
    return f"apt-get install {packages}" if lacks else recordings.missing()


# ---- recordings whose words are aligned ----------------------------------------------------------


def _aligned(known: Catalogue, *, final: bool) -> Iterator[Place]:
    """English prompts and readings, cut where their words part."""
    for kind in ("sentence", "reading"):
        for recorded in part(known[kind], final=final):
            wave = recordings.wave(recorded.name)
            language = "en" if kind == "sentence" else "reading"
            yield from _gaps(recorded, wave, language)
            name = recorded.name.removeprefix(recordings.PARTS)
            if language == "reading" and name.startswith(READ_TO_THE_END):
                yield _place(language, recorded.name, "end", trimmed(wave))


def _gaps(recorded: Recorded, wave: Wave, language: str) -> Iterator[Place]:
    cuts = 0
    for gap in recorded.gaps:
        own = quiet_around(wave, gap.at_s)
        if own.begin < BEFORE_S:
            continue
        pause = own.end - own.begin >= PAUSE_S
        if pause and language != "reading":
            continue  # `_prompts` has it, with what the punctuation says
        cuts += not pause
        if pause or cuts <= CUTS:
            middle = own.begin if pause else (own.begin + own.end) / 2
            upto = wave[: round(middle * RATE)]
            yield _place(language, recorded.name, "pause" if pause else "cut", upto)


def _words(known: Catalogue, *, final: bool) -> Iterator[Place]:
    for recorded in part(known["word"], final=final):
        yield _place("en", recorded.name, "word", trimmed(recordings.wave(recorded.name)))


# ---- prompts, by their punctuation ---------------------------------------------------------------


def _prompts(language: str, known: Catalogue, *, final: bool) -> Iterator[Place]:
    """Ends and pauses of all prompts; of those that are not aligned cuts, too."""
    aligned = known["sentence"] if language == "en" else ()
    names = {each.name for each in aligned} | {each.name for each in known["word"]}
    wording = _wording(language)
    others = [Recorded(name) for name in wording if name not in names]
    chosen = [*part(aligned, final=final), *part(others, final=final)]
    for recorded in chosen:
        file = _folder(language) / f"{recorded.name}.wav"
        if recorded.name in wording and file.is_file():
            wave = trimmed(_loaded(file))
            if len(wave) >= BEFORE_S * RATE:
                text = wording[recorded.name]
                yield from _of_prompt(language, recorded, text, wave, cut=not recorded.gaps)


def _of_prompt(
    language: str, recorded: Recorded, text: str, wave: Wave, *, cut: bool
) -> Iterator[Place]:
    name = recorded.name
    begins_whole = not text.startswith(("...", "…"))
    if re.search(r"(\.\.\.|…)$", text):
        yield _place(language, name, "fragment", wave)
    elif text[-1] in ".!?" and len(text.split()) >= FEWEST_WORDS:
        yield _place(language, name, "end", wave)
    quiet = _quiet_runs(wave)
    marks = _marks(text)
    total = len(wave) / RATE - sum(end - begin for begin, end in quiet if end - begin >= PAUSE_S)
    silent, cuts = 0.0, 0
    for begin, end in quiet:
        inside = begin >= BEFORE_S and end <= len(wave) / RATE - AFTER_S
        if end - begin >= PAUSE_S:
            at = begin - silent
            kind = prompted(at, [(share * total, ends) for share, ends in marks])
            silent += end - begin
            if inside and kind and begins_whole and len(wave) <= LONGEST_S * RATE:
                yield _place(language, name, kind, wave[: round(begin * RATE)])
        elif cut and inside and CUT_S[0] <= end - begin <= CUT_S[1] and cuts < CUTS:
            cuts += 1
            yield _place(language, name, "cut", wave[: round((begin + end) / 2 * RATE)])


def prompted(at: float, marks: list[tuple[float, bool]]) -> Kind | None:
    """What a silence is after so many seconds of speech; None where that is not clear."""
    near = [ends for where, ends in marks if abs(where - at) <= ALONE_S]
    close = [ends for where, ends in marks if abs(where - at) <= NEAR_S]
    if len(set(near)) > 1 or (near and not close):
        return None
    return "sentence end" if near and near[0] else "pause"


def _marks(text: str) -> list[tuple[float, bool]]:
    """(share of the text's letters, whether it ends a sentence) of each mark inside."""
    letters = len(re.sub(r"\W", "", text))
    found = re.finditer(r"[.!?]+(?=\s)|[,;:–-](?=\s)", text)
    return [
        (len(re.sub(r"\W", "", text[: mark.start()])) / letters, mark[0][0] in ".!?")
        for mark in found
    ]


def _quiet_runs(wave: Wave) -> list[tuple[float, float]]:
    """Seconds at which silence begins and ends, within a recording."""
    steps = wave[: len(wave) // STEP * STEP].reshape(-1, STEP)
    power = (steps**2).mean(axis=1) + 1e-3
    quiet: NDArray[np.bool_] = power < np.percentile(power, 95) * 10 ** (-QUIET_DB / 10)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], quiet, [False])).astype(np.int8)))
    pairs = (edges.reshape(-1, 2) * STEP / RATE).tolist()
    return [(begin, end) for begin, end in pairs]


def _wording(language: str) -> dict[str, str]:
    """Recording → text, of what is speech and no list."""
    texts: dict[str, str] = {}
    lines = gzip.decompress(_doc(language).read_bytes()).decode(errors="replace").splitlines()
    for line in lines:
        if found := re.match(r"([\w/-]+):\s+(.*\S)", line):
            name, text = found[1], re.sub(r"\s+\.\.\.", "...", found[2]).strip(' "“”')
            if re.search(r"\w", text) and text[0] not in "[(;" and not name.startswith(NO_SPEECH):
                texts[name] = text
    return texts


def _doc(language: str) -> Path:
    return DOCS / f"asterisk-core-sounds-{language}/core-sounds-{language}.txt.gz"


def _folder(language: str) -> Path:
    return SOUNDS / FOLDERS[language]


@cache
def _loaded(file: Path) -> Wave:
    return audiofile.load(file, RATE).astype(np.float64)


def _place(language: str, name: str, kind: Kind, wave: Wave) -> Place:
    return Place(SPEAKERS[language], language, name, kind, wave)
