"""Where the recordings are, and what is said in them. Read where the packages put them.

Of other languages than English there are no readings, and nobody here knows a recogniser: where
their words part was found by warping the offline voice onto the recordings (`languages.json`)."""

import gzip
import importlib.util
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.answers.judging import words_of
from benchmarks.answers.material import Catalogue, Gap, Recorded
from benchmarks.pickups import SOUNDS
from tests.callbridge.speech.acoustics import RATE, Wave

from callbridge.host import audiofile

DOC = Path("/usr/share/doc")
TEST_DATA = Path("/usr/share/pocketsphinx/test/data")
TEST_PACKAGE = "pocketsphinx-testdata"
GAPS = Path(__file__).with_name("gaps.json")
OTHER_GAPS = Path(__file__).with_name("languages.json")
OTHERS = {"es": "es_MX_f_Allison", "fr": "fr_CA_f_June", "ru": "ru_RU_f_IvrvoiceRU"}
READING = "reading"  # and which passage of it
PARTS = "pocketsphinx/"

# What people say in a word or two, whole utterances all of them.
WORDS = (
    "hello", "goodbye", "sorry", "im-sorry", "auth-thankyou", "activated", "cancelled", "location",
    "number", "extension", "enabled", "disabled", "removed", "one-moment-please",
    "hello-world", "digits/today", "digits/tomorrow", "digits/yesterday", "digits/day-0",
    "digits/day-1", "digits/day-2", "digits/day-4", "digits/day-5", "digits/mon-0", "digits/mon-2",
    "digits/mon-3", "digits/mon-7", "digits/mon-9", "phonetic/c_p", "phonetic/o_p", "phonetic/v_p",
    "phonetic/h_p",
)  # fmt: skip


def missing(language: str = "en") -> str:
    """What to install; empty when all is there."""
    packages = [f"asterisk-core-sounds-{language}-wav", f"asterisk-core-sounds-{language}"]
    there = _folder(language).is_dir() and _wording_file(language).is_file()
    if language == "en":
        packages.append(TEST_PACKAGE)
        there = there and TEST_DATA.is_dir()
    if not there:
        return f"the recordings are not there: apt-get install {' '.join(packages)}"
    found = language != "en" or importlib.util.find_spec("moonshine_voice") is not None
    return "" if found else "install the extra callbridge[speech]"


def _folder(language: str) -> Path:
    return SOUNDS.with_name(OTHERS[language]) if language != "en" else SOUNDS


def _wording_file(language: str) -> Path:
    return DOC / f"asterisk-core-sounds-{language}" / f"core-sounds-{language}.txt.gz"


@cache
def _gaps(language: str = "en") -> dict[str, Any]:
    if language == "en":
        return dict(json.loads(GAPS.read_text()))
    return {"asterisk": json.loads(OTHER_GAPS.read_text())[language]}


def catalogue(language: str = "en") -> Catalogue:
    """All that turns are made of."""
    known = _gaps(language)
    prompts = [_recorded(name, entry) for name, entry in known["asterisk"].items()]
    if language != "en":
        said = [name for name in WORDS if name in _wording(language)]
        single = [Recorded(name) for name in said if (_folder(language) / f"{name}.wav").is_file()]
        return {"sentence": prompts, "reading": [], "word": single}
    read = [_recorded(PARTS + name, entry) for name, entry in known["pocketsphinx"].items()]
    passages = [
        _recorded(f"{READING}/{n}", {**entry, "words": len(entry["text"].split())})
        for n, entry in enumerate(known["reading"])
    ]
    single = [Recorded(name) for name in WORDS]
    return {"sentence": prompts, "reading": [*read, *passages], "word": single}


def _recorded(name: str, entry: dict[str, Any]) -> Recorded:
    gaps = tuple(Gap(after, at_s, finished) for after, at_s, finished in entry["gaps"])
    return Recorded(name, gaps, entry["words"])


# ---- sounds --------------------------------------------------------------------------------------


@cache
def wave(name: str, language: str = "en") -> Wave:
    """A recording at 8 kHz."""
    if name.startswith(READING + "/"):
        entry = _gaps()["reading"][int(name.rpartition("/")[2])]
        return _reading()[round(entry["from_s"] * RATE) : round(entry["to_s"] * RATE)]
    if name.startswith(PARTS):
        return _loaded(TEST_DATA / f"{name.removeprefix(PARTS)}.wav")
    return _loaded(_folder(language) / f"{name}.wav")


@cache
def _reading() -> Wave:
    spec = importlib.util.find_spec("moonshine_voice")
    assert spec is not None, "see missing()"
    assert spec.origin is not None, "it is a package"
    return _loaded(Path(spec.origin).parent / "assets" / "two_cities.wav")


def _loaded(file: Path) -> Wave:
    return audiofile.load(file, RATE).astype(np.float64)


# ---- words ---------------------------------------------------------------------------------------


def words(name: str, language: str = "en") -> list[str]:
    """What is said in a recording; in other languages than English as it is written."""
    if language != "en":
        return re.findall(r"\w[^\s.,;:!?…«»\"]*", _wording(language)[name])
    if name.startswith(READING + "/"):
        return words_of(_gaps()["reading"][int(name.rpartition("/")[2])]["text"])
    return words_of(_wording()[name])


def sentences(name: str, language: str = "en") -> int:
    """How many are said in a recording, by its punctuation."""
    if name.startswith(READING + "/"):
        text = _gaps()["reading"][int(name.rpartition("/")[2])]["text"]
    else:
        text = _wording(language)[name]
    return 1 + len(re.findall(r"[.!?]+\s+(?=\w)", text))


@cache
def _wording(language: str = "en") -> dict[str, str]:
    """Recording → text, as the packages say it."""
    texts: dict[str, str] = {}
    packed = _wording_file(language).read_bytes()
    for line in gzip.decompress(packed).decode(errors="replace").splitlines():
        found = re.match(r"([\w/-]+):\s(.*)", line)
        if found and found[1] not in texts:
            texts[found[1]] = re.sub(r"[(\[].*?[)\]]", "", found[2])
    if language != "en":
        return texts
    folders = {"librivox": "transcription", "cards": "cards.transcription"}
    for folder, file in folders.items():
        for found in re.finditer(
            r"<s> (.*?) +</s> \((.*)\)", (TEST_DATA / folder / file).read_text()
        ):
            texts[f"{PARTS}{folder}/{found[2]}"] = found[1]
    return texts
