"""What machines and people say when they pick up: a small table for each language.

A phrase is found wherever it stands in what was said, as whole words; `greetings` are the words of
which a short answer of a person consists, as "Hello?" or "Yes, good morning"."""

import re
import unicodedata
from typing import Literal

import msgspec

Speaker = Literal["machine", "person", "screening"]

LONGEST_GREETING = 4  # words


class Phrases(msgspec.Struct, frozen=True, kw_only=True):
    """Of one language, in lower case, without accents and punctuation.

    `screening` asks who is calling and why, before somebody is asked to pick up; `passes_on` is
    said when the caller has answered that."""

    machine: tuple[str, ...]
    screening: tuple[str, ...]
    passes_on: tuple[str, ...]
    person: tuple[str, ...]
    greetings: str


PHRASES = {
    "en": Phrases(
        machine=(
            "leave a message",
            "leave me a message",
            "leave us a message",
            "leave your message",
            "leave your name",
            "record your message",
            "after the tone",
            "after the beep",
            "at the tone",
            "not available",
            "is unavailable",
            "nobody is available",
            "no one is available",
            "next available",
            "voicemail",
            "voice mail",
            "voice message",
            "mailbox",
            "mail box",
            "answering machine",
            "you have reached",
            "you ve reached",
            "come to the phone",
            "take your call",
            "get back to you",
            "call you back",
            "at extension",
            "is on the phone",
            "not in service",
            "be completed as dialed",
            "circuits are busy",
            "not answering",
            "number you have dialed",
            "person you are calling",
            "party you are trying to reach",
            "call again later",
            "has been forwarded",
            "your call is",
            "your call will be",
            "please enter",
            "pound key",
            "press one",
            "press 1",
            "to the directory",
        ),
        screening=(
            "name and reason for calling",
            "name and the reason for your call",
            "reason for calling",
            "reason for your call",
            "record your name",
            "say your name",
            "state your name",
            "i ll see if",
            "see if this person is available",
            "before i try to connect you",
        ),
        passes_on=("stay on the line", "please hold", "hold on", "one moment", "connecting"),
        person=(
            "how can i help",
            "how may i help",
            "who is this",
            "who s this",
            "who is calling",
            "who s calling",
            "speaking",
        ),
        greetings="hello hallo hi hey yes yeah yep good morning afternoon evening this is here",
    ),
    "de": Phrases(
        machine=(
            "nach dem ton",
            "nach dem signalton",
            "nach dem piepton",
            "eine nachricht",
            "ihre nachricht",
            "nicht erreichbar",
            "nicht zu erreichen",
            "anrufbeantworter",
            "mailbox",
            "rufe zuruck",
            "diese rufnummer",
            "zurzeit nicht",
        ),
        screening=("ihren namen und den grund", "grund ihres anrufs"),
        passes_on=("bleiben sie dran", "einen moment", "ich verbinde"),
        person=(
            "was kann ich fur sie tun",
            "wie kann ich ihnen helfen",
            "wer ist da",
            "am apparat",
        ),
        greetings="hallo ja guten tag morgen abend servus gruss gott moin",
    ),
    "es": Phrases(
        machine=(
            "deje un mensaje",
            "deje su mensaje",
            "despues del tono",
            "despues de la senal",
            "buzon de voz",
            "no esta disponible",
            "no puedo atender",
            "ha llamado a",
            "contestador",
        ),
        screening=("su nombre y el motivo", "motivo de su llamada"),
        passes_on=("no cuelgue", "un momento", "mantengase en linea"),
        person=("en que puedo ayudarle", "quien es", "quien habla"),
        greetings="hola si diga digame bueno alo buenos buenas dias tardes",
    ),
    "fr": Phrases(
        machine=(
            "laisser un message",
            "laissez un message",
            "laissez moi un message",
            "votre message",
            "apres le bip",
            "apres le signal",
            "messagerie",
            "repondeur",
            "pas disponible",
            "vous etes bien",
            "rappellerai",
        ),
        screening=("votre nom et la raison", "motif de votre appel"),
        passes_on=("ne quittez pas", "un instant", "restez en ligne"),
        person=("que puis je", "puis je vous aider", "qui est a l appareil", "a l appareil"),
        greetings="allo oui bonjour bonsoir",
    ),
}


def who_says(text: str) -> Speaker | None:
    """Whose words a greeting consists of; None where no phrase tells."""
    words = _plain(text)
    said = f" {' '.join(words)} "
    languages = PHRASES.values()
    if any(_has(said, phrases.screening) for phrases in languages):
        return "screening"
    if any(_has(said, phrases.machine) for phrases in languages):
        return "machine"
    is_person = any(_greets(words, phrases) or _has(said, phrases.person) for phrases in languages)
    return "person" if is_person else None


def passes_on(text: str) -> bool:
    """Whether a screening says that the caller is to wait for the person."""
    said = f" {' '.join(_plain(text))} "
    return any(_has(said, phrases.passes_on) for phrases in PHRASES.values())


def _greets(words: list[str], phrases: Phrases) -> bool:
    known = set(phrases.greetings.split())
    return 0 < len(words) <= LONGEST_GREETING and known.issuperset(words)


def _has(said: str, phrases: tuple[str, ...]) -> bool:
    return any(f" {phrase} " in said for phrase in phrases)


def _plain(text: str) -> list[str]:
    """Words in lower case, without accents and punctuation."""
    letters = unicodedata.normalize("NFKD", text.lower())
    return re.findall(r"[a-z0-9]+", "".join(c for c in letters if not unicodedata.combining(c)))
