"""How well the tables of each language tell a sentence from a piece of one.

    python -m benchmarks.open_words FOLDER

FOLDER holds translations as programs bring them (LANGUAGE/LC_MESSAGES/*.mo), so /usr/share/locale
where it is whole; else those of a few packages, unpacked with `dpkg -x`: evolution-common,
gnome-control-center-data, gedit-common, pidgin-data, vlc-l10n. What translators wrote as whole
sentences is read whole, and cut at a random word. Written words are not spoken ones: it shows
which entries of a table are wrong, and not how people pause."""

import argparse
import gettext
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from callbridge.speech.language import LANGUAGES, Language
from callbridge.speech.scripts import has_words, plain, runs
from callbridge.speech.sentences import ends_sentence, split
from callbridge.speech.words import TextEnding, ending_of

ALSO = {"zh": ["zh_CN"], "yue": ["zh_HK"], "pt": ["pt_BR"], "bn": ["bn_IN"], "en": ["en_GB"]}
UNSPACED = ("ja", "yue", "zh")  # to be cut at a word they would have to be parted into words
SENTENCES, LONGEST = 1500, 200
CODE = "<%{$|\\"  # what is no plain text


def sentences(folder: Path, code: str) -> Iterator[str]:
    """The last sentence of each translation that ends like one."""
    for name in (code, *ALSO.get(code, ())):
        for path in sorted(folder.glob(f"{name}/LC_MESSAGES/*.mo")):
            catalogue: dict[object, object] = vars(gettext.GNUTranslations(path.open("rb")))[
                "_catalog"
            ]
            for text in catalogue.values():
                if isinstance(text, str) and not set(CODE) & set(text) and ends_sentence(text):
                    parts = split(text.replace("\n", " "))
                    yield next(filter(has_words, reversed(parts)), "")


def chosen(folder: Path, code: str) -> list[str]:
    least = 1 if code in UNSPACED else 4
    found = {
        sentence.replace("_", "").strip()
        for sentence in sentences(folder, code)
        if len(runs(plain(sentence))) >= least and len(sentence) < LONGEST
    }
    plain_ends = sorted(sentence for sentence in found if not sentence.endswith(("...", "…")))
    return random.Random(1).sample(plain_ends, min(SENTENCES, len(plain_ends)))


def share_open(texts: list[str], language: Language) -> float:
    return sum(ending_of(text, language) is TextEnding.OPEN for text in texts) / len(texts)


def cut(sentence: str, chance: random.Random) -> str:
    words = sentence.split()
    return " ".join(words[: chance.randrange(2, len(words))]).rstrip(".,;:")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    for code, language in LANGUAGES.items():
        chance = random.Random(2)
        whole = chosen(folder, code)
        pieces = [cut(sentence, chance) for sentence in whole if len(sentence.split()) > 3]
        if not whole:
            print(f"{code:4} no sentences")
            continue
        wrong = [text for text in whole if ending_of(text, language) is TextEnding.OPEN]
        often = Counter(runs(plain(text))[-1][-12:] for text in wrong).most_common(4)
        at_cuts = "" if code in UNSPACED else f"{share_open(pieces, language):4.0%} of their pieces"
        print(
            f"{code:4} {len(whole):5} sentences, open: {share_open(whole, language):5.1%} of them, "
            f"{at_cuts:20} {often}"
        )


if __name__ == "__main__":
    main()
