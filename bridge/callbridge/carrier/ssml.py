"""SSML as the platform documents it → SSML that espeak-ng reads, or the bare text.

The platform's nine tags and no more reach the engine, with values that the engine knows. A tag that
is not one of them is dropped and its text said; so is what the engine has no means for, which is
`phoneme`. Nothing is expanded: a DOCTYPE is malformed here, as it stands inside of the root.

Source: the platform's page on SSML; espeak-ng/espeak-ng `src/libespeak-ng/ssml.c`."""

import re
from collections.abc import Callable
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

MAX_DEPTH = 32

Attributes = dict[str, str]

DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
DECIBELS = re.compile(r"([+-]\d{1,2}(?:\.\d{1,3})?)dB", re.IGNORECASE)
REQUIRED = {"phoneme": ("alphabet", "ph"), "say-as": ("interpret-as",), "sub": ("alias",)}
# How a say-as is called by the engine; the rest is what it reads numbers and words as anyway.
SAY_AS = {
    "characters": "characters",
    "spell-out": "characters",
    "digits": "telephone",  # its own `digits` reads them as one number
    "telephone": "telephone",
}
STRENGTHS = {"pause": "strong"}


class MalformedSsml(ValueError):
    """What is wrong, and where."""


def for_engine(payload: str) -> str:
    """SSML for espeak-ng. Raises MalformedSsml."""
    return f"<speak>{_read(payload, tags=True)}</speak>"


def text_of(payload: str) -> str:
    """The words alone, for voices that read no SSML. Raises MalformedSsml."""
    return " ".join(_read(payload, tags=False).split())


def _read(payload: str, *, tags: bool) -> str:
    # A root of one's own makes the platform's optional one a tag among others.
    whole = f"<speak>{DECLARATION.sub('', payload, count=1)}</speak>"
    writer = _Writer(tags=tags)
    try:
        writer.parser.Parse(whole.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        why = expat.errors.messages[error.code]
        raise MalformedSsml(f"{why}, line {error.lineno}") from None
    return "".join(writer.written)


class _Writer:
    """What the parser calls. `_closing` has what is written at the end of each open tag."""

    def __init__(self, *, tags: bool) -> None:
        self.written: list[str] = []
        self._tags = tags
        self._closing: list[str] = []
        self._unsaid = 0  # open tags whose text something else is said for
        self.parser = expat.ParserCreate("utf-8")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    def _start(self, tag: str, attributes: Attributes) -> None:
        if len(self._closing) >= MAX_DEPTH:
            raise MalformedSsml(f"more than {MAX_DEPTH} tags in each other")
        for name in REQUIRED.get(tag, ()):
            if name not in attributes:
                raise MalformedSsml(f"{tag} without {name}")
        if self._unsaid or tag == "sub":
            if not self._unsaid:
                self._write(attributes["alias"])
            self._unsaid += 1
            self._closing.append("")
            return
        if self._tags:
            written = TAGS.get(tag, _dropped)(attributes)
            self.written.append(f"<{written}>" if written else "")
            self._closing.append(f"</{written.partition(' ')[0]}>" if written else "")
        else:  # what was apart stays apart
            self._closing.append(" " if tag in ("p", "s", "break") else "")

    def _end(self, tag: str) -> None:
        self.written.append(self._closing.pop())
        self._unsaid -= self._unsaid > 0

    def _characters(self, text: str) -> None:
        if not self._unsaid:
            self._write(text)

    def _write(self, text: str) -> None:
        self.written.append(escape(text) if self._tags else text)


# ---- one function for each tag: what stands between < and > for the engine, empty for nothing ----


def _dropped(attributes: Attributes) -> str:
    return ""


def _plain(tag: str) -> Callable[[Attributes], str]:
    return lambda attributes: tag


def _break(attributes: Attributes) -> str:
    time, strength = attributes.get("time", "").strip(), attributes.get("strength", "").lower()
    if re.fullmatch(r"\d{1,5}(\.\d{1,3})?m?s", time):
        seconds = float(time.rstrip("ms")) / (1000 if time.endswith("ms") else 1)
        return f'break time="{round(min(seconds, 10.0) * 1000)}ms"'
    known = STRENGTHS.get(strength, strength)
    if known in ("none", "x-weak", "weak", "medium", "strong", "x-strong"):
        return f'break strength="{known}"'
    return "break"


def _emphasis(attributes: Attributes) -> str:
    level = attributes.get("level", "moderate").lower()
    return f'emphasis level="{level}"' if level in ("strong", "moderate", "reduced") else ""


def _lang(attributes: Attributes) -> str:
    language = attributes.get("xml:lang", "")
    is_tag = re.fullmatch(r"[A-Za-z]{2,3}(-\w{2,8})*", language, re.ASCII)
    return f"voice xml:lang={quoteattr(language)}" if is_tag else ""


def _prosody(attributes: Attributes) -> str:
    kept = ""
    for name, pattern in (
        ("rate", r"x-slow|slow|medium|fast|x-fast|\d{1,3}%"),
        ("volume", r"default|silent|x-soft|soft|medium|loud|x-loud|\d{1,3}%"),
        ("pitch", r"default|x-low|low|medium|high|x-high|\d{1,3}%"),
    ):
        value = attributes.get(name, "").strip().lower()
        if name == "volume" and (decibels := DECIBELS.fullmatch(value)):
            value = f"{round(100 * 10 ** (min(float(decibels[1]), 12.0) / 20))}%"
        if re.fullmatch(pattern, value, re.ASCII):
            kept += f' {name}="{value}"'
    return f"prosody{kept}" if kept else ""


def _say_as(attributes: Attributes) -> str:
    known = SAY_AS.get(attributes["interpret-as"].lower())
    return f'say-as interpret-as="{known}"' if known else ""


TAGS: dict[str, Callable[[Attributes], str]] = {
    "break": _break,
    "emphasis": _emphasis,
    "lang": _lang,
    "p": _plain("p"),
    "prosody": _prosody,
    "s": _plain("s"),
    "say-as": _say_as,
}
